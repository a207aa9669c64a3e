"""Read rows out of PostgreSQL as numpy columns, by binary COPY, without a Python object per row.

Every column is an integer that is never null, so that all rows have one width. Source: PostgreSQL manual, COPY,
"Binary Format"."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection

from core.copying import EPOCH_US

Rows = npt.NDArray[np.void]
MISSING = -(2**63)  # a null bigint
_HEADER, _TRAILER = 19, 2
_WIDTH = {"bigint": ">i8", "integer": ">i4", "smallint": ">i2", "timestamptz": ">i8"}


class Column(NamedTuple):
    """An output column: its name here, the SQL that yields it, and its SQL type."""

    name: str
    expression: str
    kind: str = "bigint"


def array_text(values: npt.NDArray[np.int64] | Iterable[int]) -> str:
    """Return integers as PostgreSQL writes an array: one parameter, where a list would be quoted number by number."""
    numbers = values.tolist() if isinstance(values, np.ndarray) else values
    return f"{{{','.join(map(str, numbers))}}}"


def wire_dtype(columns: Sequence[Column]) -> np.dtype[np.void]:
    """Return the layout of one row as COPY sends it: a field count, then a length and a value per field."""
    fields: list[tuple[str, str]] = [("_count", ">i2")]
    for column in columns:
        fields += [(f"_{column.name}", ">i4"), (column.name, _WIDTH[column.kind])]
    return np.dtype(fields)


def read_columns(columns: Sequence[Column], tail: str, params: "Sequence[Any] | Mapping[str, Any]") -> Rows:
    """Return the rows of `SELECT columns tail` as native integers; timestamps in microseconds since 1970.

    `columns` and `tail` are constants of the caller; values go through `params`."""
    select = ", ".join(f"({column.expression})::{column.kind}" for column in columns)
    buffer = BytesIO()
    with connection.cursor() as cursor:
        query = cursor.mogrify(f"SELECT {select} {tail}", params).decode()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    return _decode(buffer.getbuffer(), columns)


def _decode(raw: memoryview, columns: Sequence[Column]) -> Rows:
    layout = wire_dtype(columns)
    body = raw[_HEADER : len(raw) - _TRAILER]
    if len(body) % layout.itemsize:
        raise ValueError("a column was null: rows of COPY have different widths")
    wire = np.frombuffer(body, dtype=layout)
    rows = np.empty(len(wire), dtype=[(column.name, np.int64) for column in columns])
    for column in columns:
        rows[column.name] = wire[column.name]
        if column.kind == "timestamptz":
            rows[column.name] += EPOCH_US
    return rows
