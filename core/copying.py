"""PostgreSQL's binary COPY format: rows packed in Python, no text in between.

Source: PostgreSQL manual, COPY, "Binary Format"."""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO

from django.db import connection

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_US = 946_684_800_000_000  # 2000-01-01, from which PostgreSQL counts, in microseconds since 1970
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = b"\xff\xff\xff\xff"
_INT2 = struct.Struct("!ih")
_INT8 = struct.Struct("!iq")


def int2(value: int) -> bytes:
    return _INT2.pack(2, value)


def int8(value: int | None) -> bytes:
    return _NULL if value is None else _INT8.pack(8, value)


def boolean(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(4, "big") + raw


def timestamptz(value: datetime) -> bytes:
    return _INT8.pack(8, since_epoch(value))


def since_epoch(value: datetime) -> int:
    """Return microseconds since 2000-01-01 UTC."""
    return (value - _EPOCH) // _MICROSECOND


def copy_rows(*, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """COPY packed rows (each the joined fields of one row) into a table of the broker in force."""
    count = struct.pack("!h", len(columns))
    copy_whole_rows(table=table, columns=columns, rows=(count + row for row in rows))


def copy_whole_rows(*, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """COPY rows that carry their own count of fields."""
    body = BytesIO(HEADER + b"".join(rows) + TRAILER)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.copy_expert(f'COPY "{table}" ({names}) FROM STDIN (FORMAT binary)', body)
