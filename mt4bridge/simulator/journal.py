"""The book on disk: one JSON line for each change, so that a restarted simulator knows what it had told its readers."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from mt4bridge.simulator.book import Book, Change
from mt4bridge.simulator.market import Market
from mt4bridge.simulator.records import SimDeal, SimGroup, SimOrder, SimPosition, SimSymbol, SimUser

_KINDS: dict[str, type[Change]] = {
    "group": SimGroup, "group_gone": SimGroup, "symbol": SimSymbol, "symbol_gone": SimSymbol,
    "user": SimUser, "user_gone": SimUser, "user_archived": SimUser, "user_restored": SimUser,
    "order": SimOrder, "order_gone": SimOrder, "deal": SimDeal, "deal_gone": SimDeal,
    "position": SimPosition, "position_gone": SimPosition,
}  # fmt: skip
_DECIMALS: dict[Callable[..., Change], set[str]] = {
    kind: {field.name for field in dataclasses.fields(kind) if field.type is Decimal} for kind in _KINDS.values()
}
_DERIVED = frozenset(("text",))


class Journal:
    """Append-only file of changes. A line that a crash cut off is ignored; the file then goes on behind it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._market: Market | None = None
        self.mids: dict[str, float] = {}

    def replay(self, book: Book) -> bool:
        """Fill an empty book from the file. False when there is none."""
        if not self._path.exists():
            return False
        book.load(self._changes())
        return bool(book.groups)

    def write_all(self, book: Book, market: Market) -> None:
        """Start the file anew with the whole book."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        records: list[tuple[str, Change]] = [
            *(("group", group) for group in book.groups.values()),
            *(("symbol", symbol) for symbol in book.symbols.values()),
            *(("user", user) for user in book.users.values()),
            *(("deal", deal) for deal in book.deals.values()),
            *(("order", order) for order in book.orders.values()),
            *(("position", position) for position in book.positions.values()),
        ]
        partial = self._path.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"kind": "mids", "record": market.mids}) + "\n")
            file.writelines(_line(kind, record) for kind, record in records)
        partial.replace(self._path)

    def attach(self, book: Book, market: Market) -> None:
        """Write every further change of the book."""
        self._market = market
        self._file = self._path.open("a", encoding="utf-8")
        self._file.write("\n")  # ends a line that a crash cut off; an empty line is skipped
        book.listeners.append(self._note)

    def close(self) -> None:
        """Write the last prices and close the file."""
        if self._file is not None and self._market is not None:
            self._file.write(json.dumps({"kind": "mids", "record": self._market.mids}) + "\n")
            self._file.close()

    def _note(self, kind: str, record: Change) -> None:
        if self._file is not None:
            self._file.write(_line(kind, record))
            self._file.flush()

    def _changes(self) -> Iterator[tuple[str, Change]]:
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry["kind"] == "mids":
                    self.mids = entry["record"]
                else:
                    yield entry["kind"], _record(_KINDS[entry["kind"]], entry["record"])


def _line(kind: str, record: Change) -> str:
    values = {
        field.name: getattr(record, field.name) for field in dataclasses.fields(record) if field.name not in _DERIVED
    }
    return json.dumps({"kind": kind, "record": values}, default=str, ensure_ascii=False) + "\n"


def _record(kind: Callable[..., Change], values: dict[str, Any]) -> Change:
    decimals = _DECIMALS[kind]
    return kind(**{name: Decimal(value) if name in decimals else value for name, value in values.items()})
