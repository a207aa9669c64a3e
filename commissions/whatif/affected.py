"""Which judged deals a change touches: told by the same statements that will queue them once it is made."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Q, QuerySet

from commissions.judging.columns import Column, read_columns
from commissions.judging.queueing import Touched
from commissions.judging.waiting import (
    Accounts,
    accounts_of_network,
    accounts_of_plan,
    touched_by_network,
    touched_by_plans,
)
from commissions.models import CpaClient, PlanAssignment, PlanChange, PlanVersion
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
from trading.deposits import IS_DEPOSIT_SQL
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

_CLIENTS = """SELECT DISTINCT a.client_id FROM ({accounts}) AS chosen (id)
    JOIN trading_tradingaccount a ON a.id = chosen.id"""

_DEPOSITS = f"""SELECT d.id FROM ({{accounts}}) AS chosen (id)
    JOIN trading_deal d ON d.account_id = chosen.id AND d.deal_at >= %(start)s
        AND (%(end)s::timestamptz IS NULL OR d.deal_at < %(end)s) AND {IS_DEPOSIT_SQL.format(alias="d")}"""  # noqa: S608 -- own text


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


def affected_clients(changes: Sequence[Change]) -> set[int]:
    """Return the clients whose CPA the changes may touch: told by the same statements that will mark them."""
    found: set[int] = set()
    with connection.cursor() as cursor:
        for chosen, params in _accounts_of(changes):
            cursor.execute(_CLIENTS.format(accounts=chosen), params)
            found |= {client for (client,) in cursor.fetchall()}
    for change in changes:
        waiting = _waiting_clients(change)
        if waiting is not None:
            found |= set(CpaClient.objects.filter(waiting).values_list("client_id", flat=True))
    return found


def _waiting_clients(change: Change) -> Q | None:
    match change:
        case SetLotFactor(mt_group_id, _):
            return Q(missing_groups__contains=[mt_group_id])
        case PublishRate(base, quote, _, _):
            return Q(missing__contains=[quote if base == "USD" else base])
    return None


def affects_any(changes: Sequence[Change]) -> bool:
    """Whether some judged deal is touched, or a deposit that CPA may be paid for. Stops at the first."""
    deals = any(
        _exists(touched)
        for server_id, judged_id in judged_until().items()
        for touched in touched_by(changes, server_id=server_id, judged_id=judged_id)
    )
    return deals or (_may_pay_cpa(changes) and _affects_deposits(changes))


def _may_pay_cpa(changes: Sequence[Change]) -> bool:
    drafts = any(change.terms.get("cpa") for change in changes if isinstance(change, PublishVersion))
    return drafts or PlanVersion.objects.filter(terms__has_key="cpa").exists()


def _affects_deposits(changes: Sequence[Change]) -> bool:
    deposits = [Touched(_DEPOSITS.format(accounts=chosen), params) for chosen, params in _accounts_of(changes)]
    waiting = [found for change in changes if (found := _waiting_clients(change))]
    return any(map(_exists, deposits)) or any(CpaClient.objects.filter(each).exists() for each in waiting)


def _accounts_of(changes: Sequence[Change]) -> list[Accounts]:
    """Return whose accounts the changes concern, and during which period."""
    found = list(accounts_of_network([period for change in changes if (period := _network_period(change))]))
    return found + [accounts_of_plan(made) for change in changes if (made := _plan_change(change))]


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
