"""Rows of Judgement and IbDay in COPY's binary form, built by numpy. Source: PostgreSQL manual, COPY; array_send."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.copying import EPOCH_US
from core.packing import NUMERIC_BYTES, numerics

Int64s = npt.NDArray[np.int64]
PG_EPOCH_DAYS = 10_957
_PIECE = 1 << 18  # bytes
_INT2, _INT4, _INT8 = 21, 23, 20  # PostgreSQL's type numbers
_SIZES = {"int2": (">i2", 2, _INT2), "int4": (">i4", 4, _INT4), "int8": (">i8", 8, _INT8)}
_WHOLE = {"uuid": ("V16", 16), "numeric": (f"V{NUMERIC_BYTES}", NUMERIC_BYTES)}  # sent as raw bytes


class Field(NamedTuple):
    """A column of a row: a scalar, or with `length` an array of that many elements. `absent` is a null.

    A `numeric` comes as integers of 1e-8."""

    name: str
    kind: str
    length: int | None = None
    absent: bool = False


def pack_rows(fields: list[Field], values: dict[str, Any], count: int) -> Iterator[bytes]:
    """Yield `count` rows in pieces; `values` has a column of numbers (or raw bytes) per scalar, a matrix per array.

    A piece stays in the processor's cache from packing to sending, and libpq's buffer stays small."""
    layout = _layout(fields)
    columns = {field.name: np.asarray(values[field.name]) for field in fields if not field.absent and field.length != 0}
    step = max(_PIECE // layout.itemsize, 1)
    rows = np.empty(min(step, count), dtype=layout)
    rows[:] = _empty_row(fields, layout)
    elements = {field.name: _Elements(field, len(rows)) for field in fields if field.length and field.name in columns}
    varying = [field for field in fields if field.name in columns and columns[field.name].ndim]
    for name in columns.keys() - {field.name for field in varying}:
        rows[name] = columns[name]  # one number stands for all rows
    for start in range(0, count, step):
        piece = rows[: min(step, count - start)]
        for field in varying:
            part = columns[field.name][start : start + step]
            piece[field.name] = elements[field.name].of(part) if field.length else _scalars(field, part)
        yield piece.tobytes()


def _scalars(field: Field, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return numerics(values) if field.kind == "numeric" else values


def _layout(fields: list[Field]) -> np.dtype[np.void]:
    layout: list[tuple[Any, ...]] = [("_count", ">i2")]
    for field in fields:
        layout.append((f"{field.name}_size", ">i4"))
        if field.absent:
            continue
        if field.length is None:
            layout.append((field.name, (_WHOLE.get(field.kind) or _SIZES[field.kind])[0]))
            continue
        layout.append((f"{field.name}_head", ">i4", (5 if field.length else 3,)))
        if field.length:
            layout.append((field.name, f"V{field.length * (4 + _SIZES[field.kind][1])}"))
    return np.dtype(layout)


def _empty_row(fields: list[Field], layout: np.dtype[np.void]) -> np.void:
    """Return one row with every length and array head in place, and zeros for the values."""
    row = np.zeros(1, dtype=layout)
    row["_count"] = len(fields)
    for field in fields:
        size = f"{field.name}_size"
        if field.absent:
            row[size] = -1
        elif field.length is None:
            row[size] = (_WHOLE.get(field.kind) or _SIZES[field.kind])[1]
        else:
            _wire, width, oid = _SIZES[field.kind]
            head = (1, 0, oid, field.length, 1) if field.length else (0, 0, oid)
            row[size] = 4 * len(head) + field.length * (4 + width)
            row[f"{field.name}_head"] = head
    empty: np.void = row[0]
    return empty


class _Elements:
    """Turns rows of matrices into the raw elements of arrays: a length and a value each, big endian.

    Whole columns are swapped at once and laid between lengths that stand there already, which numpy does many times
    faster than field by field."""

    def __init__(self, field: Field, rows: int) -> None:
        """`rows`: how many at most at a time."""
        width, length = _SIZES[field.kind][1], field.length or 0
        self._native = np.dtype(f"i{width}")
        self._word = np.dtype(f"i{min(width, 4)}")  # both the four bytes of a length and a value are whole words
        self._head = 4 // self._word.itemsize
        self._words = np.zeros((rows, length, self._head + width // self._word.itemsize), dtype=self._word)
        self._words[..., self._head - 1] = np.array(width, dtype=self._word).byteswap()
        self._raw = np.dtype(f"V{length * (4 + width)}")

    def of(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.void]:
        """Return the elements of each row; they stand only until the next call."""
        values = np.ascontiguousarray(matrix, dtype=self._native).byteswap()
        words = self._words[: len(values)]
        words[..., self._head :] = values.view(self._word).reshape(*values.shape, -1)
        return words.reshape(len(values), -1).view(self._raw)[:, 0]


def pg_time(at_us: Int64s) -> Int64s:
    return at_us - EPOCH_US


def pg_date(day: Int64s) -> Int64s:
    return day - PG_EPOCH_DAYS
