"""The accounting day: where lines go before and after a cut, by whichever cycle a payee has."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from commissions.models import JudgeBatch
from commissions.settlement.days import CyclePeriod, applying_cuts, lock_days, settlement_day, watermark
from commissions.settlement.models import Closing, SettlementTerms
from tenancy.models import Broker
from tests.commissions.settlement.factories import LOT, Book, closing, days_of, make_book, utc

pytestmark = pytest.mark.integration
MARCH_2, APRIL_1, APRIL_3 = date(2026, 3, 2), date(2026, 4, 1), date(2026, 4, 3)


@pytest.fixture
def book(broker: Broker) -> Book:
    return make_book()


def cut(cycle: str, until: date) -> Closing:
    return Closing.objects.create(cycle=cycle, closed_until=until, cut_at=utc("2026-04-01 00:10"))


def test_a_line_belongs_to_its_deals_day_while_that_is_open(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 11:00"), now="2026-04-20 09:00")

    assert days_of(book) == {(MARCH_2, MARCH_2): "6"}


def test_a_line_of_a_closed_day_belongs_to_the_day_of_its_booking(book: Book) -> None:
    cut("monthly", APRIL_1)

    book.deliver(closing(1, "2026-03-31 23:59"), closing(2, "2026-04-01 00:00"), now="2026-04-03 09:00")

    assert days_of(book) == {(date(2026, 3, 31), APRIL_3): "6", (APRIL_1, APRIL_1): "6"}
    batch = JudgeBatch.objects.get()
    assert (batch.booking_day, batch.closing_id) == (APRIL_3, Closing.objects.get().pk)


def test_a_correction_takes_back_on_the_old_day_and_books_on_the_new_one(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 11:00"), now="2026-03-02 12:00")
    cut("monthly", APRIL_1)

    book.deliver(closing(1, "2026-04-02 11:00", volume_e8=2 * LOT), now="2026-04-03 09:00")

    april_2 = date(2026, 4, 2)
    assert days_of(book) == {(MARCH_2, MARCH_2): "6", (MARCH_2, APRIL_3): "-6", (april_2, april_2): "12"}


def test_a_deal_edited_into_another_month_leaves_what_a_single_delivery_leaves(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 11:00"), now="2026-03-02 12:00")

    book.deliver(closing(1, "2026-04-02 11:00"), now="2026-04-03 09:00")

    assert days_of(book) == {(date(2026, 4, 2), date(2026, 4, 2)): "6"}


def test_a_cut_of_another_cycle_closes_nothing(book: Book) -> None:
    cut("weekly", date(2026, 3, 9))

    book.deliver(closing(1, "2026-03-02 11:00"), now="2026-03-10 09:00")

    assert days_of(book) == {(MARCH_2, MARCH_2): "6"}


def test_own_terms_bring_their_cycle_from_their_day_on(book: Book) -> None:
    SettlementTerms.objects.create(
        kind="ib", ib=book.ib, effective_day=date(2026, 3, 4), cycle="weekly", recorded_at=utc("2026-03-04 00:00"),
        recorded_by="test",
    )  # fmt: skip
    cut("weekly", date(2026, 3, 9))

    book.deliver(closing(1, "2026-03-02 11:00"), closing(2, "2026-03-09 11:00"), now="2026-03-10 09:00")

    assert days_of(book) == {
        (MARCH_2, date(2026, 3, 10)): "6",
        (date(2026, 3, 9), date(2026, 3, 9)): "6",
    }


def test_a_booking_by_a_clock_that_went_back_still_finds_an_open_day(book: Book) -> None:
    cut("monthly", APRIL_1)

    assert lock_days(now=utc("2026-03-30 00:00")).booking_day == (APRIL_1 - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("America/New_York", "2026-03-08 04:59", "2026-03-07"),  # the night in which the clocks go forward
        ("America/New_York", "2026-03-09 03:59", "2026-03-08"),  # a day of 23 hours
        ("America/New_York", "2026-03-09 04:00", "2026-03-09"),
        ("Asia/Nicosia", "2026-10-24 21:00", "2026-10-25"),  # a day of 25 hours
        ("Asia/Nicosia", "2026-10-25 21:59", "2026-10-25"),
        ("Asia/Nicosia", "2026-10-25 22:00", "2026-10-26"),
    ],
)
def test_days_follow_the_settlement_zone_through_daylight_saving(
    broker: Broker, zone: str, moment: str, day: str
) -> None:
    broker.settlement_zone = zone
    try:
        assert settlement_day(utc(moment)) == date.fromisoformat(day)
    finally:
        broker.settlement_zone = "UTC"


def test_cuts_apply_where_their_last_day_had_the_cycle() -> None:
    periods = (CyclePeriod(-(2**31), "monthly"), CyclePeriod(40, "weekly"), CyclePeriod(60, "daily"))
    cuts = {"monthly": [10, 40, 70], "weekly": [40, 47, 54, 61], "daily": [60, 61]}

    assert applying_cuts(periods, cuts) == [10, 40, 47, 54, 61]
    assert watermark(periods, cuts) == 61
    assert watermark(periods[:2], cuts) == 61
    assert watermark(periods[:1], cuts) == 70
    assert watermark(periods[1:], {"weekly": [40]}) == -(2**31)


def test_a_cut_never_goes_back_and_never_changes(book: Book) -> None:
    made = cut("monthly", APRIL_1)

    with pytest.raises(IntegrityError, match="closed until"), transaction.atomic():
        cut("monthly", APRIL_1 - timedelta(days=1))
    made.made_at = utc("2026-04-01 00:11")
    made.save(update_fields=["made_at"])
    made.made_at = utc("2026-04-01 00:12")
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        made.save(update_fields=["made_at"])


def test_terms_cannot_begin_on_a_closed_day(book: Book) -> None:
    cut("monthly", APRIL_1)

    with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
        SettlementTerms.objects.create(
            kind="ib", ib=book.ib, effective_day=date(2026, 3, 31), cycle="daily", recorded_by="test",
            recorded_at=utc("2026-04-01 00:20"),
        )  # fmt: skip
