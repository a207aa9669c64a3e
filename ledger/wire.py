"""Encode journal entries and postings for PostgreSQL's binary COPY, and fingerprint requests. Pure.

Source: PostgreSQL manual, COPY, "Binary Format"; numeric, timestamp, uuid and jsonb as their receive
functions read them. An amount has 8 decimals, that is exactly two base-10000 digits after the point."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from struct import Struct, pack

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=60)
_LIMIT = 10**38  # NUMERIC(38, 8) in units of 1e-8
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_POSTING = Struct(">hiqihiqic")
_INT8 = Struct(">iq")
_NUMERIC = [Struct(f">ihhhh{groups}H") for groups in range(11)]


def scaled(amount: Decimal) -> int:
    """Return the amount in units of 1e-8.

    :raises ValueError: not positive, not finite, more than 8 decimals, or beyond NUMERIC(38, 8)."""
    if not amount.is_finite():
        raise ValueError(f"{amount} is not a number")
    exact = _EXACT.scaleb(amount, 8)
    whole = int(exact)
    if whole != exact or not 0 < whole < _LIMIT:
        raise ValueError(f"{amount} is not a positive amount of at most 8 decimals")
    return whole


def microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 2000, as PostgreSQL keeps it."""
    return (at - _EPOCH) // _MICROSECOND


def fingerprint(
    *,
    kind: str,
    at: datetime,
    description: str,
    params: Mapping[str, object],
    postings: Sequence[tuple[int, str, int]],
    reverses_id: int | None = None,
) -> bytes:
    """Return 16 bytes that change with any part of the request; amounts in units of 1e-8."""
    body = [kind, microseconds(at), description, params, postings, reverses_id]
    return hashlib.sha256(_json(body).encode()).digest()[:16]


def compact_json(value: Mapping[str, object]) -> str:
    return _json(value)


def integer(value: int | None) -> bytes:
    return NULL if value is None else _INT8.pack(8, value)


def text(value: str) -> bytes:
    raw = value.encode()
    return pack(">i", len(raw)) + raw


def time(at: datetime) -> bytes:
    return _INT8.pack(8, microseconds(at))


def uuid(raw: bytes) -> bytes:
    return b"\0\0\0\x10" + raw


def jsonb(value: Mapping[str, object]) -> bytes:
    raw = compact_json(value).encode()
    return pack(">iB", len(raw) + 1, 1) + raw


def numeric(value: int) -> bytes:
    """Encode a positive amount given in units of 1e-8."""
    groups: list[int] = []
    while value:
        value, group = divmod(value, 10_000)
        groups.append(group)
    count = len(groups)
    groups.reverse()
    return _NUMERIC[count].pack(8 + 2 * count, count, count - 3, 0, 8, *groups)


def row(fields: Sequence[bytes]) -> bytes:
    """Join encoded fields to one row."""
    return pack(">h", len(fields)) + b"".join(fields)


def posting_rows(entry_id: int, postings: Iterable[tuple[int, str, int]]) -> bytes:
    """Encode an entry's postings (ledger account, side, units of 1e-8) as rows of
    entry_id, line, ledger_account_id, side, amount; lines count from 1."""
    return b"".join(
        _POSTING.pack(5, 8, entry_id, 2, line, 8, ledger_account_id, 1, side.encode()) + numeric(amount)
        for line, (ledger_account_id, side, amount) in enumerate(postings, start=1)
    )
