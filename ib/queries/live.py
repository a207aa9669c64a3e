"""Whether the live tree, django-mptt's numbers, shows the network as the dated links have it at a moment."""

from datetime import datetime

from django.db import connection

# Nothing began since the tree was last brought up to date, and nobody stands in it whose first link is still to come.
_SHOWS = """
SELECT s.tree_at <= %(at)s
    AND NOT EXISTS (SELECT 1 FROM ib_iblink WHERE active_from > s.tree_at AND active_from <= %(at)s)
    AND NOT EXISTS (
        SELECT 1 FROM ib_iblink l WHERE l.active_from > %(at)s
            AND NOT EXISTS (SELECT 1 FROM ib_iblink e WHERE e.ib_id = l.ib_id AND e.active_from <= %(at)s))
FROM ib_networkstate s WHERE s.id = 1
"""


def tree_shows(*, at: datetime) -> bool:
    """Return whether pages may count by the tree's numbers in place of walking the dated links. One statement.

    False for the past, and between a planned move's moment and the job that shows it."""
    with connection.cursor() as cursor:
        cursor.execute(_SHOWS, {"at": at})
        (shows,) = cursor.fetchone()
    return bool(shows)
