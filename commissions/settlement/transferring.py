"""The last step of a payout to a trading account: its transfer was booked there, or the money stays in the wallet."""

from datetime import datetime

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from commissions.settlement.enums import PayoutState, StatementState
from commissions.settlement.models import Payout, Statement
from commissions.telling import tell_statement

_ACTOR = Actor.system("settlement")


def waiting_payouts(*, limit: int = 200) -> list[Payout]:
    """Return payouts whose money is set aside for a trading account, oldest first, with whom they pay."""
    rows = Payout.objects.filter(state=PayoutState.WAITING).select_related("statement__payee", "mt_account__mt_group")
    return list(rows.order_by("pk")[:limit])


@transaction.atomic
def end_transfer(*, payout_id: int, arrived: bool, now: datetime) -> Payout:
    """Note that a payout is on the trading account, or that it stays in the wallet; the statement is paid either way.

    Doing it again changes nothing."""
    statement_id = Payout.objects.values_list("statement_id", flat=True).get(pk=payout_id)
    statement = Statement.objects.select_for_update(of=("self",)).get(pk=statement_id)
    payout = Payout.objects.select_for_update(of=("self",)).get(pk=payout_id)
    if payout.state != PayoutState.WAITING:
        return payout
    payout.state = PayoutState.TRANSFERRED if arrived else PayoutState.KEPT
    payout.transferred_at = now if arrived else None
    payout.save(update_fields=["state", "transferred_at"])
    still_waiting = statement.payouts.filter(state=PayoutState.WAITING).exists()
    before = statement.state
    if before == StatementState.WAITING and not still_waiting:  # of a running one the days go on
        statement.state, statement.paid_at = StatementState.PAID, now
        statement.save(update_fields=["state", "paid_at"])
        tell_statement(kind="statement_paid", statement=statement, now=now)
    record_audit(
        actor=_ACTOR, action="commissions.end_transfer", object_type="statement", object_id=statement.pk, now=now,
        before={"state": before, "payout": payout.pk}, after={"state": statement.state, "payout_state": payout.state},
    )  # fmt: skip
    return payout
