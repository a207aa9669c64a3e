"""What a statement's lines come to: by symbol group, by client and in all, with the hash that names exactly them."""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from access.masking import mask_name
from commissions.enums import AccrualKind
from commissions.settlement.lines import question
from commissions.settlement.models import Statement
from core.money import E8, from_e8

# One pass over the lines for all sums. The hash is over each line's own columns, in the order of the lines.
_SUMS = """SELECT grouping(l.symbol_group, l.kind) = 0, grouping(l.client_code) = 0, l.symbol_group, l.kind,
    l.client_code, max(l.client_name), count(*),
    coalesce(sum(CASE WHEN l.ticket = 0 THEN 0 WHEN l.corrects = '' THEN 1 ELSE -1 END), 0),
    coalesce(sum(l.lots_e8), 0), coalesce(sum(l.line), 0),
    encode(sha256(convert_to(coalesce(string_agg(concat_ws('|', l.number, l.corrects, l.kind,
        (extract(epoch FROM l.deal_at) * 1000000)::bigint, l.statement_day - date '1970-01-01', l.login, l.symbol,
        l.verdict, l.lots_e8, l.line), chr(10)
        ORDER BY l.statement_day, l.deal_at, l.by_deal, l.by_revision, l.by_corrects), ''), 'UTF8')), 'hex')
FROM ({lines}) l
GROUP BY GROUPING SETS ((l.symbol_group, l.kind), (l.client_code), ()) ORDER BY 1, 2, 10 DESC, 3, 4, 5"""


@dataclass(frozen=True, slots=True)
class Sum:
    """What some lines come to. What was taken back is subtracted, also in deals and lots."""

    label: str  # symbol group, kind of accrual or client code; empty: neither
    name: str  # the client's, masked; empty for other sums
    lines: int
    deals: int
    lots: Decimal  # counted lots
    amount: Decimal  # payee's currency


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums of a statement, largest amount first. `hash`: SHA-256 over its figures and lines, hexadecimal."""

    groups: tuple[Sum, ...]
    clients: tuple[Sum, ...]
    whole: Sum
    hash: str


def summarise(statement: Statement) -> Summary:
    """Add the statement's lines up; one statement over them, whatever their number.

    The hash does not depend on the state, a language or the file: equal hashes mean equal figures and lines."""
    lines, params = question(statement)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(lines=lines), params)
        rows = cursor.fetchall()
    groups, clients = [], []
    whole, digest = Sum("", "", 0, 0, Decimal(0), Decimal(0)), ""
    for is_group, is_client, group, kind, code, name, *figures, of_lines in rows:
        if is_group:
            groups.append(_sum(str(AccrualKind(kind).label) if kind else group, "", figures))
        elif is_client:
            clients.append(_sum(code, mask_name(name) if name else "", figures))
        else:
            whole, digest = _sum("", "", figures), of_lines
    return Summary(tuple(groups), tuple(clients), whole, _hash(statement, digest))


def _sum(label: str, name: str, figures: list[int]) -> Sum:
    lines, deals, lots_e8, amount_e8 = figures
    return Sum(label, name, lines, int(deals), Decimal(int(lots_e8)) / E8, from_e8(int(amount_e8)))


def _hash(statement: Statement, digest: str) -> str:
    """Return the hash over what a statement says: whom, when, how much, and the digest of its lines."""
    figures = (
        statement.lines_total, statement.carried_in, statement.total, statement.carried_out, statement.due_in,
        statement.paid_before, statement.payable, statement.due_out,
    )  # fmt: skip
    named = {
        "statement": statement.pk, "payee": statement.payee_id, "currency": statement.payee.currency,
        "from": statement.from_day.isoformat(), "to": statement.to_day.isoformat(),
        "figures": [f"{figure.normalize():f}" for figure in figures], "lines": digest,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
