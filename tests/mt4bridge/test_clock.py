"""The server's wall clock: daylight saving, the repeated hour, the skipped one, windows around both."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt4bridge.clock import EPOCH, ServerClock

pytestmark = pytest.mark.unit

US_STYLE = ServerClock("America/New_York", 420)
MOMENTS = st.integers(1_000_000_000, 2_000_000_000)


def wall(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shift", "server_time", "expected"),
    [
        ("America/New_York", 420, "2026-01-15 12:00:00", "2026-01-15 10:00:00"),  # GMT+2 in winter
        ("America/New_York", 420, "2026-07-15 12:00:00", "2026-07-15 09:00:00"),  # GMT+3 in summer
        ("America/New_York", 420, "2026-03-08 08:59:59", "2026-03-08 06:59:59"),  # last second of winter, US date
        ("America/New_York", 420, "2026-03-08 10:00:00", "2026-03-08 07:00:00"),  # first second of summer
        ("America/New_York", 420, "2026-03-20 12:00:00", "2026-03-20 09:00:00"),  # Europe still has winter
        ("Europe/Helsinki", 0, "2026-03-20 12:00:00", "2026-03-20 10:00:00"),
        ("Europe/Helsinki", 0, "2026-03-29 04:00:00", "2026-03-29 01:00:00"),
        ("UTC", 0, "2026-03-29 04:00:00", "2026-03-29 04:00:00"),
        ("UTC", -330, "2026-03-29 04:00:00", "2026-03-29 09:30:00"),
        ("Asia/Kolkata", 0, "2026-03-29 04:00:00", "2026-03-28 22:30:00"),
    ],
)
def test_server_time_to_utc(zone: str, shift: int, server_time: str, expected: str) -> None:
    assert ServerClock(zone, shift).to_utc(wall(server_time)) == utc(expected)


def test_the_repeated_hour_is_read_as_its_first_passage() -> None:
    first_passage = utc("2026-11-01 05:30:00")

    assert US_STYLE.from_utc(first_passage) == US_STYLE.from_utc(first_passage + timedelta(hours=1))
    assert US_STYLE.to_utc(US_STYLE.from_utc(first_passage)) == first_passage


def test_the_skipped_hour_lands_in_the_hour_after_it() -> None:
    assert US_STYLE.to_utc(wall("2026-03-08 09:30:00")) == utc("2026-03-08 07:30:00")


def test_milliseconds_survive() -> None:
    assert US_STYLE.to_utc_ms(wall("2026-01-15 12:00:00") * 1000 + 779) == utc("2026-01-15 10:00:00.779")


@given(MOMENTS)
def test_going_there_and_back_returns_the_moment_outside_the_repeated_hour(seconds: int) -> None:
    moment = EPOCH + timedelta(seconds=seconds)
    there = US_STYLE.from_utc(moment)
    back = US_STYLE.to_utc(there)

    assert back in (moment, moment - timedelta(hours=1))
    assert US_STYLE.from_utc(back) == there


@given(MOMENTS, st.integers(1, 40 * 3600), st.floats(0, 0.999))
def test_a_window_holds_every_wall_time_of_its_period(seconds: int, length: int, share: float) -> None:
    since = EPOCH + timedelta(seconds=seconds)
    until = since + timedelta(seconds=length)
    start, end = US_STYLE.wall_window(since, until)

    moment = since + timedelta(seconds=int(length * share))

    assert start <= US_STYLE.from_utc(moment) <= end


def test_windows_around_the_changes_of_the_clock_hold_both_passages() -> None:
    for change in (utc("2026-11-01 06:00:00"), utc("2026-03-08 07:00:00")):
        for minutes in range(-130, 130, 5):
            since = change + timedelta(minutes=minutes)
            start, end = US_STYLE.wall_window(since, since + timedelta(minutes=5))
            inside = [US_STYLE.from_utc(since + timedelta(minutes=minute)) for minute in range(5)]
            assert start <= min(inside)
            assert max(inside) <= end
