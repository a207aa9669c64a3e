"""Long answers in pages: the whole list is taken once and kept for its cursor, so no page shifts. Standard library."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mt4bridge.httpbridge.contract import Fault, Json

KEPT_SECONDS = 120.0
KEPT_LISTS = 16


@dataclass(slots=True)
class _Rest:
    path: str
    items: list[Json]
    first: int
    kept_until: float


class Pages:
    """The rests of lists that were not yet fetched, at most sixteen and for two minutes after the last page."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rests: OrderedDict[str, _Rest] = OrderedDict()
        self._lock = threading.Lock()

    def first(self, path: str, items: list[Json], limit: int) -> Json:
        """Return the first page of a list and keep the rest."""
        return self._page(_Rest(path, items, 0, 0.0), limit)

    def next(self, path: str, cursor: str, limit: int) -> Json:
        """Return the page at a cursor, which stays usable until the next one is used: a lost answer is asked again.

        :raises Fault: the list is not kept any more."""
        with self._lock:
            rest = self._rests.get(cursor)
        if rest is None or rest.path != path or rest.kept_until < self._monotonic():
            raise Fault("cursor_expired", "The list of this cursor is not kept any more; begin again.")
        return self._page(rest, limit)

    def _page(self, rest: _Rest, limit: int) -> Json:
        end = rest.first + limit
        cursor = None
        if end < len(rest.items):
            cursor = secrets.token_urlsafe(12)
            with self._lock:
                self._rests[cursor] = _Rest(rest.path, rest.items, end, self._monotonic() + KEPT_SECONDS)
                while len(self._rests) > KEPT_LISTS:
                    self._rests.popitem(last=False)
        return {"items": rest.items[rest.first : end], "total": len(rest.items), "next": cursor}
