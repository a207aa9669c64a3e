"""Sums of a simulation: by cell, by payee, by direct IB, by month. JSON between its steps."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Sums = defaultdict[tuple[Any, ...], list[int]]
_TABLES = {"cells": 7, "payees": 2, "leaves": 4, "months": 4, "unconverted": 2}  # how many sums each row has


def _sums(width: int) -> Sums:
    return defaultdict(lambda: [0] * width)


@dataclass(slots=True)
class Tally:
    """Everything that is added up; money in 1e-8 USD unless said otherwise, lots in 1e-8.

    `cells`: (symbol group id, MT group id) → closing deals, their lots, revenue, deals whose revenue cannot be told,
    their lots, cost as booked, cost by the draft. `payees`: (IB id, client id, currency) → booked, by the draft, in
    that currency. `leaves`: direct IB → lots, revenue, booked, by the draft. `months`: first day → the same four.
    `unconverted`: currency → booked, by the draft, for which no rate to USD is known; in no other USD sum."""

    cells: Sums = field(default_factory=lambda: _sums(_TABLES["cells"]))
    payees: Sums = field(default_factory=lambda: _sums(_TABLES["payees"]))
    leaves: Sums = field(default_factory=lambda: _sums(_TABLES["leaves"]))
    months: Sums = field(default_factory=lambda: _sums(_TABLES["months"]))
    unconverted: Sums = field(default_factory=lambda: _sums(_TABLES["unconverted"]))

    def to_plain(self) -> dict[str, list[list[Any]]]:
        """Return the sums as JSON stores them: each row its key, then its sums."""
        return {name: [[*key, *sums] for key, sums in sorted(getattr(self, name).items())] for name in _TABLES}


def tally_from_plain(plain: dict[str, list[list[Any]]]) -> Tally:
    """Return the sums that `to_plain` wrote."""
    tally = Tally()
    for name, width in _TABLES.items():
        for row in plain.get(name, ()):
            getattr(tally, name)[tuple(row[:-width])] = row[-width:]
    return tally


def add_rows(sums: Sums, place: int, rows: Iterable[tuple[Sequence[Any], int]]) -> None:
    """Add (key, amount) rows to one of the sums of each key."""
    for key, amount in rows:
        if amount:
            sums[tuple(key)][place] += amount
