"""Settlement terms: how an IB is settled, by day; and from which amount on a payout takes two people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from commissions.enums import PayeeKind
from commissions.models import Payee
from commissions.settlement.days import lock_days, to_date
from commissions.settlement.enums import Cycle, Destination, StatementState
from commissions.settlement.models import PayoutLimit, SettlementTerms, Statement
from core.errors import DomainError, Forbidden, InvalidInput
from core.money import round_to
from ib.models import IB
from trading.models import TradingAccount


class TermsTooEarly(DomainError):
    """Terms would begin on a day that is settled."""

    code = "settlement_terms_too_early"
    message = _("Days before %(day)s are closed. Let the terms begin on that day or later.")


@dataclass(frozen=True, slots=True)
class TermsInForce:
    """How a payee is settled on a day. `is_own`: agreed with this IB, not the broker's common terms."""

    cycle: Cycle = Cycle.MONTHLY
    minimum: Decimal = Decimal(0)  # payee's currency
    destination: Destination = Destination.WALLET
    mt_account_id: int | None = None
    needs_review: bool = True
    is_held: bool = False
    reason: str = ""
    effective_day: date | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class TermsBook:
    """The terms of some payees with their days: own ones by IB, common ones by kind of payee; each oldest first."""

    own: Mapping[int, Sequence[SettlementTerms]]
    common: Mapping[str, Sequence[SettlementTerms]]

    def at(self, payee: Payee, day: date) -> TermsInForce:
        """Return a payee's terms of a day: its IB's own, else the common ones, else monthly."""
        for rows in (self.own.get(payee.ib_id or 0, ()), self.common.get(payee.kind, ())):
            if found := next((row for row in reversed(rows) if row.effective_day <= day), None):
                return _terms(found)
        return TermsInForce()


def read_terms(payees: Collection[Payee]) -> TermsBook:
    """Return the terms of these payees; one statement."""
    ibs = {payee.ib_id for payee in payees if payee.ib_id}
    own: dict[int, list[SettlementTerms]] = {}
    common: dict[str, list[SettlementTerms]] = {}
    for row in SettlementTerms.objects.filter(Q(ib__in=ibs) | Q(ib=None)).order_by("effective_day", "pk"):
        (own.setdefault(row.ib_id, []) if row.ib_id else common.setdefault(row.kind, [])).append(row)
    return TermsBook(own, common)


def terms_in_force(*, payees: Collection[Payee], day: date) -> dict[int, TermsInForce]:
    """Return each payee's terms of a day by its id; one statement."""
    book = read_terms(payees)
    return {payee.pk: book.at(payee, day) for payee in payees}


def terms_of_ib(*, ib: IB, day: date) -> TermsInForce:
    """Return the IB's terms of a day."""
    return terms_in_force(payees=[Payee(pk=0, kind=PayeeKind.IB, ib=ib)], day=day)[0]


def _terms(row: SettlementTerms) -> TermsInForce:
    return TermsInForce(
        cycle=Cycle(row.cycle), minimum=row.minimum, destination=Destination(row.destination),
        mt_account_id=row.mt_account_id, needs_review=row.needs_review, is_held=row.is_held, reason=row.reason,
        effective_day=row.effective_day, is_own=row.ib_id is not None,
    )  # fmt: skip


@transaction.atomic
def set_terms(
    *,
    ib: IB | None,
    effective_day: date,
    cycle: Cycle,
    minimum: Decimal,
    destination: Destination = Destination.WALLET,
    mt_account: TradingAccount | None = None,
    needs_review: bool = True,
    is_held: bool = False,
    reason: str = "",
    kind: PayeeKind = PayeeKind.IB,
    actor: Actor,
    now: datetime,
) -> SettlementTerms:
    """Agree from a day on how an IB is settled; without an IB: everybody of the kind who has no own terms yet.

    :raises TermsTooEarly: the day is settled for somebody already.
    :raises InvalidInput: the minimum or the account does not fit.
    :raises Forbidden: the actor may not."""
    if not actor.has("commissions.edit_settlement_terms"):
        raise Forbidden
    _refuse_misfits(ib, minimum, destination, mt_account)
    accounting = lock_days(now=now)
    first = max([to_date(max(accounting.closed_until, 0)), *_running_until(ib, kind)])
    if effective_day < first:
        raise TermsTooEarly(field="effective_day", day=first)
    row = SettlementTerms.objects.create(
        kind=kind, ib=ib, effective_day=effective_day, cycle=cycle, minimum=minimum, destination=destination,
        mt_account=mt_account, needs_review=needs_review and cycle != Cycle.REAL_TIME, is_held=is_held, reason=reason,
        recorded_at=now, recorded_by=actor.label,
    )  # fmt: skip
    record_audit(
        actor=actor, action="commissions.edit_settlement_terms", object_type="ib" if ib else "settlement_terms",
        object_id=ib.pk if ib else kind, before=None, now=now, reason=reason,
        after={
            "effective_day": effective_day, "cycle": cycle, "minimum": minimum, "destination": destination,
            "needs_review": row.needs_review, "is_held": is_held,
        },
    )  # fmt: skip
    return row


def _running_until(ib: IB | None, kind: PayeeKind) -> list[date]:
    """Return until when real-time statements run of those whom the terms concern: these days keep their terms."""
    rows = Statement.objects.filter(state=StatementState.OPEN, payee__kind=kind)
    if ib is not None:
        rows = rows.filter(payee__ib=ib)
    return list(rows.order_by().values_list("to_day", flat=True).distinct())


def _refuse_misfits(
    ib: IB | None, minimum: Decimal, destination: Destination, mt_account: TradingAccount | None
) -> None:
    if not minimum.is_finite() or minimum < 0:
        raise InvalidInput(field="minimum")
    if ib is not None and minimum != round_to(minimum, ib.currency):
        raise InvalidInput(field="minimum")
    if destination == Destination.MT_ACCOUNT:
        if ib is None or mt_account is None or ib.client_id is None or mt_account.client_id != ib.client_id:
            raise InvalidInput(field="mt_account")
        if mt_account.mt_group.currency != ib.currency:
            raise InvalidInput(field="mt_account")
    elif mt_account is not None:
        raise InvalidInput(field="mt_account")


@transaction.atomic
def set_payout_limit(*, currency: str, amount: Decimal | None, actor: Actor, now: datetime) -> None:
    """Let statements of the currency take two people from the amount on; None: one person is enough.

    :raises InvalidInput: the amount is not positive.
    :raises Forbidden: the actor may not."""
    if not actor.has("commissions.edit_payout_limit"):
        raise Forbidden
    before = payout_limits().get(currency)
    if amount is None:
        PayoutLimit.objects.filter(pk=currency).delete()
    elif not amount.is_finite() or amount <= 0:
        raise InvalidInput(field="amount")
    else:
        PayoutLimit.objects.update_or_create(currency=currency, defaults={"amount": amount})
    record_audit(
        actor=actor, action="commissions.edit_payout_limit", object_type="payout_limit", object_id=currency,
        before={"amount": before}, after={"amount": amount}, now=now,
    )  # fmt: skip


def payout_limits() -> dict[str, Decimal]:
    """Return {currency: amount from which on a statement takes two people}."""
    return dict(PayoutLimit.objects.order_by("pk").values_list("currency", "amount"))
