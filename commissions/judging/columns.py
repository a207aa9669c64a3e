"""Read rows out of PostgreSQL as numpy columns, by binary COPY, without a Python object per row.

Every column is an integer that is never null, so that all rows have one width. Source: PostgreSQL manual, COPY,
"Binary Format"."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
from django.db import connection

from core.copying import EPOCH_US

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Row = Mapping[str, int]
_NO_COLUMNS: Mapping[str, Int64s] = {}
MISSING = -(2**63)  # a null bigint
_HEADER, _TRAILER = 19, 2
_PIECE = 4_096  # rows that are taken apart at once: all their columns, while they stand in the processor's cache
_WIDTH = {"bigint": ">i8", "integer": ">i4", "smallint": ">i2", "timestamptz": ">i8"}


class Column(NamedTuple):
    """An output column: its name here, the SQL that yields it, and its SQL type."""

    name: str
    expression: str
    kind: str = "bigint"


class Rows:
    """Rows as columns of int64. Each column lies by itself: reading one of thirty does not drag the others along."""

    __slots__ = ("_columns", "_size")

    def __init__(self, columns: Mapping[str, Int64s], size: int | None = None) -> None:
        """`size`: where no column tells it."""
        self._columns = dict(columns)
        self._size = len(next(iter(self._columns.values()))) if size is None else size

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Rows":
        """Return single rows, at least one, as columns."""
        return Rows({name: np.array([row[name] for row in rows], dtype=np.int64) for name in rows[0]})

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, wanted: str) -> Int64s: ...

    @overload
    def __getitem__(self, wanted: Int64s | Bools | slice) -> "Rows": ...

    def __getitem__(self, wanted: str | Int64s | Bools | slice) -> "Int64s | Rows":
        """Return a column by its name, or the rows of a mask, of an index or of a slice."""
        return self._column(wanted) if isinstance(wanted, str) else _Part(self, wanted)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._columns)

    def with_column(self, name: str, values: Int64s) -> "Rows":
        """Return these rows with one more column."""
        return _Part(self, slice(None), {name: values})

    def row(self, place: int) -> Row:
        """Return one row as plain integers."""
        return {name: int(self[name][place]) for name in self.names}

    def each(self) -> Iterator[Row]:
        """Yield the rows one by one, as plain integers: for what looks at deals closely."""
        for start in range(0, len(self), _PIECE):
            columns = [self[name][start : start + _PIECE].tolist() for name in self.names]
            for values in zip(*columns, strict=True):
                yield dict(zip(self.names, values, strict=True))

    def _column(self, name: str) -> Int64s:
        return self._columns[name]


class _Part(Rows):
    """Some rows of others, which it keeps. A column is taken over when it is first asked for."""

    __slots__ = ("_index", "_whole")

    def __init__(
        self, whole: Rows, wanted: Int64s | Bools | slice, columns: Mapping[str, Int64s] = _NO_COLUMNS
    ) -> None:  # fmt: skip
        if isinstance(wanted, slice):
            size = len(range(*wanted.indices(len(whole))))
        else:
            wanted = np.flatnonzero(wanted) if wanted.dtype == np.bool_ else wanted
            size = len(wanted)
        super().__init__(columns, size)
        self._whole = whole
        self._index = wanted

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._whole.names, *self._columns)))

    def _column(self, name: str) -> Int64s:
        if name not in self._columns:
            self._columns[name] = self._whole[name][self._index]
        return self._columns[name]


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
    found = {column.name: np.empty(len(wire), dtype=np.int64) for column in columns}
    for start in range(0, len(wire), _PIECE):
        piece = wire[start : start + _PIECE]
        for name, values in found.items():
            values[start : start + _PIECE] = piece[name]
    for column in columns:
        if column.kind == "timestamptz":
            found[column.name] += EPOCH_US
    return Rows(found)
