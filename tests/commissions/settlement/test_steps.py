"""A round of settlement in steps comes to what one round comes to, whatever dies and whoever comes second."""

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from commissions.settlement import making
from commissions.settlement.cuts import make_due_cuts
from commissions.settlement.enums import Cycle
from commissions.settlement.making import has_unmade, make_due_statements
from commissions.settlement.models import Closing, Payout, SettlementProgress, Statement
from commissions.settlement.paying import has_unpaid, pay_real_time
from commissions.settlement.progress import note_stated, stated_until
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_terms
from commissions.settlement.verify import verify_settlement
from tenancy.models import Broker
from tests.commissions.settlement.factories import ACTOR, Book, closing, make_book, utc
from tests.killing import dies_in_a_child, statements_of
from tests.ledger.test_concurrency import together

MONTHS = ("2026-01-05", "2026-02-05", "2026-03-05")
AT_NIGHT = utc("2026-04-01 00:15")


def books(count: int, cycle: Cycle = Cycle.MONTHLY) -> list[Book]:
    """Return IBs with a lot a month, none of whose months is settled; statements need no review."""
    found: list[Book] = []
    for number in range(count):
        server = found[0].server if found else None
        book = make_book(rate="6", code=f"ib-{number}", login=1001 + number, server=server)
        set_terms(
            ib=book.ib, effective_day=date(2026, 1, 1), cycle=cycle, minimum=Decimal(0), needs_review=False,
            actor=ACTOR, now=utc("2026-01-01 00:00"),
        )  # fmt: skip
        found.append(book)
    for month, day in enumerate(MONTHS):
        rows = [closing(10 * number + month + 1, f"{day} 12:00", login=1001 + number) for number in range(len(found))]
        found[0].deliver(*rows, now=f"{day} 12:01")
    return found


def state() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return all statements, each with its place in its payee's chain, and all payouts."""
    figures = ("payee__ib__code", "from_day", "to_day", "lines_total", "state", "previous__from_day")
    paid = Payout.objects.order_by("statement__payee__ib__code", "statement__from_day")
    return (
        list(Statement.objects.order_by("payee__ib__code", "from_day").values_list(*figures)),
        list(paid.values_list("statement__payee__ib__code", "number", "amount")),
    )


def expected(count: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    days = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    codes = sorted(f"ib-{number}" for number in range(count))
    return (
        [
            (code, days[month], days[month + 1], Decimal(6), "paid", days[month - 1] if month else None)
            for code in codes
            for month in range(3)
        ],
        [(code, 1, Decimal(6)) for code in codes for _month in range(3)],
    )


@pytest.mark.unit
def test_each_step_ends_with_whom_it_began_and_the_next_goes_on(broker: Broker) -> None:
    books(3)
    outcomes = []
    while not outcomes or not outcomes[-1].is_done:
        outcomes.append(settle_round(now=AT_NIGHT, seconds=0))

    after = settle_round(now=AT_NIGHT, seconds=0)

    assert [(each.cuts, each.statements, each.payouts) for each in outcomes] == [
        (3, 3, 1), (0, 3, 1), (0, 3, 1), *[(0, 0, 1)] * 6,
    ]  # fmt: skip
    assert (after.cuts, after.statements, after.payouts, after.is_done) == (0, 0, 0, True)
    assert state() == expected(3)
    assert verify_settlement() == []


@pytest.mark.unit
def test_a_newer_cut_begins_with_everybody_again(broker: Broker) -> None:
    books(2)
    make_due_cuts(now=utc("2026-02-01 00:15"))
    make_due_statements(now=utc("2026-02-01 00:15"), seconds=0)
    first = list(Statement.objects.values_list("payee__ib__code", "to_day"))
    make_due_cuts(now=AT_NIGHT)

    while has_unmade():
        make_due_statements(now=AT_NIGHT, seconds=0)

    assert first == [("ib-0", date(2026, 2, 1))]
    assert [row[:3] for row in state()[0]] == [row[:3] for row in expected(2)[0]]
    assert set(Closing.objects.values_list("made_at", flat=True)) == {AT_NIGHT}


@pytest.mark.unit
def test_who_goes_on_with_an_older_cut_does_not_move_the_newer_one(broker: Broker) -> None:
    begun = [stated_until(closing_id=7), stated_until(closing_id=9)]
    note_stated(closing_id=7, payee_id=50)
    note_stated(closing_id=9, payee_id=20)
    note_stated(closing_id=9, payee_id=10)

    assert (begun, stated_until(closing_id=9), stated_until(closing_id=7)) == ([0, 0], 20, 0)
    assert SettlementProgress.objects.count() == 1


@pytest.mark.unit
def test_real_time_goes_on_with_the_next_and_never_before_a_missing_statement(broker: Broker) -> None:
    first, second = books(2, Cycle.REAL_TIME)
    for book, ticket in ((first, 91), (second, 92)):
        book.deliver(closing(ticket, "2026-03-31 23:00", login=book.account.login), now="2026-03-31 23:01")
        book.deliver(closing(ticket + 5, "2026-04-01 00:01", login=book.account.login), now="2026-04-01 00:02")
    make_due_cuts(now=AT_NIGHT)

    too_early = pay_real_time(now=AT_NIGHT)
    make_due_statements(now=AT_NIGHT)
    paid = [pay_real_time(now=AT_NIGHT, seconds=0) for _call in range(4)]

    assert (too_early, paid) == (0, [1, 1, 0, 0])
    assert verify_settlement() == []


@pytest.mark.integration
def test_a_settlement_that_is_killed_is_finished_by_the_next(committed_database: dict[str, str]) -> None:
    books(4)
    deaths = 0

    def settle() -> None:
        settle_round(now=AT_NIGHT, seconds=0.05)

    while dies_in_a_child(partial(statements_of, settle, 9 + 6 * deaths)):
        deaths += 1

    while not settle_round(now=AT_NIGHT, seconds=0.05).is_done:
        pass

    assert deaths > 3
    assert state() == expected(4)
    assert verify_settlement() == []


@pytest.mark.integration
def test_two_rounds_at_once_double_nothing(committed_database: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_PAGE", 2)
    books(6)

    def settle() -> None:
        while not settle_round(now=AT_NIGHT, seconds=0).is_done:
            pass

    errors = [each for each in together([settle, settle, settle], hands=3) if each]

    assert errors == []
    assert (has_unmade(), has_unpaid()) == (False, False)
    assert state() == expected(6)
    assert verify_settlement() == []
