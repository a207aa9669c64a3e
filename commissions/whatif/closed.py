"""Which days of a payee are closed: what a correction changes about them is booked in the open period."""

from collections.abc import Collection

from django.db.models import Max

from commissions.settlement.days import watermarks
from commissions.settlement.models import Closing


def closed_until(payee_ids: Collection[int]) -> dict[int, int]:
    """Return per payee before which day (since 1970) its statements are closed, as the newest cut says.

    A day far in the past when none is. Made-up payees have no statement yet, so they are not asked about."""
    newest = Closing.objects.aggregate(last=Max("pk"))["last"] or 0
    return watermarks(payee_ids, closing_id=newest) if newest and payee_ids else {}
