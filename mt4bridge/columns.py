"""Deals by columns, for those who handle thousands at once: a first read of years. Taken one by one they are rows.

Plain Python and numpy."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mt4bridge.types import BadRow, DealRow

Numbers = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TEXTS = ("symbol", "comment")
NUMBERS = tuple(name for name in DealRow._fields if name not in _TEXTS)


class DealColumns(Sequence[DealRow]):
    """Deals of which each could be understood, no ticket twice.

    `numbers` holds a column for each of `NUMBERS`, all of one length, in the units of `DealRow`, except: `deal_at` is
    in microseconds since 1970 UTC, and a bid or ask that the server did not send is 0."""

    __slots__ = ("comments", "numbers", "symbols")

    def __init__(self, numbers: dict[str, Numbers], symbols: list[str], comments: list[str]) -> None:
        self.numbers, self.symbols, self.comments = numbers, symbols, comments

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Iterator[DealRow]:
        columns = {name: column.tolist() for name, column in self.numbers.items()}
        columns |= {
            "bid_e8": [price or None for price in columns["bid_e8"]],
            "ask_e8": [price or None for price in columns["ask_e8"]],
            "deal_at": [_EPOCH + timedelta(0, 0, at) for at in columns["deal_at"]],
            "symbol": self.symbols,
            "comment": self.comments,
        }
        return map(DealRow._make, zip(*(columns[name] for name in DealRow._fields), strict=True))

    @overload
    def __getitem__(self, place: int) -> DealRow: ...
    @overload
    def __getitem__(self, place: slice) -> "DealColumns": ...
    def __getitem__(self, place: int | slice) -> "DealRow | DealColumns":
        if isinstance(place, slice):
            numbers = {name: column[place] for name, column in self.numbers.items()}
            return DealColumns(numbers, self.symbols[place], self.comments[place])
        (row,) = self.take(np.array([range(len(self))[place]]))
        return row

    def take(self, places: Numbers) -> "DealColumns":
        """Return the deals at the places, in their order."""
        chosen = places.tolist()
        numbers = {name: column[places] for name, column in self.numbers.items()}
        symbols, comments = self.symbols, self.comments
        return DealColumns(numbers, [symbols[at] for at in chosen], [comments[at] for at in chosen])

    def where(self, wanted: NDArray[np.bool_]) -> "DealColumns":
        """Return the deals for which `wanted` is true, in the same order."""
        return self if bool(wanted.all()) else self.take(np.flatnonzero(wanted))

    def between(self, since: datetime, until: datetime) -> "DealColumns":
        """Return the deals of [since, until)."""
        at = self.numbers["deal_at"]
        return self.where((at >= microseconds(since)) & (at < microseconds(until)))


def microseconds(at: datetime) -> int:
    """Return a moment as `deal_at` of the columns has it."""
    return (at - _EPOCH) // _MICROSECOND


def joined(parts: Sequence[Sequence[DealRow | BadRow]]) -> Sequence[DealRow | BadRow]:
    """Return the rows of all parts as one; columns stay columns when all of them are, and no ticket comes twice."""
    if len(parts) == 1:
        return parts[0]
    columns = [part for part in parts if isinstance(part, DealColumns)]
    if len(columns) < len(parts):
        return list(chain.from_iterable(parts))
    numbers = {name: np.concatenate([part.numbers[name] for part in columns]) for name in NUMBERS}
    if has_repeats(numbers["ticket"]):
        return list(chain.from_iterable(parts))
    symbols = list(chain.from_iterable(part.symbols for part in columns))
    return DealColumns(numbers, symbols, list(chain.from_iterable(part.comments for part in columns)))


def has_repeats(numbers: Numbers) -> bool:
    """Say whether a number comes twice."""
    if len(numbers) < 2 or bool((numbers[1:] > numbers[:-1]).all()):
        return False
    return len(np.unique(numbers)) < len(numbers)
