"""Jobs of the network."""

from datetime import datetime

from core import jobs
from ib.services import show_tree


@jobs.handler("ib.show_tree")
def show_planned_moves(*, now: datetime, **_: object) -> None:
    """Bring the live tree to the moves whose moment has come."""
    show_tree(now=now)
