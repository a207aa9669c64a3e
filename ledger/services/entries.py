"""Book journal entries: one in a single statement, many by binary COPY; each key once."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from access.services import record_audit
from access.types import Actor
from core import copying
from ledger import wire
from ledger.enums import EntryKind, Side
from ledger.errors import (
    AlreadyReversed,
    IdempotencyConflict,
    InvalidAmount,
    NotReversible,
    UnbalancedEntry,
    constraint_of,
    refusals,
)
from ledger.models import JournalEntry, Posting
from ledger.types import EntrySpec, Posted, PostingSpec

KEY_UNIQUE = "journal_entry_key_unique"
ENTRY_COLUMNS = (
    "id", "idempotency_key", "request_hash", "kind", "at", "booked_at", "description", "params", "reverses_id",
    "actor_label", "actor_user_id",
)  # fmt: skip
POSTING_COLUMNS = ("entry_id", "line", "ledger_account_id", "side", "amount")
# The inner SELECT looks the sequence up once, not for every number.
RESERVE = """SELECT nextval((SELECT pg_get_serial_sequence('ledger_journalentry', 'id'))::regclass)
    FROM generate_series(1, %s)"""
INSERT_ONE = """
WITH entry AS (
  INSERT INTO ledger_journalentry (id, idempotency_key, request_hash, kind, at, booked_at, description, params,
                                   reverses_id, actor_label, actor_user_id)
  VALUES (coalesce(%s, nextval(pg_get_serial_sequence('ledger_journalentry', 'id'))),
          %s, %s::uuid, %s, %s, %s, %s, %s::jsonb, %s, %s, %s)
  ON CONFLICT (idempotency_key) DO NOTHING RETURNING id),
lines AS (
  INSERT INTO ledger_posting (entry_id, line, ledger_account_id, side, amount)
  SELECT entry.id, l.line, l.ledger_account_id, l.side, l.units * 0.00000001
  FROM entry, unnest(%s::bigint[], %s::text[], %s::numeric[]) WITH ORDINALITY
       AS l (ledger_account_id, side, units, line))
SELECT id FROM entry
"""


class _Occasion(NamedTuple):
    """What many entries of one batch have in common: `params` (the object), the head of their fingerprints, and their
    packed columns kind, at, booked_at, description, params."""

    params: Mapping[str, object]
    head: str
    columns: bytes


class _Occasions:
    """Occasions by kind, time, words and `params` object, each put into text and bytes once. It holds the objects, so
    that none takes the place of another."""

    def __init__(self, now: datetime) -> None:
        self._booked = copying.timestamptz(now)
        self._known: dict[tuple[str, datetime, str, int], _Occasion] = {}

    def of(self, spec: EntrySpec) -> _Occasion:
        key = (spec.kind, spec.at, spec.description, id(spec.params))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _Occasion(spec.params, _head(spec), b"".join((
                copying.text(spec.kind), copying.timestamptz(spec.at), self._booked, copying.text(spec.description),
                wire.jsonb(spec.params),
            )))  # fmt: skip
        return found


class _Request(NamedTuple):
    """A checked EntrySpec: postings as (ledger account, side, units of 1e-8), and the fingerprint of it all."""

    spec: EntrySpec
    lines: tuple[tuple[int, str, int], ...]
    reverses_id: int | None
    digest: bytes


def post_entry(*, entry: EntrySpec, actor: Actor, now: datetime) -> Posted:
    """Book one journal entry, in one statement; a repeated key with the same content returns the first.

    :raises IdempotencyConflict: the key stands for something else.
    :raises InsufficientFunds, UnbalancedEntry, InvalidAmount, UnknownLedgerAccount: nothing is booked."""
    return _post_one(_request(entry), entry_id=None, actor=actor, now=now)


def post_entries(*, entries: Collection[EntrySpec], actor: Actor, now: datetime) -> list[Posted]:
    """Book many journal entries by binary COPY, all or none; answers stand in the order of `entries`.

    Keys booked before, by us or by a concurrent caller, are absorbed; a key may stand twice in `entries`.
    Ledger accounts are locked in the order of their ids until the caller's transaction ends.

    :raises IdempotencyConflict: a key stands for something else; the other refusals are those of post_entry."""
    occasions = _Occasions(now)
    requests = _by_key(entries, occasions)
    with transaction.atomic():
        known = _known_ids(requests.values())
        before = known.keys() & requests.keys()
        while missing := sorted(requests.keys() - known.keys()):
            try:
                known |= _copy([requests[key] for key in missing], occasions, actor=actor)
            except DatabaseError as error:
                if constraint_of(error) != KEY_UNIQUE:
                    raise
                known = _known_ids(requests.values())
                if not known.keys() - before:
                    raise  # the rival's entry is not visible to this transaction
                before = known.keys() & requests.keys()
    fresh = set(requests) - before
    return [Posted(known[spec.idempotency_key], _first_time(spec.idempotency_key, fresh)) for spec in entries]


def reverse_entry(*, entry: JournalEntry, reason: str, actor: Actor, now: datetime) -> Posted:
    """Book the exact mirror of an entry, once, and record in the audit trail who did it and why.

    :raises AlreadyReversed: it has its reversal.
    :raises NotReversible: it is a reversal itself.
    :raises InsufficientFunds: the money has left the account it would be taken from."""
    if entry.reverses_id is not None:
        raise NotReversible
    lines = Posting.objects.filter(entry_id=entry.pk).order_by("line")
    spec = EntrySpec(
        idempotency_key=f"reversal:{entry.pk}",
        kind=EntryKind.REVERSAL,
        at=now,
        description="reversal",
        params={"entry_id": entry.pk, "reason": reason},
        postings=tuple(PostingSpec(p.ledger_account_id, _OPPOSITE[Side(p.side)], p.amount) for p in lines),
    )
    with transaction.atomic():
        try:
            posted = _post_one(_request(spec, reverses_id=entry.pk), entry_id=None, actor=actor, now=now)
        except IdempotencyConflict as error:
            raise AlreadyReversed from error
        if not posted.created:
            raise AlreadyReversed
        record_audit(
            actor=actor,
            action="ledger.reverse_entry",
            object_type="journal_entry",
            object_id=entry.pk,
            before=None,
            after={"reversal_id": posted.entry_id},
            reason=reason,
            now=now,
        )
    return posted


def reserve_entry_id() -> int:
    """Take one id that a journal entry will have; an id that is never used does no harm."""
    return reserve_entry_ids(1)[0]


def post_with_id(*, entry: EntrySpec, entry_id: int, actor: Actor, now: datetime) -> Posted:
    """Book one journal entry under a reserved id. For the ledger's own services."""
    return _post_one(_request(entry), entry_id=entry_id, actor=actor, now=now)


def find_posted(entry: EntrySpec) -> int | None:
    """Return the id of the entry that this key stands for, or None.

    :raises IdempotencyConflict: the key stands for something else."""
    return _known_ids([_request(entry)]).get(entry.idempotency_key)


_OPPOSITE = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}


def _request(spec: EntrySpec, *, reverses_id: int | None = None, head: str | None = None) -> _Request:
    """Check a spec. `head`: of its fingerprint, when it is known."""
    try:
        lines = tuple((p.ledger_account_id, str(p.side), wire.scaled(p.amount)) for p in spec.postings)
    except ValueError as error:
        raise InvalidAmount from error
    if len(lines) < 2:
        raise UnbalancedEntry
    digest = wire.fingerprint(head or _head(spec), lines, reverses_id)
    return _Request(spec, lines, reverses_id, digest)


def _head(spec: EntrySpec) -> str:
    return wire.fingerprint_head(kind=spec.kind, at=spec.at, description=spec.description, params=spec.params)


def _by_key(entries: Iterable[EntrySpec], occasions: _Occasions) -> dict[str, _Request]:
    requests: dict[str, _Request] = {}
    for spec in entries:
        request = _request(spec, head=occasions.of(spec).head)
        if requests.setdefault(spec.idempotency_key, request).digest != request.digest:
            raise IdempotencyConflict(key=spec.idempotency_key)
    return requests


def _known_ids(requests: Iterable[_Request]) -> dict[str, int]:
    """Return {key: entry id} of the requests that are booked already."""
    digests = {request.spec.idempotency_key: request.digest for request in requests}
    rows = JournalEntry.objects.filter(idempotency_key__in=list(digests)).annotate(key=F("idempotency_key"))
    known = {}
    for key, entry_id, stored in rows.order_by("pk").values_list("key", "pk", "request_hash"):
        if stored.bytes != digests[key]:
            raise IdempotencyConflict(key=key)
        known[key] = entry_id
    return known


def _first_time(key: str, fresh: set[str]) -> bool:
    if key in fresh:
        fresh.remove(key)
        return True
    return False


def _post_one(request: _Request, *, entry_id: int | None, actor: Actor, now: datetime) -> Posted:
    spec = request.spec
    accounts, sides, units = zip(*request.lines, strict=True)
    params = [
        entry_id, spec.idempotency_key, str(uuid.UUID(bytes=request.digest)), spec.kind, spec.at, now, spec.description,
        wire.compact_json(spec.params), request.reverses_id, actor.label, actor.user_id, list(accounts), list(sides),
        list(units),
    ]  # fmt: skip
    with refusals(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT_ONE, params)
        row = cursor.fetchone()
    if row is not None:
        return Posted(row[0], created=True)
    return Posted(_known_ids([request])[spec.idempotency_key], created=False)


def _copy(requests: Sequence[_Request], occasions: _Occasions, *, actor: Actor) -> dict[str, int]:
    """Write new entries and their postings, sorted by key so that rivals wait for each other in one direction."""
    ids = reserve_entry_ids(len(requests))
    behind = copying.int8(None) + copying.text(actor.label) + copying.int8(actor.user_id)
    entries: list[bytes] = []
    postings: list[bytes] = []
    for entry_id, request in zip(ids, requests, strict=True):
        spec = request.spec
        entries.append(b"".join((
            copying.int8(entry_id), copying.text(spec.idempotency_key), wire.uuid(request.digest),
            occasions.of(spec).columns, behind,
        )))  # fmt: skip
        postings += wire.posting_rows(entry_id, request.lines)
    with refusals(), transaction.atomic(), connection.wrap_database_errors:
        copying.copy_rows(table="ledger_journalentry", columns=ENTRY_COLUMNS, rows=entries)
        copying.copy_rows(table="ledger_posting", columns=POSTING_COLUMNS, rows=postings)
    return {request.spec.idempotency_key: entry_id for request, entry_id in zip(requests, ids, strict=True)}


def reserve_entry_ids(count: int) -> list[int]:
    """Take ids that journal entries will have; those that are never used do no harm. For the ledger's own services."""
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, [count])
        return [entry_id for (entry_id,) in cursor.fetchall()]
