"""Judging and closing at once, on real connections that commit; and a death between any two steps."""

import threading
import time
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from commissions.models import IbDay
from commissions.settlement.cuts import make_due_cuts
from commissions.settlement.enums import Cycle
from commissions.settlement.making import make_due_statements, make_statements
from commissions.settlement.models import Closing, Statement
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_terms
from commissions.settlement.verify import verify_settlement
from tenancy.context import current_broker
from tenancy.models import Broker
from tests.commissions.settlement.factories import ACTOR, Book, closing, days_of, make_book, utc
from tests.ledger.test_concurrency import together
from tests.trading.factories import make_server, make_symbol

pytestmark = pytest.mark.integration


def test_a_cut_waits_for_the_batch_that_is_being_booked(committed_database: dict[str, str]) -> None:
    book, broker, done = make_book(rate="6"), current_broker(), threading.Event()
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")

    def close_march() -> None:
        connection.set_tenant(broker)
        settle_round(now=utc("2026-04-01 00:10"))
        connection.close()
        done.set()

    closer = threading.Thread(target=close_march)
    with transaction.atomic():
        book.deliver(closing(2, "2026-03-31 23:59"), now="2026-04-01 00:09")
        closer.start()
        time.sleep(1)
        waited = not done.is_set()
    closer.join(timeout=60)
    book.deliver(closing(3, "2026-03-31 23:59"), now="2026-04-01 00:11")

    assert waited
    assert Statement.objects.get().lines_total == Decimal(12)
    assert days_of(book)[date(2026, 3, 31), date(2026, 4, 1)] == "6"
    assert verify_settlement() == []


def test_no_line_is_lost_between_statements_while_two_servers_are_judged(committed_database: dict[str, str]) -> None:
    first = make_book(rate="6", code="first")
    other_server = make_server("MT5 Second")
    make_symbol(other_server)
    second = make_book(rate="7", code="second", login=1002, server=other_server)
    for book in (first, second):
        set_terms(
            ib=book.ib, effective_day=date(2026, 3, 1), cycle=Cycle.DAILY, minimum=Decimal(0), actor=ACTOR,
            now=utc("2026-02-01 00:00"),
        )  # fmt: skip

    def judge(book: Book, login: int) -> None:
        for number in range(1, 13):  # every other deal comes a day late
            day = date(2026, 3, 1) + timedelta(days=number // 2)
            late = f"{day + timedelta(days=number % 2)} 00:{number:02}"
            book.deliver(closing(number, f"{day} 00:01", login=login), now=late)

    def close() -> None:
        for number in range(2, 9):
            time.sleep(0.3)
            settle_round(now=utc(f"2026-03-{number:02} 00:15"))

    errors = [
        each for each in together([lambda: judge(first, 1001), lambda: judge(second, 1002), close], hands=3) if each
    ]
    settle_round(now=utc("2026-03-20 00:15"))

    assert errors == []
    stated = {row["payee__ib__code"]: row["sum"] for row in (
        Statement.objects.values("payee__ib__code").annotate(sum=Sum("lines_total")).order_by("payee__ib__code")
    )}  # fmt: skip
    assert stated == {"first": Decimal(72), "second": Decimal(84)}
    assert IbDay.objects.aggregate(sum=Sum("amount"))["sum"] == Decimal(156)
    assert verify_settlement() == []


def test_a_death_after_the_cut_or_in_the_middle_of_the_statements_loses_nothing(broker: Broker) -> None:
    first = make_book(rate="6", code="first")
    second = make_book(rate="6", code="second", login=1002, server=first.server)
    first.deliver(closing(1, "2026-03-02 12:00"), closing(2, "2026-03-02 12:00", login=1002), now="2026-03-02 12:01")
    make_due_cuts(now=utc("2026-04-01 00:10"))  # died here once
    first.deliver(closing(3, "2026-03-02 13:00"), now="2026-04-01 00:11")
    make_statements(payee_id=first.payee.pk, now=utc("2026-04-01 00:12"))  # and here

    made = [make_due_statements(now=utc("2026-04-01 00:13")) for _time in range(2)]

    assert made == [1, 0]
    assert list(Statement.objects.order_by("pk").values_list("payee", "lines_total", "state")) == [
        (first.payee.pk, Decimal(6), "review"), (second.payee.pk, Decimal(6), "review"),
    ]  # fmt: skip
    assert Closing.objects.get().made_at == utc("2026-04-01 00:13")
    assert verify_settlement() == []
