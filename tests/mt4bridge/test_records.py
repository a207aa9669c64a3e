"""Users, groups, symbols, positions and account states of the wire to our rows: exact, or a named error."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt4bridge.clock import ServerClock
from mt4bridge.errors import MalformedAnswer
from mt4bridge.types import AccountState, GroupRow, PositionRow, SymbolRow, UserRow
from mt4bridge.webapi import records
from tests.mt4bridge.rows import JSON

pytestmark = pytest.mark.unit

CLOCK = ServerClock("America/New_York", 420)
GROUP = {"Group": "real\\std-usd", "Currency": "USD", "CurrencyDigits": "2", "Company": "X"}
SYMBOL = {
    "Symbol": "EURUSD.r", "Path": "Forex\\EURUSD.r", "ContractSize": "100000.00", "Digits": "5", "CurrencyBase": "EUR",
    "CurrencyProfit": "USD",
}  # fmt: skip
USER = {
    "Login": "954402", "Group": "real\\std-usd", "Registration": "1700000000", "Name": "old", "FirstName": "Jane",
    "MiddleName": "", "LastName": "Roe", "Country": "Cyprus", "Email": "j@example.org", "Leverage": "100",
    "Agent": "70001", "Balance": "1000.10", "Credit": "5.00", "Rights": "359", "Comment": "VIP", "ID": "T0KEN",
    "Phone": "+357", "Language": "1032",
}  # fmt: skip
ACCOUNT = {
    "Login": "954402", "CurrencyDigits": "2", "Balance": "26000.00", "Credit": "0.00", "Margin": "11.73",
    "MarginFree": "25981.83", "Profit": "-6.44", "Storage": "0.00", "Floating": "-6.44", "Equity": "25993.56",
}  # fmt: skip
POSITION = {
    "Position": "3408192000", "Login": "954402", "Symbol": "EURGBP", "Action": "1", "TimeCreate": "1547064366",
    "TimeCreateMsc": "1547064366335", "PriceOpen": "0.90245", "PriceCurrent": "0.90100", "Volume": "10000",
    "VolumeExt": "100000000", "Profit": "14.07", "Storage": "-0.31",
}  # fmt: skip
BUILDERS: list[tuple[dict[str, str], Callable[[dict[str, Any]], Any]]] = [
    (GROUP, records.group_row),
    (SYMBOL, records.symbol_row),
    (USER, partial(records.user_row, clock=CLOCK)),
    (ACCOUNT, records.account_state),
    (POSITION, partial(records.position_row, clock=CLOCK)),
]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, GroupRow("real\\std-usd", "USD", 2)),
        (1, SymbolRow("EURUSD.r", "Forex\\EURUSD.r", 100_000 * 10**8, 5, "EUR", "USD")),
        (
            2,
            UserRow(
                954402, "real\\std-usd", "Jane Roe", "j@example.org", "Cyprus", 100, 70001, Decimal("1000.10"),
                Decimal("5.00"), datetime(2023, 11, 14, 20, 13, 20, tzinfo=UTC), rights=0x163 | 0x4, may_trade=False,
                comment="VIP", token="T0KEN", phone="+357", language="el",
            ),
        ),
        (
            3,
            AccountState(
                954402, Decimal("26000.00"), Decimal("0.00"), Decimal("25993.56"), Decimal("11.73"),
                Decimal("25981.83"), Decimal("-6.44"), 2,
            ),
        ),
        (
            4,
            PositionRow(
                3408192000, 954402, "EURGBP", 1, 100_000_000, 90_245_000, 90_100_000, Decimal("14.07"),
                Decimal("-0.31"), datetime(2019, 1, 9, 18, 6, 6, 335_000, tzinfo=UTC),
            ),
        ),
    ],
)  # fmt: skip
def test_a_row_arrives_whole(number: int, expected: object) -> None:
    raw, build = BUILDERS[number]

    assert records.convert("/x", raw, build) == expected


def test_old_builds_without_floating_and_fine_lots_are_read() -> None:
    account = {name: value for name, value in ACCOUNT.items() if name != "Floating"}
    position = {name: value for name, value in POSITION.items() if name not in ("VolumeExt", "TimeCreateMsc")}

    assert records.account_state(account).floating == Decimal("-6.44")
    row = records.position_row(position, CLOCK)
    assert (row.volume_e8, row.opened_at.microsecond) == (100_000_000, 0)


@pytest.mark.parametrize(
    ("number", "changes", "sentence"),
    [
        (0, {"Currency": None}, "None is not a text"),
        (1, {"ContractSize": "big"}, "'big' is not a number"),
        (2, {"Balance": "NaN"}, "'NaN' is not a number"),
        (2, {"Login": "-4"}, "'-4' is not a whole number"),
        (3, {"Equity": ""}, "'' is not a number"),
        (4, {"Action": "2"}, "Action 2 of a position is not known"),
    ],
)
def test_a_broken_row_is_a_named_error_that_names_the_fault(
    number: int, changes: dict[str, Any], sentence: str
) -> None:
    raw, build = BUILDERS[number]

    with pytest.raises(MalformedAnswer, match=sentence):
        records.convert("/x", {**raw, **changes}, build)


@pytest.mark.parametrize("number", range(len(BUILDERS)))
@settings(max_examples=150)
@given(data=st.data())
def test_no_answer_crashes_a_builder(number: int, data: st.DataObject) -> None:
    raw, build = BUILDERS[number]
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(raw)), JSON, max_size=4) | JSON)
    broken = {**raw, **changes} if isinstance(changes, dict) else changes

    try:
        values = tuple(records.convert("/x", broken, build))
    except MalformedAnswer as error:
        values = (str(error),)
    for value in values:
        if isinstance(value, str):
            assert value.isprintable()
            value.encode()
        if isinstance(value, Decimal):
            assert value.is_finite()
