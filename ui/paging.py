"""Keyset pages: a list goes on after the last row it showed, so a page costs the same however deep it lies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, Self, TypeVar

Row = TypeVar("Row")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DIGITS = 18


class Cursor(NamedTuple):
    """The place of a row in a list ordered by time, then id, newest first."""

    at: datetime
    id: int

    @property
    def text(self) -> str:
        """Return the cursor as it stands in an address: microseconds since 1970, then the id."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a cursor from an address; None for a text that is none: then the list starts at its beginning."""
        micros, _, row = text.partition("-")
        if not all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in (micros, row)):
            return None
        try:
            return cls(EPOCH + timedelta(microseconds=int(micros)), int(row))
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of one page. `next` is the cursor of the page after it, empty on the last one."""

    rows: Sequence[Row]
    next: str
    is_first: bool

    @property
    def is_whole(self) -> bool:
        """Say whether this page is the whole list."""
        return self.is_first and not self.next


def page_of(rows: Sequence[Row], *, size: int, place: Callable[[Row], Cursor], before: Cursor | None) -> Page[Row]:
    """Make a page from up to `size` + 1 rows: the one too many says that there is a next page."""
    shown = rows[:size]
    more = len(rows) > size
    return Page(rows=shown, next=place(shown[-1]).text if more else "", is_first=before is None)
