"""The doorbell: what changed on the MT server, by number, for those who wait. Standard library only.

Events tell that something happened, never what: the reader reads. So losing them (a restart, a full memory) costs
time, not truth."""

import threading
import time
from collections import deque

from mt4bridge.httpbridge.contract import Json

KEPT = 10_000
LONGEST_WAIT_SECONDS = 25.0


class Events:
    """The latest events. Numbers begin at the start's time in milliseconds, so that they rise over restarts."""

    def __init__(self) -> None:
        self._next = time.time_ns() // 1_000_000
        self._kept: deque[Json] = deque(maxlen=KEPT)
        self._changed = threading.Condition()

    def add(self, kind: str, *, login: int, ticket: int = 0) -> None:
        """Note that a deal, position, order, trade or user was added, changed or removed. Never raises."""
        with self._changed:
            self._kept.append({"number": self._next, "kind": kind, "login": login, "ticket": ticket})
            self._next += 1
            self._changed.notify_all()

    def after(self, number: int, wait_seconds: float) -> Json:
        """Return the events from a number on, waiting for the first when there is none.

        `next` is the number to ask with next time; `lost` says that some before it are not kept any more."""
        with self._changed:
            if number >= self._next:
                self._changed.wait_for(lambda: number < self._next, timeout=min(wait_seconds, LONGEST_WAIT_SECONDS))
            items = [event for event in self._kept if event["number"] >= number]
            lost = number != 0 and number < (self._kept[0]["number"] if self._kept else self._next)
            return {"items": items, "next": max(self._next, 1), "lost": lost}
