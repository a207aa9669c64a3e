"""Prove that the network is whole: numbers = parents = dated links in force; no cycle, no gap at any moment."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from ib.models import IB
from ib.nested_set import Numbers, faults
from ib.types import Finding

GRACE = timedelta(
    minutes=5
)  # a planned move reaches the live tree by a job: that long after its moment it may be on its way

_OTHER_PARENT = """
SELECT i.code, p.code, lp.code FROM ib_ib i
JOIN LATERAL (
    SELECT parent_id FROM ib_iblink WHERE ib_id = i.id
    ORDER BY active_from > %(now)s, abs(extract(epoch FROM active_from - %(now)s)) LIMIT 1
) l ON true
LEFT JOIN ib_ib p ON p.id = i.parent_id
LEFT JOIN ib_ib lp ON lp.id = l.parent_id
WHERE i.parent_id IS DISTINCT FROM l.parent_id
    AND NOT EXISTS (
        SELECT 1 FROM ib_iblink b WHERE b.ib_id = i.id AND b.active_from BETWEEN %(now)s - %(grace)s AND %(now)s
    )
ORDER BY i.code
"""

_CYCLES = """
WITH RECURSIVE up(ib_id, node, during) AS (
    SELECT ib_id, parent_id, tstzrange(active_from, active_to) FROM ib_iblink WHERE parent_id IS NOT NULL
    UNION
    SELECT up.ib_id, l.parent_id, up.during * tstzrange(l.active_from, l.active_to)
    FROM up JOIN ib_iblink l ON l.ib_id = up.node AND tstzrange(l.active_from, l.active_to) && up.during
    WHERE up.node <> up.ib_id AND l.parent_id IS NOT NULL
)
SELECT i.code, min(lower(up.during)) FROM up JOIN ib_ib i ON i.id = up.ib_id
WHERE up.node = up.ib_id GROUP BY i.code ORDER BY i.code
"""

_GAPS = """
SELECT i.code, l.active_to FROM ib_ib i JOIN ib_iblink l ON l.ib_id = i.id
WHERE l.active_to IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ib_iblink n WHERE n.ib_id = i.id AND n.active_from = l.active_to)
UNION ALL
SELECT i.code, NULL FROM ib_ib i WHERE NOT EXISTS (SELECT 1 FROM ib_iblink l WHERE l.ib_id = i.id)
ORDER BY 1
"""

_TOO_EARLY = """
WITH begins AS (SELECT ib_id, min(active_from) AS since FROM ib_iblink GROUP BY ib_id)
SELECT i.code, 'client ' || k.code, c.active_from FROM ib_clientlink c
    JOIN clients_client k ON k.id = c.client_id JOIN ib_ib i ON i.id = c.ib_id JOIN begins b ON b.ib_id = c.ib_id
    WHERE c.active_from < b.since
UNION ALL
SELECT i.code, 'account ' || a.login, c.active_from FROM ib_accountlink c
    JOIN trading_tradingaccount a ON a.id = c.account_id JOIN ib_ib i ON i.id = c.ib_id
    JOIN begins b ON b.ib_id = c.ib_id
    WHERE c.active_from < b.since
UNION ALL
SELECT i.code, 'IB ' || s.code, l.active_from FROM ib_iblink l
    JOIN ib_ib s ON s.id = l.ib_id JOIN ib_ib i ON i.id = l.parent_id JOIN begins b ON b.ib_id = l.parent_id
    WHERE l.active_from < b.since
ORDER BY 1, 2
"""


def verify_network(*, now: datetime) -> list[Finding]:
    """Return everything that must not be in the network of the broker in force; [] when it is whole."""
    findings = _wrong_numbers()
    for code, shown, linked in _rows(_OTHER_PARENT, {"now": now, "grace": GRACE}):
        findings.append(Finding("tree_follows_links", str(code), f"stands under {shown}, its link says {linked}"))
    for code, moment in _rows(_CYCLES):
        findings.append(Finding("no_cycle", str(code), f"stands below itself from {moment} on"))
    for code, moment in _rows(_GAPS):
        findings.append(Finding("no_gap", str(code), f"has no place from {moment} on" if moment else "has no place"))
    for code, subject, moment in _rows(_TOO_EARLY):
        findings.append(
            Finding("nobody_before_the_ib", str(code), f"{subject} stands under it from {moment} on already")
        )
    return findings


def _wrong_numbers() -> list[Finding]:
    columns = ("pk", "parent_id", "tree_id", "lft", "rght", "level", "code")
    rows = list(IB.objects.order_by("tree_id", "lft").values_list(*columns))
    wrong = faults((pk, parent_id, Numbers(*numbers)) for pk, parent_id, *numbers, _code in rows)
    return [Finding("tree_numbers", row[-1], wrong[row[0]]) for row in rows if row[0] in wrong]


def _rows(statement: str, params: dict[str, Any] | None = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
