"""How long a slice of time to ask for, so that one answer stays bounded. Pure."""

from datetime import timedelta

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=92)
FIRST = timedelta(hours=1)
FEW_ROWS = 1_000
MANY_ROWS = 8_000


class SliceLength:
    """The length of the next slice: doubled after few rows, halved after many.

    A backfill of years with few deals is then some tens of requests, and a busy day stays in answers of some
    megabytes."""

    def __init__(self, first: timedelta = FIRST) -> None:
        self.length = first

    def learn(self, rows: int) -> None:
        """Take note of how many rows a slice of the present length held."""
        if rows < FEW_ROWS:
            self.length = min(self.length * 2, LONGEST)
        elif rows > MANY_ROWS:
            self.length = max(self.length / 2, SHORTEST)

    def halve(self) -> bool:
        """Shorten after an answer that was too large. False when a second is already the length."""
        if self.length <= SHORTEST:
            return False
        self.length = max(self.length / 4, SHORTEST)
        return True
