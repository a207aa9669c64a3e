"""Which judged deals a change touches: told by the same statements that will queue them once it is made."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import QuerySet

from commissions.judging.columns import Column, read_columns
from commissions.judging.queueing import Touched
from commissions.judging.waiting import touched_by_network, touched_by_plans
from commissions.models import PlanAssignment, PlanChange
from commissions.whatif.changes import (
    AssignPlan,
    Change,
    ClassifySymbols,
    MoveAccount,
    MoveClient,
    MoveIb,
    PublishRate,
    PublishVersion,
    ReleaseAccount,
    SetAgreement,
    SetLotFactor,
)
from ib.models import AccountLink, Agreement, ClientLink, IbLink
from ib.queries.places import in_force
from ib.types import AffectedPeriod
from trading.models import DealCursor

Int64s = npt.NDArray[np.int64]
EVERY_ID = 2**62

_OF_SYMBOLS = """SELECT r.id, r.server_id, d.deal_at FROM trading_deal d
    JOIN trading_deal r ON r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0
    WHERE d.symbol_id = ANY(%(symbols)s) AND d.action IN (0, 1) AND r.server_id = %(server)s AND r.id <= %(judged)s"""
_WAITING_FOR_FACTOR = """SELECT deal_id AS id, server_id, deal_at FROM commissions_rejudge
    WHERE server_id = %(server)s AND deal_id <= %(judged)s AND mt_group_id = %(group)s"""
_WAITING_FOR_RATE = """SELECT deal_id AS id, server_id, deal_at FROM commissions_rejudge
    WHERE server_id = %(server)s AND deal_id <= %(judged)s AND deal_at >= %(at)s AND %(currency)s = ANY(currencies)"""


def affected_deals(changes: Sequence[Change], *, judged: dict[int, int]) -> Int64s:
    """Return the identities of all judged deals that the changes touch, ascending: 8 bytes each, however many.

    `judged`: {server id: deals up to this id are looked at}."""
    columns = (Column("root", "t.id"),)
    found = [
        np.asarray(read_columns(columns, f"FROM ({touched.statement}) t", touched.params)["root"])
        for server_id, judged_id in judged.items()
        for touched in touched_by(changes, server_id=server_id, judged_id=judged_id)
    ]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def affects_any(changes: Sequence[Change]) -> bool:
    """Whether some judged deal is touched. Stops at the first."""
    return any(
        _exists(touched)
        for server_id, judged_id in judged_until().items()
        for touched in touched_by(changes, server_id=server_id, judged_id=judged_id)
    )


def judged_until() -> dict[int, int]:
    """Return {server id: deals up to this id are judged}."""
    return dict(DealCursor.objects.order_by("pk").values_list("server_id", "judged_id"))


def touched_by(changes: Sequence[Change], *, server_id: int, judged_id: int) -> Iterator[Touched]:
    """Yield a statement or more for each change: the deals of one server that it touches."""
    yield from touched_by_network(
        [period for change in changes if (period := _network_period(change))], server_id=server_id, judged_id=judged_id
    )
    for change in changes:
        if plan_change := _plan_change(change):
            yield touched_by_plans(plan_change, server_id=server_id, judged_id=judged_id)
        elif market := _market_change(change):
            yield Touched(market.statement, {**market.params, "server": server_id, "judged": judged_id})


def _network_period(change: Change) -> AffectedPeriod | None:
    match change:
        case MoveIb(ib_id, _, at):
            return _period(IbLink.objects.filter(ib_id=ib_id), at, ib_id=ib_id)
        case SetAgreement(ib_id=ib_id, at=at):
            return _period(Agreement.objects.filter(ib_id=ib_id), at, ib_id=ib_id)
        case MoveClient(client_id, _, at):
            return _period(ClientLink.objects.filter(client_id=client_id), at, client_id=client_id)
        case MoveAccount(account_id, _, at) | ReleaseAccount(account_id, at):
            return _period(AccountLink.objects.filter(account_id=account_id), at, account_id=account_id)
    return None


def _period(
    rows: QuerySet[IbLink] | QuerySet[Agreement] | QuerySet[ClientLink] | QuerySet[AccountLink],
    at: datetime, *, ib_id: int | None = None, client_id: int | None = None, account_id: int | None = None,
) -> AffectedPeriod:  # fmt: skip
    ends = list(in_force(rows, at=at).values_list("active_to", flat=True)[:1])
    following = rows.filter(active_from__gt=at).order_by("active_from").values_list("active_from", flat=True).first()
    return AffectedPeriod(0, ib_id, client_id, account_id, at, ends[0] if ends else following)


def _plan_change(change: Change) -> PlanChange | None:
    """Return the row that the change would leave, not stored."""
    if isinstance(change, PublishVersion):
        return PlanChange(plan_id=change.plan_id, affected_from=change.effective_from)
    if not isinstance(change, AssignPlan):
        return None
    rows = PlanAssignment.objects.filter(ib_id=change.ib_id)
    current = in_force(rows, at=change.at).first()
    following = rows.filter(active_from__gt=change.at).order_by("active_from").first()
    until = current.active_to if current else following.active_from if following else None
    return PlanChange(ib_id=change.ib_id, affected_from=change.at, affected_to=until)


def _market_change(change: Change) -> Touched | None:
    match change:
        case SetLotFactor(mt_group_id, _):
            return Touched(_WAITING_FOR_FACTOR, {"group": mt_group_id})
        case PublishRate(base, quote, _, at):
            return Touched(_WAITING_FOR_RATE, {"currency": quote if base == "USD" else base, "at": at})
        case ClassifySymbols(symbol_ids, _):
            return Touched(_OF_SYMBOLS, {"symbols": list(symbol_ids)})
    return None


def _exists(touched: Touched) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({touched.statement})", touched.params)
        (there,) = cursor.fetchone()
    return bool(there)
