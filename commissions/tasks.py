"""Jobs of this room: work that a change leaves behind for a worker."""

from datetime import datetime

from commissions.symbols import queue_symbol_deals
from core import jobs


@jobs.handler("commissions.queue_symbol_deals")
def queue_deals_of_symbols(*, now: datetime, symbol_ids: list[int]) -> None:  # noqa: ARG001 -- every job gets `now`
    """Put the judged deals of symbols that got their group into the queue."""
    queue_symbol_deals(symbol_ids=symbol_ids)
