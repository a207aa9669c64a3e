"""The cursor of a server's one walker: locked without waiting, checked that it has not moved, moved with every step."""

from django.db import DatabaseError, transaction
from django.db.models import F, Subquery
from django.db.models.functions import Coalesce

from trading.errors import CursorBusy, CursorMoved
from trading.models import Deal, DealCursor

_LOCK_NOT_AVAILABLE = "55P03"


def get_cursor(server_id: int) -> DealCursor:
    """Return the server's cursor without a lock; the first call makes it."""
    cursor, _created = DealCursor.objects.get_or_create(server_id=server_id)
    return cursor


def lock_cursor(*, server_id: int, version: int) -> DealCursor:
    """Lock the cursor in the caller's transaction; it must stand where the caller read it.

    :raises CursorBusy: somebody holds it. :raises CursorMoved: its version is another one."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("lock_cursor needs a transaction")
    try:
        with transaction.atomic():
            cursor = DealCursor.objects.select_for_update(nowait=True).get(server_id=server_id)
    except DatabaseError as error:
        if getattr(error.__cause__, "pgcode", None) == _LOCK_NOT_AVAILABLE:
            raise CursorBusy from error
        raise
    if cursor.version != version:
        raise CursorMoved
    return cursor


def mark_complete(*, server_id: int) -> None:
    """Note that all deals stored so far are judged: what stands on every IB report as "complete up to".

    One statement: the cursor's own columns say it, if nobody recorded more in the meantime."""
    newest = Deal.objects.filter(server_id=server_id).order_by("-id").values("id")[:1]
    rows = DealCursor.objects.filter(server_id=server_id, recorded_until__isnull=False)
    rows.filter(judged_id__gte=Coalesce(Subquery(newest), 0)).update(complete_until=F("recorded_until"))
