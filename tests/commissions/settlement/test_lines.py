"""The lines of a statement add up to it, and corrections name what they correct."""

from decimal import Decimal

import pytest

from commissions.settlement.cuts import make_due_cuts
from commissions.settlement.lines import StatementLine, first_lines, statement_lines
from commissions.settlement.making import make_due_statements
from commissions.settlement.models import Statement
from commissions.settlement.summary import summarise
from tenancy.models import Broker
from tests.commissions.settlement.factories import LOT, closing, make_book, utc

pytestmark = pytest.mark.integration


def settle(now: str) -> None:
    make_due_cuts(now=utc(now))
    make_due_statements(now=utc(now))


def told(line: StatementLine) -> tuple[str, str, str, str]:
    return line.number, line.corrects, f"{line.amount.normalize():f}", str(line.statement_day)


def test_corrections_of_a_settled_month_name_the_lines_they_take_back(broker: Broker) -> None:
    book = make_book(rate="6")
    book.deliver(closing(1, "2026-03-02 12:00"), closing(2, "2026-03-31 23:00"), now="2026-03-31 23:01")
    settle("2026-04-01 00:15")
    book.deliver(closing(1, "2026-03-02 12:00", volume_e8=2 * LOT), now="2026-04-10 12:00")
    book.deliver(closing(3, "2026-04-11 12:00"), now="2026-04-11 12:01")
    book.deliver(now="2026-04-12 12:00", gone=(2,))
    settle("2026-05-01 00:15")
    book.deliver(closing(1, "2026-03-02 12:00", volume_e8=3 * LOT), now="2026-05-10 12:00")
    settle("2026-06-01 00:15")

    march, april, may = Statement.objects.order_by("from_day")

    assert [told(line) for line in statement_lines(march)] == [
        ("1", "", "6", "2026-03-02"),
        ("2", "", "6", "2026-03-31"),
    ]
    assert [told(line) for line in statement_lines(april)] == [
        ("1−", "1", "-6", "2026-04-10"),
        ("1-R1", "", "12", "2026-04-10"),
        ("3", "", "6", "2026-04-11"),
        ("2−", "2", "-6", "2026-04-12"),
    ]
    assert [told(line) for line in statement_lines(may)] == [
        ("1-R1−", "1-R1", "-12", "2026-05-10"),
        ("1-R2", "", "18", "2026-05-10"),
    ]
    for statement in (march, april, may):
        total = sum((line.amount for line in statement_lines(statement)), Decimal(0))
        summary = summarise(statement)
        whole = summary.whole
        assert (total, whole.amount, whole.deals) == (
            statement.lines_total,
            statement.lines_total,
            statement.lines_deals,
        )
        for parts in (summary.groups, summary.clients):
            assert sum(part.amount for part in parts) == total
            assert sum(part.lines for part in parts) == whole.lines
    (group,), (client,) = summarise(april).groups, summarise(april).clients
    assert (group.label, group.lines, group.deals, group.lots, group.amount) == ("", 4, 0, 1, 6)
    assert (client.label[:1], client.name, client.lots, client.amount) == ("C", "J••• R•••", 1, 6)
    assert len({summarise(each).hash for each in (march, april, may, april)}) == 3
    assert [told(line) for line in first_lines(april, limit=1)] == [("1−", "1", "-6", "2026-04-10")]


def test_a_deal_edited_into_another_month_stands_in_both(broker: Broker) -> None:
    book = make_book(rate="6")
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    book.deliver(closing(1, "2026-04-02 12:00"), now="2026-04-02 12:01")
    settle("2026-05-01 00:15")

    march, april = Statement.objects.order_by("from_day")

    assert [told(line) for line in statement_lines(march)] == [
        ("1", "", "6", "2026-03-02"),
        ("1−", "1", "-6", "2026-03-02"),
    ]
    assert [told(line) for line in statement_lines(april)] == [("1-R1", "", "6", "2026-04-02")]
    assert (march.lines_total, april.lines_total) == (Decimal(0), Decimal(6))
