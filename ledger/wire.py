"""Amounts as integers of 1e-8, requests as fingerprints, rows as bytes for binary COPY. No queries.

Source: PostgreSQL's receive functions of numeric, uuid and jsonb. An amount has 8 decimals, that is
exactly two base-10000 digits after the point."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact
from struct import Struct, pack

_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=60, traps=[Inexact])
_LIMIT = 10**38  # NUMERIC(38, 8) in units of 1e-8
_POSTING = Struct(">iqihiqic")
_NUMERIC = [Struct(f">ihhhh{groups}H") for groups in range(11)]


def scaled(amount: Decimal) -> int:
    """Return the amount in units of 1e-8.

    :raises ValueError: not positive, not finite, more than 8 decimals, or beyond NUMERIC(38, 8)."""
    if not amount.is_finite() or amount.adjusted() >= 30:
        raise ValueError(f"{amount} is not a number that the ledger can keep")
    try:
        exact = _EXACT.scaleb(amount, 8)
    except Inexact:
        exact = amount  # more digits than any amount has
    whole = int(exact)
    if whole != exact or not 0 < whole < _LIMIT:
        raise ValueError(f"{amount} is not a positive amount of at most 8 decimals")
    return whole


def fingerprint_head(*, kind: str, at: datetime, description: str, params: Mapping[str, object]) -> str:
    """Return the part of a request's canonical text that many requests of one occasion share."""
    return compact_json([kind, (at - _EPOCH) // _MICROSECOND, description, params])[:-1]


def fingerprint(head: str, postings: Sequence[tuple[int, str, int]], reverses_id: int | None = None) -> bytes:
    """Return 16 bytes that change with any part of the request; amounts in units of 1e-8."""
    lines = ",".join(f'[{account},"{side}",{units}]' for account, side, units in postings)
    reverses = "null" if reverses_id is None else reverses_id
    return hashlib.sha256(f"{head},[{lines}],{reverses}]".encode()).digest()[:16]


def transfer_fingerprints(
    head: str, debited: Sequence[int], credited: Sequence[int], units: Sequence[int]
) -> list[bytes]:
    """Return what `fingerprint` gives for entries of a debit and a credit of one amount each."""
    texts = (
        f'{head},[[{debit},"D",{amount}],[{credit},"C",{amount}]],null]'
        for debit, credit, amount in zip(debited, credited, units, strict=True)
    )
    return [hashlib.sha256(text.encode()).digest()[:16] for text in texts]


def compact_json(value: object) -> str:
    """Return JSON that is equal for equal values: keys sorted, no spaces."""
    return _encoder.encode(value)


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


def posting_rows(entry_id: int, postings: Sequence[tuple[int, str, int]]) -> list[bytes]:
    """Encode an entry's postings (ledger account, side, units of 1e-8) as rows of
    entry_id, line, ledger_account_id, side, amount; lines count from 1."""
    rows, last, packed = [], 0, b""
    for line, (ledger_account_id, side, amount) in enumerate(postings, start=1):
        if amount != last:  # most entries have two equal ones
            last, packed = amount, numeric(amount)
        rows.append(_POSTING.pack(8, entry_id, 2, line, 8, ledger_account_id, 1, side.encode()) + packed)
    return rows
