"""Symbols that staff describe; symbol groups: the classes that plans name, and putting symbols into them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError, InvalidInput, NotFound
from core.money import to_e8
from trading.enums import HoldReason
from trading.models import HeldDeal, Symbol, SymbolGroup
from trading.services import classify_symbol
from trading.sync.models import SymbolSpec

MOST_UNKNOWN = 200
MOST_DIGITS = 10
_NAME_LENGTH = 32  # of a symbol; what is longer is no symbol


@dataclass(frozen=True, slots=True)
class UnknownSymbol:
    """A symbol that deals of a server name and that nobody has described: the mirror of an MT4 server tells none."""

    server_id: int
    server: str
    name: str
    held: int  # deals that wait for it


class SymbolGroupTaken(DomainError):
    code = "symbol_group_taken"
    message = _("There is a symbol group called %(group)s already.")


@transaction.atomic
def create_symbol_group(*, code: str, name: str, actor: Actor, now: datetime) -> SymbolGroup:
    """Add a class of symbols that plans can name.

    :raises SymbolGroupTaken: the code exists."""
    try:
        with transaction.atomic():
            group = SymbolGroup.objects.create(code=code, name=name)
    except IntegrityError as error:
        raise SymbolGroupTaken(field="code", group=code) from error
    record_audit(
        actor=actor, action="trading.create_symbol_group", object_type="symbol_group", object_id=group.pk,
        before=None, after={"code": code, "name": name}, now=now,
    )  # fmt: skip
    return group


@transaction.atomic
def classify_symbols(*, symbol_ids: Collection[int], group: SymbolGroup, actor: Actor, now: datetime) -> int:
    """Put symbols into a group, all or none; return how many.

    :raises NotFound: one of them does not exist."""
    rows = list(Symbol.objects.filter(pk__in=symbol_ids).order_by("pk"))
    if len(rows) != len(set(symbol_ids)):
        raise NotFound
    for row in rows:
        classify_symbol(symbol=row, group=group, actor=actor, now=now)
    return len(rows)


def unknown_symbols(actor: Actor) -> list[UnknownSymbol]:
    """Return the symbols that held deals name and that are not here, most held deals first."""
    if not (actor.sees_all and actor.has("trading.view_symbol")):
        return []
    here = Symbol.objects.filter(server=OuterRef("server"), name=OuterRef("detail"))
    rows = HeldDeal.objects.filter(~Exists(here), released_at__isnull=True, reason=HoldReason.UNKNOWN_SYMBOL)
    named = rows.values("server_id", "server__name", "detail").annotate(held=Count("pk"))
    return [
        UnknownSymbol(row["server_id"], row["server__name"], row["detail"], row["held"])
        for row in named.order_by("-held", "server__name", "detail")[:MOST_UNKNOWN]
        if len(row["detail"]) <= _NAME_LENGTH
    ]


@transaction.atomic
def add_symbol(
    *,
    unknown: UnknownSymbol,
    contract_size: Decimal,
    digits: int,
    quote_currency: str,
    actor: Actor,
    now: datetime,
) -> Symbol:
    """Say what a symbol is that its server does not describe; the next round reads the deals that wait for it.

    :raises InvalidInput: a contract size that is not above 0 or has more than 8 decimals, or too many digits."""
    if contract_size <= 0 or not 0 <= digits <= MOST_DIGITS:
        raise InvalidInput(field="contract_size" if contract_size <= 0 else "digits")
    described = {"contract_size_e8": to_e8(contract_size), "digits": digits, "quote_currency": quote_currency}
    symbol, created = Symbol.objects.get_or_create(server_id=unknown.server_id, name=unknown.name, defaults=described)
    if created:
        SymbolSpec.objects.create(symbol=symbol, seen_at=now, **described)
        record_audit(
            actor=actor, action="trading.add_symbol", object_type="symbol", object_id=symbol.pk, before=None,
            after={**described, "server": unknown.server, "name": symbol.name}, now=now,
        )  # fmt: skip
    return symbol
