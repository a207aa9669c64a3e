"""Make statements: what was closed, payee by payee, each in a transaction of its own."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction

from commissions.settlement.basis import Basis, read_basis
from commissions.settlement.calendar import period_start
from commissions.settlement.enums import StatementState
from commissions.settlement.models import Closing, Statement
from commissions.settlement.progress import note_stated, stated_until
from commissions.settlement.reckoning import Reckoning, reckon
from commissions.settlement.terms import TermsInForce
from core import jobs

logger = logging.getLogger(__name__)

MAKE_JOB = "commissions.make_statements"
_PAYEE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':statements:' || %s, 0))"
# Lines of [first, until): nearly all stand on their deal's day, the others have an index of their own.
LINES_SQL = """SELECT statement_day, amount, deals, lots FROM commissions_ibday
    WHERE payee_id = %(payee)s AND day >= %(first)s AND day < %(until)s AND statement_day = day
    UNION ALL SELECT statement_day, amount, deals, lots FROM commissions_ibday
    WHERE payee_id = %(payee)s AND statement_day >= %(first)s AND statement_day < %(until)s AND statement_day > day"""
_BY_DAY = f"""SELECT statement_day, sum(amount), sum(deals) FROM ({LINES_SQL}) lines
    GROUP BY statement_day ORDER BY statement_day"""  # noqa: S608 -- own text
# Who has lines behind its last statement, or something due; the others have nothing to state.
_CONCERNED = """SELECT p.id FROM commissions_payee p LEFT JOIN LATERAL (
        SELECT to_day, due_out, state FROM commissions_statement s WHERE s.payee_id = p.id
        ORDER BY from_day DESC LIMIT 1) s ON true
    WHERE p.id > %s AND (s.state = 'open' OR s.due_out > 0
        OR EXISTS (SELECT 1 FROM commissions_ibday d WHERE d.payee_id = p.id AND d.day >= coalesce(s.to_day, d.day))
        OR EXISTS (SELECT 1 FROM commissions_ibday d WHERE d.payee_id = p.id AND d.statement_day >= s.to_day
            AND d.statement_day > d.day))
    ORDER BY p.id LIMIT %s"""
_NEXT_IDS = "SELECT nextval(pg_get_serial_sequence('commissions_statement', 'id')) FROM generate_series(1, %s)"
_PAGE = 200  # payees looked for at once


_FIGURES = (
    "closing", "cut_at", "state", "lines_total", "lines_deals", "total", "carried_out", "paid_before", "payable",
    "due_out", "minimum", "destination", "mt_account", "reason", "paid_at",
)  # fmt: skip


class Lines(NamedTuple):
    """The sum of one statement day's lines."""

    day: date
    amount: Decimal  # payee's currency
    deals: int


@dataclass(frozen=True, slots=True)
class Span:
    """The days [first, until) that one cut closes for a payee, and its lines there."""

    cycle: str
    first: date
    until: date
    amount: Decimal
    deals: int
    has_lines: bool


def make_due_statements(*, now: datetime, seconds: float | None = None) -> int:
    """Make the statements of every cut that has none yet; return how many were made.

    Each payee has its own transaction: what fails is logged and tried again by a job, and stops nobody else. May be
    killed at any moment and run again. After so many seconds no payee is begun, and the next call goes on there;
    `has_unmade` says whether one is needed."""
    newest = Closing.objects.filter(made_at=None).order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return 0
    made, began = 0, time.monotonic()
    after = stated_until(closing_id=newest)
    while page := _concerned(after):
        basis = read_basis(page)
        for payee_id in page:
            made += _make_or_queue(payee_id, newest, basis, now=now)
            after = payee_id
            if seconds is not None and time.monotonic() - began >= seconds:
                note_stated(closing_id=newest, payee_id=after)
                return made
        note_stated(closing_id=newest, payee_id=after)
    Closing.objects.filter(pk__lte=newest, made_at=None).update(made_at=now)
    return made


def has_unmade() -> bool:
    """Return whether a cut waits for statements."""
    return Closing.objects.filter(made_at=None).exists()


def _concerned(after: int) -> list[int]:
    """Return the next payees who may have something to state, by their id."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, [after, _PAGE])
        return [payee for (payee,) in cursor.fetchall()]


def _make_or_queue(payee_id: int, closing_id: int, basis: Basis, *, now: datetime) -> int:
    """Make a payee's statements and return how many; what fails becomes a job."""
    try:
        return len(make_statements(payee_id=payee_id, now=now, basis=basis))
    except Exception:
        logger.exception("a statement could not be made", extra={"payee_id": payee_id})
        jobs.enqueue(MAKE_JOB, key=f"{MAKE_JOB}:{payee_id}:{closing_id}", now=now, payee_id=payee_id)
        return 0


@transaction.atomic
def make_statements(*, payee_id: int, now: datetime, basis: Basis | None = None) -> list[Statement]:
    """Make every statement that the payee's cuts ask for and that is missing, oldest first. Repeatable.

    `basis` may be shared by many payees, and know fewer cuts than there are now."""
    lock_payee(payee_id)
    basis = basis or read_basis([payee_id])
    latest = latest_statement(payee_id)
    is_open = latest is not None and latest.state == StatementState.OPEN
    after = (latest.from_day if is_open else latest.to_day) if latest else None
    made: list[Statement] = []
    for span in _spans(basis, payee_id, after):
        running = latest if latest is not None and latest.state == StatementState.OPEN else None
        statement = _make(basis, payee_id, span, before=latest, running=running, now=now)
        if statement is not None:
            made.append(statement)
            latest = statement
    _insert([statement for statement in made if statement.pk is None])
    return made


def _insert(statements: Sequence[Statement]) -> None:
    """Insert statements that may name one another as the one before: their ids are taken first."""
    if not statements:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_IDS, [len(statements)])
        for statement, (pk,) in zip(statements, cursor.fetchall(), strict=True):
            statement.pk = pk
    for statement in statements:
        statement.previous = statement.previous  # takes its id over, which it had not when it was named
    Statement.objects.bulk_create(statements)


def lock_payee(payee_id: int) -> None:
    """Let nobody else make statements or real-time payouts of the payee until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_PAYEE_LOCK, [payee_id])


def latest_statement(payee_id: int) -> Statement | None:
    """Return the payee's newest statement."""
    return Statement.objects.filter(payee_id=payee_id).order_by("-from_day").first()


def lines_between(*, payee_id: int, first: date, until: date) -> list[Lines]:
    """Return the sums of the roll-up by statement day, for statement days in [first, until)."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, {"payee": payee_id, "first": first, "until": until})
        return [Lines(*row) for row in cursor.fetchall()]


def _spans(basis: Basis, payee_id: int, after: date | None) -> list[Span]:
    """Return what each cut closed after that day, oldest first, without spans that have no lines but the last."""
    applying = basis.cuts_of(payee_id)
    ends = [end for end in applying if after is None or end > after]
    if not ends:
        return []
    lines = lines_between(payee_id=payee_id, first=after or date.min, until=ends[-1])
    if after is None and not lines:
        return []
    earlier = applying[: len(applying) - len(ends)]
    first = max([*earlier, *([after] if after else [])], default=date.min)
    return _filled(basis, payee_id, ends, first, lines)


def _filled(basis: Basis, payee_id: int, ends: Sequence[date], first: date, lines: Sequence[Lines]) -> list[Span]:
    spans, place = [], 0
    for end in ends:
        mine = []
        while place < len(lines) and lines[place].day < end:
            mine.append(lines[place])
            place += 1
        cycle = basis.cycle_on(payee_id, end - date.resolution)
        if first == date.min:
            first = period_start(cycle, mine[0].day if mine else end - date.resolution)
        if mine or end == ends[-1]:
            amount = sum((each.amount for each in mine), Decimal(0))
            deals = sum(each.deals for each in mine)
            spans.append(Span(cycle, first, end, amount, deals, bool(mine)))
        first = end
    return spans


def _make(
    basis: Basis, payee_id: int, span: Span, *, before: Statement | None, running: Statement | None, now: datetime
) -> Statement | None:
    """Make the statement of a span, not written yet, or close the one that ran; None when there is nothing to state."""
    payee = basis.payees[payee_id]
    terms = basis.terms.at(payee, span.until - date.resolution)
    source = running or before
    carried_in = (source.carried_in if running else source.carried_out) if source else Decimal(0)
    due_in = (source.due_in if running else source.due_out) if source else Decimal(0)
    paid_before = paid_so_far(running) if running else Decimal(0)
    reckoning = reckon(
        lines=span.amount, carried_in=carried_in, due_in=due_in, paid_before=paid_before, minimum=terms.minimum,
        currency=payee.currency,
    )  # fmt: skip
    if not span.has_lines and running is None and not reckoning.pays:
        return None
    statement = running or Statement(
        payee=payee, previous=before, cycle=span.cycle, from_day=span.first, to_day=span.until,
        carried_in=carried_in, due_in=due_in,
    )  # fmt: skip
    closing = basis.closings[span.cycle, span.until]
    statement.closing, statement.cut_at = closing, closing.cut_at
    statement.lines_total, statement.lines_deals, statement.paid_before = span.amount, span.deals, paid_before
    _put(statement, reckoning, terms, now=now)
    if running:
        statement.save(update_fields=_FIGURES)
    return statement


def _put(statement: Statement, reckoning: Reckoning, terms: TermsInForce, *, now: datetime) -> None:
    statement.total, statement.carried_out = reckoning.total, reckoning.carried_out
    statement.payable, statement.due_out = reckoning.payable, reckoning.due_out
    statement.minimum = terms.minimum
    statement.destination, statement.mt_account_id = terms.destination, terms.mt_account_id
    if not reckoning.pays:
        all_paid = reckoning.payable == 0 and statement.paid_before > 0
        statement.state = StatementState.PAID if all_paid else StatementState.CARRIED
        statement.paid_at = now if all_paid else None
    elif terms.is_held:
        statement.state, statement.reason = StatementState.HELD, terms.reason
    else:
        statement.state = StatementState.REVIEW if terms.needs_review else StatementState.APPROVED


def paid_so_far(statement: Statement) -> Decimal:
    """Return what has been paid of a statement, in the payee's currency."""
    return sum(statement.payouts.order_by("number").values_list("amount", flat=True), Decimal(0))
