"""Symbol groups: the classes that plans name, and putting symbols into them."""

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError, NotFound
from trading.models import Symbol, SymbolGroup
from trading.services import classify_symbol


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
