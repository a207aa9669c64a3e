"""Book many journal entries of one occasion that each move an amount from one ledger account to another."""

import struct
from collections.abc import Iterator

import numpy as np
from django.db import DatabaseError, connection, transaction

from access.types import Actor
from core import copying
from core.money import from_e8
from core.packing import NUMERIC_BYTES, numerics
from ledger import wire
from ledger.errors import constraint_of, refusals
from ledger.services.entries import ENTRY_COLUMNS, KEY_UNIQUE, POSTING_COLUMNS, post_entries, reserve_entry_ids
from ledger.types import EntrySpec, Occasion, Transfers, credit, debit

_ENTRY = struct.Struct(">hiqi")  # count of fields, length and id, length of the key
_POSTING = np.dtype([
    ("count", ">i2"), ("entry_size", ">i4"), ("entry", ">i8"), ("line_size", ">i4"), ("line", ">i2"),
    ("account_size", ">i4"), ("account", ">i8"), ("side_size", ">i4"), ("side", "S1"), ("amount_size", ">i4"),
    ("amount", f"V{NUMERIC_BYTES}"),
])  # fmt: skip
_SIZES = (("entry", 8), ("line", 2), ("account", 8), ("side", 1), ("amount", NUMERIC_BYTES))


def post_transfers(*, occasion: Occasion, transfers: Transfers, actor: Actor) -> None:
    """Book one entry per transfer by binary COPY, all or none, as `post_entries` does, without an object per entry.

    :raises IdempotencyConflict: a key stands for something else; the other refusals are those of post_entry."""
    if not len(transfers.keys):
        return
    try:
        with refusals(), transaction.atomic(), connection.wrap_database_errors:
            _copy(occasion, transfers, actor)
    except DatabaseError as error:
        if constraint_of(error) != KEY_UNIQUE:
            raise
        post_entries(entries=list(_specs(occasion, transfers)), actor=actor, now=occasion.booked_at)


def _copy(occasion: Occasion, transfers: Transfers, actor: Actor) -> None:
    """Write entries and postings, sorted by key so that rivals wait for each other in one direction."""
    order = sorted(range(len(transfers.keys)), key=transfers.keys.__getitem__)
    keys = [transfers.keys[place] for place in order]
    debited, credited, units = (column[order] for column in transfers[1:])
    ids = reserve_entry_ids(len(keys))
    behind = b"".join((
        copying.text(occasion.kind), copying.timestamptz(occasion.at), copying.timestamptz(occasion.booked_at),
        copying.text(occasion.description), wire.jsonb(occasion.params),
        copying.int8(None), copying.text(actor.label), copying.int8(actor.user_id),
    ))  # fmt: skip
    head = wire.fingerprint_head(
        kind=occasion.kind, at=occasion.at, description=occasion.description, params=occasion.params
    )
    digests = wire.transfer_fingerprints(head, debited.tolist(), credited.tolist(), units.tolist())
    entries = [
        _ENTRY.pack(len(ENTRY_COLUMNS), 8, entry_id, len(key)) + key.encode() + wire.uuid(digest) + behind
        for entry_id, key, digest in zip(ids, keys, digests, strict=True)
    ]
    copying.copy_whole_rows(table="ledger_journalentry", columns=ENTRY_COLUMNS, rows=entries)
    postings = np.zeros((len(keys), 2), dtype=_POSTING)
    postings["count"] = len(POSTING_COLUMNS)
    for name, size in _SIZES:
        postings[f"{name}_size"] = size
    postings["entry"], postings["amount"] = np.array(ids)[:, None], numerics(units)[:, None]
    postings["line"], postings["side"] = (1, 2), (b"D", b"C")
    postings["account"] = np.column_stack([debited, credited])
    copying.copy_whole_rows(table="ledger_posting", columns=POSTING_COLUMNS, rows=[postings.tobytes()])


def _specs(occasion: Occasion, transfers: Transfers) -> Iterator[EntrySpec]:
    for key, *ends, units in zip(transfers.keys, *(column.tolist() for column in transfers[1:]), strict=True):
        amount = from_e8(units)
        yield EntrySpec(
            idempotency_key=key, kind=occasion.kind, at=occasion.at, description=occasion.description,
            params=occasion.params, postings=(debit(ends[0], amount), credit(ends[1], amount)),
        )  # fmt: skip
