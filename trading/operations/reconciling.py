"""Compare the stored balance deals of an MT server with the outbox; whatever does not fit is a finding for people.

Deals that carry no reference of ours are manual operations of the MT server's own dealers: listed, no finding."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from tenancy.context import current_schema
from trading.operations.enums import FindingKind, OperationState
from trading.operations.models import OperationFinding
from trading.operations.reference import LENGTH, find_reference, is_of_schema
from trading.queries import LIVE_SQL

DEPTH = timedelta(days=40)
GRACE = timedelta(minutes=15)  # so long a deal or its confirmation may be on its way

_DEALS = f"""SELECT d.comment, d.ticket, o.id, o.state, o.ticket,
       d.account_id = o.account_id AND d.action = o.kind AND d.profit_e8 = o.amount * 100000000
FROM trading_deal d LEFT JOIN trading_balanceoperation o ON o.ref = left(d.comment, {LENGTH})
WHERE d.server_id = %(server)s AND d.deal_at >= %(since)s AND d.action BETWEEN 2 AND 6
  AND d.comment ~ '^[0-9A-HJKMNP-TV-Z]{{{LENGTH}}}' AND {LIVE_SQL.format(alias="d")}
ORDER BY d.ticket"""  # noqa: S608 -- own text
_MISSING = f"""SELECT o.ref, o.ticket, o.id FROM trading_balanceoperation o
JOIN trading_dealcursor c ON c.server_id = o.server_id AND c.recorded_until > o.deal_at + %(grace)s
WHERE o.server_id = %(server)s AND o.state = 'confirmed' AND o.deal_at >= %(since)s AND o.state_at < %(settled)s
  AND NOT EXISTS (SELECT 1 FROM trading_deal d WHERE d.server_id = o.server_id AND d.ticket = o.ticket
      AND {LIVE_SQL.format(alias="d")})
ORDER BY o.id"""  # noqa: S608 -- own text


class Difference(NamedTuple):
    """One thing that does not fit."""

    kind: FindingKind
    ref: str
    ticket: int
    operation_id: int | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many findings are open, and which of them are new."""

    open: int
    new: tuple[Difference, ...]


def reconcile(*, server_id: int, now: datetime) -> Reconciled:
    """Compare the last 40 days of a server with the outbox, open new findings and close those that are gone."""
    found = {*_among_deals(server_id, now), *_missing(server_id, now)}
    with transaction.atomic():
        rows = OperationFinding.objects.select_for_update(of=("self",)).filter(server_id=server_id, closed_at=None)
        known = {
            Difference(FindingKind(row.kind), row.ref, row.ticket, row.operation_id): row.pk
            for row in rows.order_by("pk")
        }
        gone = [pk for difference, pk in known.items() if difference not in found]
        OperationFinding.objects.filter(pk__in=gone).update(closed_at=now)
        new = tuple(sorted(found - known.keys()))
        OperationFinding.objects.bulk_create(
            [OperationFinding(server_id=server_id, found_at=now, **difference._asdict()) for difference in new],
            ignore_conflicts=True,
        )
    return Reconciled(open=len(found), new=new)


def _among_deals(server_id: int, now: datetime) -> set[Difference]:
    """Return what is wrong with the deals that carry one of our references."""
    schema = current_schema()
    with connection.cursor() as cursor:
        cursor.execute(_DEALS, {"server": server_id, "since": now - DEPTH})
        rows = cursor.fetchall()
    tickets: dict[str, list[int]] = {}
    found: set[Difference] = set()
    for comment, ticket, operation_id, state, confirmed_by, fits in rows:
        ref = find_reference(comment)
        if ref is None or not is_of_schema(ref, schema):
            continue
        tickets.setdefault(ref, []).append(ticket)
        if operation_id is None:
            found.add(Difference(FindingKind.STRANGE, ref, ticket, None))
        elif not fits:
            found.add(Difference(FindingKind.DIFFERS, ref, ticket, operation_id))
        elif state in (OperationState.REFUSED, OperationState.PLANNED):
            found.add(Difference(FindingKind.UNEXPECTED, ref, ticket, operation_id))
        if len(tickets[ref]) > 1 and operation_id is not None:
            extra = next((one for one in reversed(tickets[ref]) if one != confirmed_by), ticket)
            found.add(Difference(FindingKind.DOUBLED, ref, extra, operation_id))
    return found


def _missing(server_id: int, now: datetime) -> set[Difference]:
    """Return the confirmed operations whose deal the store does not have although it has read past it."""
    params: dict[str, Any] = {"server": server_id, "since": now - DEPTH, "settled": now - GRACE, "grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, params)
        return {Difference(FindingKind.MISSING, ref, ticket, pk) for ref, ticket, pk in cursor.fetchall()}
