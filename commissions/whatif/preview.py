"""The preview of a correction: every deal that it touches judged under the changed world, compared, added up, stored.

Runs as jobs of record, one for each stretch of deals, so that it survives a crash, shows how far it is, and stops when
somebody drops the correction. It writes nothing but the preview itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import F

from commissions.enums import CorrectionState
from commissions.judging.book import to_date
from commissions.models import Payee
from commissions.whatif.advances import CpaLine
from commissions.whatif.changes import Change, from_plain
from commissions.whatif.closed import closed_until
from commissions.whatif.difference import PayeeDays, difference_of
from commissions.whatif.foretold import Prepared, prepare
from commissions.whatif.models import Correction, CorrectionLine
from commissions.whatif.overlay import Overlay
from commissions.whatif.world import EngineBusy, World, has_moved, read_world, world_from_plain
from core import jobs
from core.money import from_e8
from tenancy.context import current_broker

Int64s = npt.NDArray[np.int64]
JOB = "commissions.preview_correction"
STEP_DEALS = 100_000  # a job's share: some seconds
BATCH_DEALS = 20_000  # judged at once: bounds the memory
BUSY_WAIT = timedelta(seconds=3)


class LineKey(NamedTuple):
    """Whose line it is: an IB or a client (the other id is 0), in which month, closed or not. Day since 1970."""

    ib_id: int
    client_id: int
    currency: str
    month: int
    is_closed: bool


Sums = dict[LineKey, tuple[int, int, int]]  # before and after in 1e-8 of the currency, deals that differ


_PREPARED: dict[tuple[str, str, int, int], Prepared] = {}  # by database, schema, correction and run


class _Gone(Exception):
    """The correction was dropped or is previewed anew."""


def start_preview(correction: Correction, *, now: datetime) -> None:
    """Queue the first step of the correction's preview, in the caller's transaction."""
    _enqueue(correction.pk, correction.run, after=0, now=now)


def run_preview_step(*, correction_id: int, run: int, now: datetime) -> None:
    """Compare the next deals of a preview, and queue what follows. Does nothing for a correction that moved on."""
    try:
        with transaction.atomic():
            _step(correction_id, run, now)
    except _Gone:
        return
    except EngineBusy:
        key = f"{JOB}:{correction_id}:{run}:busy:{now.isoformat()}"
        jobs.enqueue(JOB, key=key, now=now, run_at=now + BUSY_WAIT, correction_id=correction_id, run=run)


def _step(correction_id: int, run: int, now: datetime) -> None:
    correction = Correction.objects.filter(pk=correction_id, run=run, state=CorrectionState.PREVIEWING).first()
    if correction is None:
        raise _Gone
    changes = from_plain(correction.changes)
    world = world_from_plain(correction.world) if correction.world else read_world()
    prepared = _prepared(correction, changes, world, now)
    roots, is_first = prepared.roots, not correction.world
    rest = roots[roots > correction.last_deal_id]
    todo = rest[:STEP_DEALS]
    sums, changed, waits = _compare(todo, prepared.overlay)
    if is_first:
        _add(sums, _days_of(prepared.cpa), prepared.overlay)
    _keep(correction, sums)
    moved = {
        "world": world.to_plain(),
        "waits": sorted({*correction.waits, *waits}),
        "deals_total": len(roots),
        "deals_done": F("deals_done") + len(todo),
        "deals_changed": F("deals_changed") + changed,
        "last_deal_id": int(todo[-1]) if len(todo) else correction.last_deal_id,
    }
    _update(correction, moved)
    if len(todo) < len(rest):
        _enqueue(correction.pk, run, after=int(todo[-1]), now=now)
    else:
        _finish(correction, world, changes, now)


def _prepared(correction: Correction, changes: tuple[Change, ...], world: World, now: datetime) -> Prepared:
    """Return the changed world: as this process keeps it from the step before, or made anew."""
    key = (str(connection.settings_dict["NAME"]), current_broker().schema_name, correction.pk, correction.run)
    if key not in _PREPARED:
        _PREPARED.clear()  # one is enough: steps of one preview follow each other
        _PREPARED[key] = prepare(changes, judged=world.judged, now=now)
    return _PREPARED[key]


def _days_of(lines: Sequence[CpaLine]) -> PayeeDays:
    columns = [[getattr(line, name) for line in lines] for name in ("payee", "day", "before", "after")]
    return PayeeDays(*(np.array(column, dtype=np.int64) for column in (*columns, [0] * len(lines))))


def _compare(roots: Int64s, overlay: Overlay) -> tuple[Sums, int, set[str]]:
    sums: Sums = {}
    changed, waits = 0, set[str]()
    for start in range(0, len(roots), BATCH_DEALS):
        difference = difference_of(overlay, roots[start : start + BATCH_DEALS])
        _add(sums, difference.days, overlay)
        changed += difference.deals
        waits |= difference.waits
    return sums, changed, waits


def _add(sums: Sums, days: PayeeDays, overlay: Overlay) -> None:
    """Add what each payee's days differ by to the sums, by month."""
    kept = np.flatnonzero((days.deals > 0) | (days.before != days.after))
    payees = days.payee[kept].tolist()
    keys = payee_keys(payees, overlay)
    until = closed_until({payee for payee in payees if payee > 0})
    months = days.day[kept].astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    columns = (days.day[kept], months, days.before[kept], days.after[kept], days.deals[kept])
    for payee, day, month, *numbers in zip(payees, *(column.tolist() for column in columns), strict=True):
        key = LineKey(*keys[payee], month, payee in until and day < until[payee])
        held = sums.get(key, (0, 0, 0))
        sums[key] = (held[0] + numbers[0], held[1] + numbers[1], held[2] + numbers[2])


def payee_keys(payees: list[int], overlay: Overlay) -> Mapping[int, tuple[int, int, str]]:
    """Return {payee id: (IB id, client id, currency)} for these and others, made-up payees too.

    What a payee is never changes: the overlay remembers those it has met."""
    unknown = {payee for payee in payees if payee > 0} - overlay.stored_payees.keys()
    if unknown:
        rows = Payee.objects.filter(pk__in=unknown).values_list("pk", "ib_id", "client_id", "currency")
        overlay.stored_payees |= {pk: (ib_id or 0, client_id or 0, currency) for pk, ib_id, client_id, currency in rows}
    return overlay.stored_payees | {payee: key for payee, key in overlay.payee_keys().items() if payee < 0}


_MERGE = """INSERT INTO commissions_correctionline AS l
        (correction_id, ib_id, client_id, currency, month, is_closed, before, after, deals)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (correction_id, ib_id, client_id, currency, month, is_closed) DO UPDATE SET
        before = l.before + excluded.before, after = l.after + excluded.after, deals = l.deals + excluded.deals"""


def _keep(correction: Correction, sums: Sums) -> None:
    rows = [
        (
            correction.pk, key.ib_id or None, key.client_id or None, key.currency, to_date(key.month), key.is_closed,
            _money(before), _money(after), deals,
        )
        for key, (before, after, deals) in sums.items()
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(_MERGE, rows)


def _money(scaled: int) -> Decimal:
    return from_e8(scaled)


def _finish(correction: Correction, world: World, changes: tuple[Change, ...], now: datetime) -> None:
    """Let the preview stand, or begin again when the world moved while it was computed."""
    correction.refresh_from_db()
    if has_moved(world, changes, waits=correction.waits):
        begin_again(correction, now=now)
    else:
        _update(correction, {"state": CorrectionState.READY, "previewed_at": now})


def begin_again(correction: Correction, *, now: datetime) -> None:
    """Throw the preview away and queue a new one, in the caller's transaction."""
    CorrectionLine.objects.filter(correction=correction).delete()
    Correction.objects.filter(pk=correction.pk).update(
        state=CorrectionState.PREVIEWING, run=F("run") + 1, world={}, waits=[], deals_total=None, deals_done=0,
        deals_changed=0, last_deal_id=0, previewed_at=None,
    )  # fmt: skip
    correction.refresh_from_db()
    start_preview(correction, now=now)


def _update(correction: Correction, values: dict[str, object]) -> None:
    wanted = Correction.objects.filter(pk=correction.pk, run=correction.run, state=CorrectionState.PREVIEWING)
    if not wanted.update(**values):
        raise _Gone


def _enqueue(correction_id: int, run: int, *, after: int, now: datetime) -> None:
    jobs.enqueue(JOB, key=f"{JOB}:{correction_id}:{run}:{after}", now=now, correction_id=correction_id, run=run)
