"""Reads of a preview: totals, by month, who gains and who loses, and how large the whole is."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from access.enums import ApprovalState
from access.types import Actor
from commissions.enums import CorrectionState
from commissions.whatif.models import Correction, CorrectionLine, CorrectionPolicy
from core.money import Money
from trading.models import FxRate

_ZERO = Decimal(0)
_MONEY: "DecimalField[Any, Any]" = DecimalField(max_digits=38, decimal_places=8)


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What a correction moves in one currency. `gains` and `losses` add up payees; losses are below zero."""

    currency: str
    before: Decimal
    after: Decimal
    gains: Decimal
    losses: Decimal
    gaining: int  # payees who get more
    losing: int  # payees who get less
    closed: Decimal  # part of the difference that falls on closed statements: it is booked in the open period

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class PayeeTotal:
    """What a correction changes for one payee, in its currency."""

    ib_id: int | None
    client_id: int | None
    code: str
    name: str
    currency: str
    before: Decimal
    after: Decimal
    closed: Decimal  # part of the difference on closed statements
    deals: int

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """The difference of the deals of one month in one currency."""

    month: date
    currency: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


def corrections_visible_to(actor: Actor) -> QuerySet[Correction]:
    """Return the corrections that the actor may see: staff with the right all."""
    rows = Correction.objects.select_related("proposed_by", "closed_by", "approval")
    return rows if actor.sees_all and actor.has("commissions.view_correction") else rows.none()


def waiting_corrections(actor: Actor) -> int:
    """Count the corrections whose preview waits for its maker; those a second person decides are approvals."""
    ready = corrections_visible_to(actor).filter(state=CorrectionState.READY)
    return ready.exclude(approval__state=ApprovalState.REQUESTED).count()


def payee_totals(correction: Correction) -> list[PayeeTotal]:
    """Return what changes for each payee, the largest loss first. One statement."""
    closed = Sum(F("after") - F("before"), filter=Q(is_closed=True))
    rows = (
        CorrectionLine.objects.filter(correction=correction)
        .values("ib_id", "client_id", "currency", "ib__code", "ib__name", "client__code", "client__name")
        .annotate(b=Sum("before"), a=Sum("after"), c=Coalesce(closed, _ZERO, output_field=_MONEY), n=Sum("deals"))
        .order_by(F("a") - F("b"), "ib_id", "client_id")
    )
    return [
        PayeeTotal(
            ib_id=row["ib_id"], client_id=row["client_id"], code=row["ib__code"] or row["client__code"],
            name=row["ib__name"] or row["client__name"], currency=row["currency"], before=row["b"], after=row["a"],
            closed=row["c"], deals=row["n"],
        )
        for row in rows
    ]  # fmt: skip


def currency_totals(payees: list[PayeeTotal]) -> list[CurrencyTotal]:
    """Return the totals by currency of what changes for these payees."""
    found = []
    for currency in sorted({payee.currency for payee in payees}):
        mine = [payee for payee in payees if payee.currency == currency]
        gains = [payee.difference for payee in mine if payee.difference > 0]
        losses = [payee.difference for payee in mine if payee.difference < 0]
        found.append(
            CurrencyTotal(
                currency=currency,
                before=sum((p.before for p in mine), _ZERO),
                after=sum((p.after for p in mine), _ZERO),
                gains=sum(gains, _ZERO),
                losses=sum(losses, _ZERO),
                gaining=len(gains),
                losing=len(losses),
                closed=sum((p.closed for p in mine), _ZERO),
            )
        )
    return found


def month_totals(correction: Correction) -> list[MonthTotal]:
    """Return the difference by month of the deals and currency, oldest first. One statement."""
    rows = CorrectionLine.objects.filter(correction=correction).values("month", "currency")
    summed = rows.annotate(b=Sum("before"), a=Sum("after")).order_by("month", "currency")
    return [MonthTotal(row["month"], row["currency"], row["b"], row["a"]) for row in summed]


def size_of(correction_id: int, *, now: datetime) -> Decimal | None:
    """Return how much a correction moves for all payees together, gains and losses alike, in the limit's currency.

    None when a rate is missing: then nobody can say that it is small."""
    currency = CorrectionPolicy.objects.values_list("limit_currency", flat=True).get(pk=1)
    rows = CorrectionLine.objects.filter(correction_id=correction_id).values("ib_id", "client_id", "currency")
    summed = rows.annotate(d=Sum(F("after") - F("before"))).order_by("currency", "ib_id", "client_id")
    moved = [Money(abs(row["d"]), row["currency"]) for row in summed]
    total = _ZERO
    for held in sorted({money.currency for money in moved}):
        rate = _rate(held, currency, now)
        if rate is None:
            return None
        total += sum((money.amount for money in moved if money.currency == held), _ZERO) * rate
    return total


def _rate(currency: str, wanted: str, now: datetime) -> Decimal | None:
    if currency == wanted:
        return Decimal(1)
    ours, theirs = _usd(currency, now), _usd(wanted, now)
    return None if ours is None or theirs is None else ours / theirs


def _usd(currency: str, now: datetime) -> Decimal | None:
    """Return what one unit of the currency costs in USD by the newest rate."""
    if currency == "USD":
        return Decimal(1)
    pairs = Q(base=currency, quote="USD") | Q(base="USD", quote=currency)
    rate = FxRate.objects.filter(pairs, at__lte=now).order_by("-at", "-pk").first()
    if rate is None:
        return None
    return rate.rate if rate.base == currency else 1 / rate.rate
