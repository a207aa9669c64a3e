"""The rules of rising and falling, by examples that a person can check, and properties."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.levels.enums import DemotionTarget, Match, Outcome, PeriodKind
from commissions.levels.periods import LevelPeriod, period_of, periods_between, schedule
from commissions.levels.rules import decide, reached_position
from commissions.levels.types import Figures, LadderTerms, LevelTerms, Standing, Verdict

pytestmark = pytest.mark.unit
D = Decimal
LEVELS = (
    LevelTerms(code="bronze", name="Bronze"),
    LevelTerms(code="silver", name="Silver", min_lots=D(10)),
    LevelTerms(code="gold", name="Gold", min_lots=D(50), min_active_clients=3),
    LevelTerms(code="vip", name="VIP", match=Match.ANY, min_lots=D(500), min_net_deposit_usd=D(100_000)),
)


def ladder(**values: object) -> LadderTerms:
    return LadderTerms(**{"levels": LEVELS, "effective_date": date(2026, 1, 1), **values})  # type: ignore[arg-type]


def figures(lots: str = "0", clients: int = 0, deposit: str = "0") -> Figures:
    return Figures(lots=D(lots), active_clients=clients, net_deposit_usd=D(deposit))


@pytest.mark.parametrize(
    ("lots", "clients", "deposit", "position"),
    [
        ("9.99999999", 9, "0", 0),
        ("10", 0, "0", 1),  # exactly equal reaches
        ("50", 2, "0", 1),  # one of two conditions is not all
        ("50", 3, "0", 2),
        ("500", 0, "0", 3),  # any one condition; the level below need not be reached
        ("0", 0, "99999.99999999", 0),
        ("0", 0, "100000", 3),
    ],
)
def test_reached_position_is_the_highest_level_that_holds(lots: str, clients: int, deposit: str, position: int) -> None:
    assert reached_position(ladder(), figures(lots, clients, deposit)) == position


def test_a_measure_that_was_not_measured_never_holds() -> None:
    assert reached_position(ladder(), Figures(net_deposit_usd=None)) == 0


@pytest.mark.parametrize(
    ("rules", "before", "below", "lots", "expected"),
    [
        # demotion never
        ({"demotion_after": None}, 2, 7, "0", Verdict(Outcome.BELOW, 0, 2, 8)),
        # at once
        ({"demotion_after": 1}, 2, 0, "10", Verdict(Outcome.DEMOTION, 1, 1, 0)),
        ({"demotion_after": 1}, 2, 0, "0", Verdict(Outcome.DEMOTION, 0, 0, 0)),
        ({"demotion_after": 1, "demotion_target": DemotionTarget.ONE_DOWN}, 2, 0, "0",
         Verdict(Outcome.DEMOTION, 0, 1, 0)),
        # after two in a row
        ({"demotion_after": 2}, 2, 0, "10", Verdict(Outcome.BELOW, 1, 2, 1)),
        ({"demotion_after": 2}, 2, 1, "10", Verdict(Outcome.DEMOTION, 1, 1, 0)),
        # a good period in between begins the count anew
        ({"demotion_after": 2}, 1, 1, "10", Verdict(Outcome.STAYS, 1, 1, 0)),
        # up
        ({"demotion_after": 1}, 0, 0, "10", Verdict(Outcome.PROMOTION, 1, 1, 0)),
        ({"demotion_after": 1}, 0, 0, "500", Verdict(Outcome.PROMOTION, 3, 3, 0)),
    ],
)  # fmt: skip
def test_decide_by_the_demotion_rule(
    rules: dict[str, object], before: int, below: int, lots: str, expected: Verdict
) -> None:
    standing = Standing(before=before, next=before, periods_below=below)

    assert decide(ladder(**rules), figures(lots), standing) == expected


def test_a_period_of_grace_does_not_count_as_below() -> None:
    standing = Standing(before=2, next=2, periods_below=0, is_new_here=True)

    assert decide(ladder(demotion_after=1), figures("0"), standing) == Verdict(Outcome.BELOW, 0, 2, 0)


def test_grace_does_not_stop_a_promotion() -> None:
    standing = Standing(before=1, next=1, is_new_here=True)

    assert decide(ladder(), figures("500"), standing) == Verdict(Outcome.PROMOTION, 3, 3, 0)


@pytest.mark.parametrize(("flag", "outcome"), [("is_excluded", Outcome.EXCLUDED), ("is_placed", Outcome.PLACED)])
def test_nobody_touches_the_excluded_and_the_placed(flag: str, outcome: Outcome) -> None:
    standing = Standing(before=2, next=1, periods_below=3, **{flag: True})  # type: ignore[arg-type]

    assert decide(ladder(demotion_after=1), figures("500"), standing) == Verdict(outcome, 3, 1, 0)


def test_a_second_evaluation_changes_what_the_first_recorded() -> None:
    promoted = Standing(before=0, next=1)

    assert decide(ladder(), figures("9"), promoted) == Verdict(Outcome.DEMOTION, 0, 0, 0)
    assert decide(ladder(), figures("10"), promoted) == Verdict(Outcome.STAYS, 1, 1, 0)
    assert decide(ladder(), figures("500"), promoted) == Verdict(Outcome.PROMOTION, 3, 3, 0)


@given(
    lots=st.decimals(0, 1000, places=2), more=st.decimals(0, 1000, places=2), clients=st.integers(0, 10),
    before=st.integers(0, 3), below=st.integers(0, 5), after=st.none() | st.integers(1, 4),
    target=st.sampled_from(DemotionTarget), new=st.booleans(),
)  # fmt: skip
def test_more_trading_never_ends_lower(
    lots: Decimal, more: Decimal, clients: int, before: int, below: int, after: int | None, target: DemotionTarget,
    new: bool,
) -> None:  # fmt: skip
    rules = ladder(demotion_after=after, demotion_target=target)
    standing = Standing(before=before, next=before, periods_below=below, is_new_here=new)

    less_found = decide(rules, Figures(lots=lots, active_clients=clients), standing)
    more_found = decide(rules, Figures(lots=lots + more, active_clients=clients), standing)

    assert more_found.after >= less_found.after
    assert less_found.after >= min(before, less_found.reached)


@pytest.mark.parametrize(
    ("kind", "day", "first", "end"),
    [
        (PeriodKind.MONTH, date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        (PeriodKind.MONTH, date(2026, 2, 1), date(2026, 2, 1), date(2026, 3, 1)),
        (PeriodKind.QUARTER, date(2026, 3, 31), date(2026, 1, 1), date(2026, 4, 1)),
        (PeriodKind.QUARTER, date(2026, 10, 1), date(2026, 10, 1), date(2027, 1, 1)),
    ],
)
def test_period_of_a_day(kind: PeriodKind, day: date, first: date, end: date) -> None:
    assert period_of(kind, day) == LevelPeriod(kind, first, end)


def test_a_period_begins_at_midnight_of_the_zone_whatever_its_offset() -> None:
    march = period_of(PeriodKind.MONTH, date(2026, 3, 5))

    moments = [moment.isoformat() for moment in march.moments("Europe/Nicosia")]

    assert moments == ["2026-02-28T22:00:00+00:00", "2026-03-31T21:00:00+00:00"]  # summer time began in between


def test_periods_between() -> None:
    assert periods_between(date(2025, 12, 31), date(2026, 2, 1), PeriodKind.MONTH) == 2
    assert periods_between(date(2025, 12, 31), date(2026, 2, 1), PeriodKind.QUARTER) == 1


def test_schedule_changes_from_months_to_quarters_without_a_gap() -> None:
    starts = [(date(2026, 2, 1), PeriodKind.MONTH), (date(2026, 4, 1), PeriodKind.QUARTER)]

    firsts = [(index, period.first, period.end) for index, period in schedule(starts, until=date(2026, 8, 1))]

    assert firsts == [
        (0, date(2026, 2, 1), date(2026, 3, 1)), (0, date(2026, 3, 1), date(2026, 4, 1)),
        (1, date(2026, 4, 1), date(2026, 7, 1)), (1, date(2026, 7, 1), date(2026, 10, 1)),
    ]  # fmt: skip


def test_schedule_leaves_a_period_out_that_the_next_version_begins_in() -> None:
    starts = [(date(2026, 1, 1), PeriodKind.QUARTER), (date(2026, 2, 1), PeriodKind.MONTH)]

    firsts = [(index, period.first) for index, period in schedule(starts, until=date(2026, 4, 1))]

    assert firsts == [(1, date(2026, 2, 1)), (1, date(2026, 3, 1))]
