"""What statements come to, worked out by hand: rounding, carrying, minimum, currencies without cents."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.settlement.reckoning import payable_now, reckon

pytestmark = pytest.mark.unit
ZERO = Decimal(0)


@pytest.mark.parametrize(
    ("currency", "lines", "carried_in", "due_in", "paid_before", "minimum", "expected"),
    [
        # 0.334 → 0.33 and 0.004 on
        ("USD", "0.334", "0", "0", "0", "0", ("0.33", "0.004", "0.33", "0", True)),
        # 0.334 + 0.004 = 0.338 → 0.34, 0.002 too much
        ("USD", "0.334", "0.004", "0", "0", "0", ("0.34", "-0.002", "0.34", "0", True)),
        # half goes to the even cent, from either side
        ("USD", "0.125", "0", "0", "0", "0", ("0.12", "0.005", "0.12", "0", True)),
        ("USD", "0.135", "0", "0", "0", "0", ("0.14", "-0.005", "0.14", "0", True)),
        ("USD", "-0.125", "0", "0", "0", "0", ("-0.12", "-0.005", "-0.12", "-0.12", False)),
        # nothing below a cent is ever lost: it is carried
        ("USD", "0.00000001", "0", "0", "0", "0", ("0.00", "0.00000001", "0.00", "0.00", False)),
        # yen have no cents, Kuwaiti dinars three decimals
        ("JPY", "1234.5", "0", "0", "0", "0", ("1234", "0.5", "1234", "0", True)),
        ("JPY", "1235.5", "0", "0", "0", "0", ("1236", "-0.5", "1236", "0", True)),
        ("KWD", "1.2345", "0", "0", "0", "0", ("1.234", "0.0005", "1.234", "0", True)),
        # below zero it is carried, and the next one pays it back
        ("USD", "-12.50", "0", "0", "0", "0", ("-12.50", "0.00", "-12.50", "-12.50", False)),
        ("USD", "20", "0", "-12.50", "0", "0", ("20.00", "0.00", "7.50", "0", True)),
        # the minimum: one cent below waits, exactly equal is paid
        ("USD", "49.99", "0", "0", "0", "50", ("49.99", "0.00", "49.99", "49.99", False)),
        ("USD", "0.01", "0", "49.99", "0", "50", ("0.01", "0.00", "50.00", "0", True)),
        # real time: what was paid while it ran is not paid again, and too much is owed back
        ("USD", "10.004", "0", "0", "10", "0", ("10.00", "0.004", "0.00", "0.00", False)),
        ("USD", "4", "0", "0", "10", "0", ("4.00", "0.00", "-6.00", "-6.00", False)),
    ],
)  # fmt: skip
def test_statement_comes_to(
    currency: str, lines: str, carried_in: str, due_in: str, paid_before: str, minimum: str,
    expected: tuple[str, str, str, str, bool],
) -> None:  # fmt: skip
    found = reckon(
        lines=Decimal(lines), carried_in=Decimal(carried_in), due_in=Decimal(due_in), paid_before=Decimal(paid_before),
        minimum=Decimal(minimum), currency=currency,
    )  # fmt: skip

    assert found[:4] == tuple(Decimal(each) for each in expected[:4])
    assert found.pays is expected[4]


amounts = st.integers(-(10**16), 10**16).map(lambda units: Decimal(units).scaleb(-8))


@given(st.lists(amounts, min_size=1, max_size=12), st.sampled_from(["USD", "JPY", "KWD", "BTC"]), amounts.map(abs))
def test_nothing_is_lost_over_many_statements(months: list[Decimal], currency: str, minimum: Decimal) -> None:
    carried, due, paid, stated = ZERO, ZERO, ZERO, ZERO

    for lines in months:
        found = reckon(
            lines=lines, carried_in=carried, due_in=due, paid_before=ZERO, minimum=minimum, currency=currency
        )
        carried, due = found.carried_out, found.due_out
        stated += found.total
        paid += found.payable if found.pays else ZERO

    assert stated + carried == sum(months)
    assert paid + due + carried == sum(months)


@pytest.mark.parametrize(
    ("currency", "earned", "minimum", "expected"),
    [
        ("USD", "0.019", "0", "0.01"), ("USD", "0.009", "0", "0"), ("USD", "-3", "0", "0"),
        ("USD", "10", "10", "10"), ("USD", "9.999", "10", "0"), ("JPY", "99.9", "0", "99"),
        ("KWD", "0.0019", "0", "0.001"),
    ],
)  # fmt: skip
def test_real_time_pays_whole_minor_units_from_the_minimum_on(
    currency: str, earned: str, minimum: str, expected: str
) -> None:
    assert payable_now(earned=Decimal(earned), minimum=Decimal(minimum), currency=currency) == Decimal(expected)
