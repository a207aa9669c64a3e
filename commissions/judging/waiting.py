"""Deals that wait for something, and deals that changes of network or plans ask to judge again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from commissions.enums import RejudgeCause
from commissions.judging.clients import has_cpa, mark_accounts
from commissions.judging.columns import array_text
from commissions.judging.history import moment
from commissions.judging.judged import Judged, Wait
from commissions.judging.plans import known_versions, plan_version
from commissions.judging.queueing import OF_ACCOUNT, OF_CLIENTS, UNDER_IBS, Touched, queue, touched_on_accounts
from commissions.models import EngineCursor, PlanAssignment, PlanChange, Rejudge
from ib.queries import affected_since, network_version
from ib.types import AffectedPeriod
from trading.cursor import lock_cursor
from trading.models import DealCursor

Waits = Mapping[int, tuple[Wait, int]]  # by the deal's identity: what it waits for, and its time


def waits_of(judged: Judged) -> Waits:
    """Return what computed deals wait for, and what tiers cannot measure of them yet, with their times."""
    found = {}
    if judged.waits:
        times = zip(judged.rows["root"].tolist(), judged.rows["at_us"].tolist(), strict=True)
        found = {root: (judged.waits[root], at_us) for root, at_us in times if root in judged.waits}
    for root, (wait, at_us) in (judged.weighed.waits if judged.weighed else {}).items():
        found[root] = (wait.and_for(found[root][0]) if root in found else wait, at_us)
    return found


def start_cursor(server_id: int) -> None:
    """Note, before the first deal of a server is judged, which network and plans there were to see."""
    EngineCursor.objects.get_or_create(
        server_id=server_id, defaults={"network_version": network_version(), "plan_version": plan_version()}
    )


def versions(server_id: int) -> dict[str, int]:
    """Return what the server's judged deals have seen, for the batch's row."""
    cursor = EngineCursor.objects.get(pk=server_id)
    return {"network_version": cursor.network_version, "plan_version": cursor.plan_version}


def note(waits: Waits, *, server_id: int) -> None:
    """Remember deals that wait."""
    if waits:
        rows = [_row(root, wait, at_us, server_id) for root, (wait, at_us) in waits.items()]
        Rejudge.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["deal_id"],
            update_fields=["cause", "is_ready", "mt_group", "currencies", "deal_at"],
            batch_size=5_000,
        )


def settle(looked_at: Collection[int], waits: Waits, *, server_id: int) -> None:
    """Take deals that were judged again out of the queue, except those that still wait."""
    done = [root for root in looked_at if root not in waits]
    if done:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM commissions_rejudge WHERE deal_id = ANY(%s::bigint[])", [array_text(done)])
    note(waits, server_id=server_id)


def _cause(wait: Wait) -> RejudgeCause:
    if wait.mt_group:
        return RejudgeCause.LOT_FACTOR
    return RejudgeCause.FX_RATE if wait.currencies else RejudgeCause.TOO_LARGE


def _row(root: int, wait: Wait, at_us: int, server_id: int) -> Rejudge:
    return Rejudge(
        deal_id=root,
        server_id=server_id,
        cause=_cause(wait),
        is_ready=False,
        mt_group_id=wait.mt_group or None,
        currencies=list(wait.currencies),
        deal_at=moment(at_us),
    )


# A deal lacks the rates of `currencies` as long as no rate against USD has begun by its time, so any such rate is news.
# Told by the rates themselves and not by what was the newest one: a rate may commit while a batch is computed.
_WAKE = """UPDATE commissions_rejudge r SET is_ready = true WHERE r.server_id = %s AND NOT r.is_ready AND (
    EXISTS (SELECT 1 FROM trading_mtgroup g WHERE g.id = r.mt_group_id AND g.lot_factor IS NOT NULL)
    OR EXISTS (SELECT 1 FROM trading_fxrate f WHERE f.at <= r.deal_at
        AND (f.base = ANY(r.currencies) AND f.quote = 'USD' OR f.base = 'USD' AND f.quote = ANY(r.currencies))))"""


def wake(*, server_id: int) -> None:
    """Mark the deals whose lot factor or rate has arrived."""
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, [server_id])


def take(*, server_id: int, limit: int) -> list[int]:
    """Return deals that can be judged again, oldest first; `settle` takes them out."""
    rows = Rejudge.objects.filter(server_id=server_id, is_ready=True).order_by("deal_id")
    return list(rows.values_list("deal_id", flat=True)[:limit])


def later(before: datetime | None, at_us: int) -> datetime:
    """Return the later of a stored moment and one in microseconds since 1970."""
    after = moment(at_us)
    return after if before is None or after > before else before


@transaction.atomic
def queue_changes(*, server_id: int, cursor: DealCursor) -> None:
    """Queue the judged deals that changes of network and plans since the last look may touch.

    Too many are harmless: a deal that comes out the same changes nothing. Moves the cursor, so that a batch which
    another walker computed before the change is dropped, not written: nobody would judge it again.

    :raises CursorBusy, CursorMoved: another walker is at work; nothing was queued."""
    seen = EngineCursor.objects.select_for_update().filter(pk=server_id).first()
    if seen is None:
        return
    network, plans = network_version(), plan_version()
    if (network, plans) == (seen.network_version, seen.plan_version):
        return
    _move(cursor)
    until = cursor.judged_high_at
    changes = affected_since(version=seen.network_version)
    plan_changes = list(PlanChange.objects.filter(version__gt=seen.plan_version).order_by("version"))
    if has_cpa(known_versions()):
        for accounts, params in [*accounts_of_network(changes), *map(accounts_of_plan, plan_changes)]:
            mark_accounts(accounts, params)
    network = max([network, *(change.version for change in changes)])
    if until is not None:
        touching = [change for change in changes if change.affected_from <= until]
        for touched in touched_by_network(touching, server_id=server_id, judged_id=cursor.judged_id):
            queue(touched)
    for plan_change in plan_changes:
        plans = max(plans, plan_change.version)
        if until is not None and plan_change.affected_from <= until:
            queue(touched_by_plans(plan_change, server_id=server_id, judged_id=cursor.judged_id))
    seen.network_version, seen.plan_version = network, plans
    seen.save(update_fields=["network_version", "plan_version"])


def _move(cursor: DealCursor) -> None:
    locked = lock_cursor(server_id=cursor.server_id, version=cursor.version)
    locked.version += 1
    locked.save(update_fields=["version"])
    cursor.version = locked.version


Accounts = tuple[str, dict[str, Any]]  # one of the texts of `queueing`, and what it names with its period


def touched_by_network(changes: Iterable[AffectedPeriod], *, server_id: int, judged_id: int) -> Iterator[Touched]:
    """Yield what selects the deals that the changes may touch."""
    for accounts, params in accounts_of_network(changes):
        yield touched_on_accounts(accounts, params, server_id=server_id, judged_id=judged_id)


def touched_by_plans(change: PlanChange, *, server_id: int, judged_id: int) -> Touched:
    """Return what selects the deals that a change of a plan, or of an IB's plan, may touch."""
    accounts, params = accounts_of_plan(change)
    return touched_on_accounts(accounts, params, server_id=server_id, judged_id=judged_id)


def accounts_of_network(changes: Iterable[AffectedPeriod]) -> Iterator[Accounts]:
    """Yield whose accounts the changes concern: clients of one period together, since an import places thousands."""
    clients: dict[tuple[datetime, datetime | None], list[int]] = {}
    for change in changes:
        period = {"start": change.affected_from, "end": change.affected_to}
        if change.ib_id is not None:
            yield UNDER_IBS, {**period, "ibs": [change.ib_id]}
        elif change.client_id is not None:
            clients.setdefault((change.affected_from, change.affected_to), []).append(change.client_id)
        else:
            yield OF_ACCOUNT, {**period, "account": change.account_id}
    for (start, end), ids in clients.items():
        yield OF_CLIENTS, {"start": start, "end": end, "clients": ids}


def accounts_of_plan(change: PlanChange) -> Accounts:
    """Return whose accounts a change of a plan, or of an IB's plan, concerns."""
    if change.plan_id is None:
        ibs = {change.ib_id}
    else:
        users = PlanAssignment.objects.filter(plan_id=change.plan_id)
        if change.affected_to is not None:
            users = users.filter(active_from__lt=change.affected_to)
        ibs = set(users.values_list("ib_id", flat=True))
    return UNDER_IBS, {"start": change.affected_from, "end": change.affected_to, "ibs": list(ibs)}
