"""Writes: recording deals, held rows, groups, symbols, accounts, rates."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from core import copying
from mt4bridge.types import BadRow, DealRow
from trading.cursor import lock_cursor
from trading.errors import LotFactorInvalid, LotFactorIsSet, SymbolIsClassified
from trading.models import Deal, DealCursor, FxRate, HeldDeal, MtGroup, Symbol, SymbolGroup
from trading.packing import COPY_COLUMNS, Revision, pack_rows
from trading.plain import PlainDeals, take_plain
from trading.recording import Held, Names, Sorted, load_names, load_stored, sort_rows, tickets_in
from trading.types import DealContent, DealKey, RecordOutcome, Stored


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at the MT server gave: all of its deals in a window, and deals asked for by ticket."""

    rows: Sequence[DealRow | BadRow]
    recorded_until: datetime | None = None  # everything before it has been read; None: leave the cursor's
    gone: Collection[DealKey] = ()  # stored deals that the server was asked for and no longer has
    swept: bool = False  # the longer overlap was read
    names: Names | None = None  # what is known of logins and symbols, when a window is read in several steps


@transaction.atomic
def record_deals(*, server_id: int, version: int, reading: Reading, now: datetime) -> RecordOutcome:
    """Store what is new or different as revisions and move the server's cursor, all or nothing.

    Rows already stored with the same content change nothing, so reading twice is harmless.

    :raises CursorBusy, CursorMoved: another worker walks this server."""
    cursor = lock_cursor(server_id=server_id, version=version)
    names = load_names(server_id=server_id, rows=reading.rows, names=reading.names)
    stored = load_stored(server_id=server_id, tickets=tickets_in(reading.rows) | {key.ticket for key in reading.gone})
    batch = _sorted_out(reading.rows, names, stored)
    gone = _deletions(reading.gone, stored)
    _store(server_id, batch, gone, now)
    held = _keep_held(server_id, batch, now)
    _move(cursor, reading, new=batch.new, now=now)
    return RecordOutcome(
        new=batch.new, revised=len(batch.changes) - batch.new_by_row, deleted=len(gone), held=held,
        version=cursor.version,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Batch:
    """What becomes of the rows of a reading."""

    plain: PlainDeals | None  # stored by columns
    found: Sorted  # all others
    changes: list[Revision]  # of `found`, what is new or different, in the order (deal time, ticket, leg)
    new_by_row: int  # how many of the changes are new deals

    @property
    def new(self) -> int:
        return self.new_by_row + (len(self.plain) if self.plain else 0)

    def became_deals(self) -> Set[DealKey]:
        return self.found.deals.keys() | (self.plain.keys() if self.plain else set())


def _sorted_out(rows: Sequence[DealRow | BadRow], names: Names, stored: Mapping[DealKey, Stored]) -> _Batch:
    plain, rest = take_plain(rows, names, {key.ticket for key in stored})
    found = sort_rows(rest, names)
    changes, new = _changes(found, stored)
    if plain and changes:  # ids follow the time of all deals of the batch, so all of them go one by one
        plain, found = None, sort_rows(rows, names)
        changes, new = _changes(found, stored)
    return _Batch(plain, found, changes, new)


def _changes(found: Sorted, stored: Mapping[DealKey, Stored]) -> tuple[list[Revision], int]:
    """Return revisions in the order (deal time, ticket, leg), and how many of them are new deals."""
    changes, new = [], 0
    for key, content in sorted(found.deals.items(), key=_time_and_ticket):
        before = stored.get(key)
        if before and not before.deleted and before.content == content:
            continue
        new += before is None
        changes.append(Revision(key, before.revision + 1 if before else 0, False, content))
    return changes, new


def _store(server_id: int, batch: _Batch, gone: Sequence[Revision], now: datetime) -> None:
    packed: list[Iterable[bytes]] = []
    if batch.plain:
        packed.append(batch.plain.packed(server_id=server_id, recorded_at=now))
    if batch.changes or gone:
        packed.append(pack_rows(server_id=server_id, revisions=[*batch.changes, *gone], recorded_at=now))
    if packed:
        rows = chain.from_iterable(packed)
        copying.copy_whole_rows(table=Deal._meta.db_table, columns=COPY_COLUMNS, rows=rows)


def _time_and_ticket(item: tuple[DealKey, DealContent]) -> tuple[datetime, DealKey]:
    key, content = item
    return content.deal_at, key


def _deletions(gone: Collection[DealKey], stored: Mapping[DealKey, Stored]) -> list[Revision]:
    """Return a deleting revision for each stored deal that the server no longer has."""
    live = ((key, stored[key]) for key in sorted(gone) if key in stored and not stored[key].deleted)
    return [Revision(key, before.revision + 1, True, before.content) for key, before in live]


def _keep_held(server_id: int, batch: _Batch, now: datetime) -> int:
    """Write rows that must wait, and close the wait of those that became deals; return how many are new.

    A row that would revise a stored deal and cannot is held too: the stored one stands until it is released."""
    rows = HeldDeal.objects.filter(server_id=server_id, released_at__isnull=True)
    again = batch.found.held
    if not again and not rows.exists():
        return 0
    became = batch.became_deals()
    rows = rows.filter(ticket__in={key.ticket for key in (*became, *again)})
    waiting = {DealKey(row.ticket, row.leg): row for row in rows}
    HeldDeal.objects.filter(pk__in=[row.pk for key, row in waiting.items() if key in became]).update(released_at=now)
    for key, held in again.items():
        if key in waiting:
            _renew_held(waiting[key], held)
    fresh = [_held_row(server_id, held, now) for key, held in again.items() if key not in waiting]
    HeldDeal.objects.bulk_create(fresh)
    return len(fresh)


def _held_row(server_id: int, held: Held, now: datetime) -> HeldDeal:
    return HeldDeal(
        server_id=server_id, ticket=held.key.ticket, leg=held.key.leg, login=held.login, reason=held.reason,
        detail=held.detail, payload=held.payload, held_at=now,
    )  # fmt: skip


def _renew_held(row: HeldDeal, held: Held) -> None:
    """A held row was read again and still cannot become a deal: keep the newest reason, end the asked release."""
    if (row.reason, row.detail, row.payload, row.release_asked_at) == (held.reason, held.detail, held.payload, None):
        return
    row.reason, row.detail, row.payload, row.release_asked_at = held.reason, held.detail, held.payload, None
    row.save(update_fields=["reason", "detail", "payload", "release_asked_at"])


def _move(cursor: DealCursor, reading: Reading, *, new: int, now: datetime) -> None:
    cursor.version += 1
    cursor.deals += new
    if reading.recorded_until is not None:
        cursor.recorded_until = max(filter(None, (cursor.recorded_until, reading.recorded_until)))
    if reading.swept:
        cursor.swept_at = now
    cursor.save(update_fields=["version", "deals", "recorded_until", "swept_at"])


@transaction.atomic
def ask_release(*, held_deal: HeldDeal, actor: Actor, now: datetime) -> HeldDeal:
    """Ask for a held row to be read again; the server's walker takes it in its next round."""
    row = HeldDeal.objects.select_for_update().get(pk=held_deal.pk)
    if row.released_at is None and row.release_asked_at is None:
        row.release_asked_at = now
        row.save(update_fields=["release_asked_at"])
        record_audit(
            actor=actor, action="trading.release_held_deal", object_type="held_deal", object_id=str(row.pk),
            before=None, after={"ticket": row.ticket, "reason": row.reason}, now=now,
        )  # fmt: skip
    return row


def close_vanished_held(*, server_id: int, keys: Collection[DealKey], now: datetime) -> None:
    """End the wait of held rows that the server no longer has."""
    for key in keys:
        HeldDeal.objects.filter(server_id=server_id, ticket=key.ticket, leg=key.leg, released_at__isnull=True).update(
            released_at=now, detail="the server no longer has this deal"
        )


@transaction.atomic
def classify_symbol(*, symbol: Symbol, group: SymbolGroup, actor: Actor, now: datetime) -> Symbol:
    """Put a symbol into a group that plans name. Once: what was judged by it must not depend on when that was.

    :raises SymbolIsClassified: it is in another group."""
    row = Symbol.objects.select_for_update(of=("self",)).select_related("group").get(pk=symbol.pk)
    if row.group_id == group.pk:
        return row
    if row.group is not None:
        raise SymbolIsClassified(field="group", symbol=row.name, group=row.group.name)
    row.group = group
    row.save(update_fields=["group"])
    record_audit(
        actor=actor, action="trading.classify_symbol", object_type="symbol", object_id=str(row.pk),
        before={"group_id": None}, after={"group_id": group.pk}, now=now,
    )  # fmt: skip
    return row


@transaction.atomic
def set_lot_factor(*, mt_group: MtGroup, lot_factor: Decimal, actor: Actor, now: datetime) -> MtGroup:
    """Say what a lot of the group counts. Set once: deals that waited for it are judged by the next round.

    :raises LotFactorInvalid: not above 0, or more than 8 decimals. :raises LotFactorIsSet: it has one."""
    exponent = lot_factor.as_tuple().exponent
    if not lot_factor.is_finite() or lot_factor <= 0 or not isinstance(exponent, int) or exponent < -8:
        raise LotFactorInvalid(field="lot_factor")
    row = MtGroup.objects.select_for_update(of=("self",)).get(pk=mt_group.pk)
    if row.lot_factor is not None:
        raise LotFactorIsSet(group=row.name, factor=row.lot_factor.normalize())
    row.lot_factor = lot_factor
    row.save(update_fields=["lot_factor"])
    record_audit(
        actor=actor, action="trading.set_lot_factor", object_type="mt_group", object_id=str(row.pk),
        before={"lot_factor": None}, after={"lot_factor": str(lot_factor)}, now=now,
    )  # fmt: skip
    return row


def publish_fx_rate(*, base: str, quote: str, rate: Decimal, at: datetime, now: datetime) -> FxRate:
    """Add a rate: one unit of `base` costs `rate` units of `quote` from `at` on."""
    row, _created = FxRate.objects.get_or_create(
        base=base, quote=quote, at=at, published_at=now, defaults={"rate": rate}
    )
    return row
