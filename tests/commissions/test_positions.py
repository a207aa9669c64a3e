"""What a position knows at each deal: shares of opening commission, mean spreads, age, reversals, close-by pairs."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.calculation import Part, PartKind
from commissions.positions import IN, INOUT, OUT, CloseByLeg, PositionDeal, parts_by_deal, second_legs

pytestmark = pytest.mark.unit
LOT = 10**8
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def deal(
    ticket: int, entry: int, lots: float, *, commission: int = 0, spread: int | None = 10, closed: int = 0
) -> PositionDeal:
    at = AT + timedelta(minutes=ticket)
    return PositionDeal(ticket, at, ticket, 0, entry, lots * LOT, commission * LOT, spread, closed * LOT)


def test_a_close_takes_its_share_of_what_is_left() -> None:
    parts = parts_by_deal(
        [
            deal(1, IN, 2, commission=-8, spread=100),
            deal(2, OUT, 1, commission=-1),
            deal(3, IN, 1, commission=-2, spread=400),
            deal(4, OUT, 2),
        ]
    )

    (first,), (last,) = parts[2], parts[4]
    assert (first.opening_commission, first.opening_spread) == (-4, Fraction(100, LOT))
    assert (last.opening_commission, last.opening_spread) == (-6, Fraction(250, LOT))
    assert last.held_for == timedelta(minutes=3)


def test_a_flat_position_starts_anew() -> None:
    parts = parts_by_deal([deal(1, IN, 1, commission=-5), deal(2, OUT, 1), deal(3, IN, 1), deal(4, OUT, 1)])

    (closing,) = parts[4]
    assert (closing.opening_commission, closing.held_for) == (0, timedelta(minutes=1))


def test_a_reversal_closes_what_was_open_and_opens_the_rest() -> None:
    parts = parts_by_deal([deal(1, IN, 1, commission=-3), deal(2, INOUT, 3, commission=-6), deal(3, OUT, 2)])

    closing, opening = parts[2]
    assert (closing.kind, closing.lots, closing.commission, closing.opening_commission) == (PartKind.CLOSING, 1, -2, -3)
    assert (opening.kind, opening.lots, opening.commission) == (PartKind.OPENING, 2, -4)
    assert parts[3][0].opening_commission == -4
    assert parts[3][0].held_for == timedelta(minutes=1)


def test_a_reversal_that_only_closes_has_one_part() -> None:
    parts = parts_by_deal([deal(1, IN, 3), deal(2, INOUT, 2)])

    assert [part.kind for part in parts[2]] == [PartKind.CLOSING]


def test_a_close_without_its_opening_knows_nothing() -> None:
    parts = parts_by_deal([deal(1, OUT, 1, commission=-1), deal(2, IN, 1), deal(3, OUT, 2)])

    assert parts[1] == (Part(PartKind.CLOSING, Fraction(1), Fraction(-1)),)
    assert parts[3][0].opening_commission is None


def test_a_reversal_without_its_opening_is_divided_as_the_server_says_or_not_at_all() -> None:
    undivided = parts_by_deal([deal(1, INOUT, 3)])[1]
    told = parts_by_deal([deal(1, INOUT, 3, closed=1)])[1]

    assert [(part.kind, part.lots) for part in undivided] == [(PartKind.UNDIVIDED, 3)]
    assert [(part.kind, part.lots) for part in told] == [(PartKind.CLOSING, 1), (PartKind.OPENING, 2)]
    assert told[0].opening_commission is None


def test_one_opening_without_a_quote_hides_the_mean_until_flat() -> None:
    parts = parts_by_deal(
        [deal(1, IN, 1, spread=None), deal(2, IN, 1), deal(3, OUT, 2), deal(4, IN, 1), deal(5, OUT, 1)]
    )

    assert parts[3][0].opening_spread is None
    assert parts[5][0].opening_spread == Fraction(10, LOT)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(-(10**10), 0))
def test_partial_closes_sum_to_one_full_close(closes: list[int], commission_e8: int) -> None:
    total = sum(closes)
    opening = PositionDeal(0, AT, 0, 0, IN, total * 10**6, commission_e8, 7)
    parts = parts_by_deal(
        [opening, *(PositionDeal(n, AT, n, 0, OUT, each * 10**6, 0, None) for n, each in enumerate(closes, 1))]
    )
    (whole,) = parts_by_deal([opening, PositionDeal(1, AT, 1, 0, OUT, total * 10**6, 0, None)])[1]

    shares = [parts[n][0] for n in range(1, len(closes) + 1)]

    assert sum(part.opening_commission or 0 for part in shares) == whole.opening_commission
    assert sum(part.lots * (part.opening_spread or 0) for part in shares) == whole.lots * (whole.opening_spread or 0)


def leg(ticket: int, position: int, by: int, minute: int = 0) -> CloseByLeg:
    return CloseByLeg(ticket, AT + timedelta(minutes=minute), ticket, 0, position, by)


def test_the_leg_with_the_greater_ticket_is_second() -> None:
    assert second_legs([leg(4, 2, 1), leg(3, 1, 2)]) == {4}
    assert second_legs([leg(3, 2, 1), leg(4, 1, 2)]) == {4}


def test_a_leg_without_partner_counts() -> None:
    assert second_legs([leg(4, 2, 1)]) == set()
    assert second_legs([leg(3, 1, 2), leg(4, 2, 1), leg(5, 1, 2, minute=5)]) == {4}


def test_a_position_closed_by_itself_counts() -> None:
    assert second_legs([leg(3, 1, 1)]) == set()
