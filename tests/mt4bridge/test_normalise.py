"""Deals of the wire to our rows: every field, every unit, old builds, and rows that make no sense."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt4bridge.clock import ServerClock
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.reasons import SERVER_REASONS, TERMINAL_REASONS, UNKNOWN_REASON
from mt4bridge.types import BadRow, DealRow
from mt4bridge.webapi.normalise import DealNormaliser
from mt4bridge.webapi.numbers import ScaledNumbers, decimal_of
from tests.mt4bridge.rows import JSON, ODD_TEXT, RAW_DEAL, raw_deal

pytestmark = pytest.mark.unit

CLOCK = ServerClock("America/New_York", 420)
BIGINT = 2**63


def normalised(**changes: Any) -> DealRow | BadRow:
    (row,) = DealNormaliser(CLOCK).rows([raw_deal(**changes)])
    return row


def good(**changes: Any) -> DealRow:
    row = normalised(**changes)
    assert isinstance(row, DealRow), row
    return row


def bad(**changes: Any) -> BadRow:
    row = normalised(**changes)
    assert isinstance(row, BadRow), row
    return row


def test_every_field_arrives_in_our_units() -> None:
    assert good() == DealRow(
        ticket=3365080444,
        leg=0,
        login=954402,
        symbol="EURGBP",
        action=DealAction.SELL,
        entry=DealEntry.OUT,
        reason=DealReason.MOBILE,
        position=3408192000,
        position_by=0,
        order=3408192541,
        volume_e8=100_000_000,
        volume_closed_e8=100_000_000,
        price_e8=90_245_000,
        bid_e8=90_245_000,
        ask_e8=90_251_000,
        contract_size_e8=100_000 * 10**8,
        digits=5,
        currency_digits=2,
        profit_e8=-1_407_000_000,
        swap_e8=-31_000_000,
        commission_e8=-350_000_000,
        fee_e8=-2_000_000,
        deal_at=datetime(2019, 1, 9, 18, 6, 6, 335_000, tzinfo=UTC),
        comment="[tp 0.90245]",
    )


def test_a_balance_operation_needs_no_symbol_and_no_market() -> None:
    row = good(
        Action="2", Entry="0", Reason="2", Symbol="", Volume="0", VolumeExt="0", VolumeClosed="0", VolumeClosedExt="0",
        Price="0.00", MarketBid="0.00", MarketAsk="0.00", ContractSize="0.00", Order="0", PositionID="0",
        Profit="1000.00", Digits="2",
    )  # fmt: skip

    assert (row.action, row.profit_e8, row.symbol, row.bid_e8, row.ask_e8) == (2, 1000 * 10**8, "", None, None)


@pytest.mark.parametrize(
    ("changes", "volume_e8", "closed_e8"),
    [
        ({"VolumeExt": "12345678", "Volume": "1234", "VolumeClosedExt": "1000000"}, 12_345_678, 1_000_000),
        ({"VolumeExt": None, "VolumeClosedExt": None, "Volume": "150", "VolumeClosed": "150"}, 1_500_000, 1_500_000),
        ({"VolumeExt": "0", "VolumeClosedExt": "0", "Volume": "150", "VolumeClosed": "50"}, 1_500_000, 500_000),
        ({"VolumeClosedExt": None, "VolumeClosed": None}, 100_000_000, 100_000_000),
        ({"Entry": "0", "VolumeClosedExt": "100000000"}, 100_000_000, 0),
        ({"Entry": "2", "VolumeClosedExt": "40000000", "VolumeClosed": "4000"}, 100_000_000, 40_000_000),
        ({"Entry": "3"}, 100_000_000, 100_000_000),
        ({"VolumeExt": "5000000000000", "VolumeClosedExt": "5000000000000"}, 50_000 * 10**8, 50_000 * 10**8),
    ],
)
def test_lots_come_from_the_finer_field_and_old_builds_have_only_the_coarse_one(
    changes: dict[str, Any], volume_e8: int, closed_e8: int
) -> None:
    row = good(**changes)

    assert (row.volume_e8, row.volume_closed_e8) == (volume_e8, closed_e8)


def test_what_old_builds_leave_out_gets_its_neutral_value() -> None:
    row = good(
        Fee=None,
        Reason=None,
        MarketBid=None,
        MarketAsk=None,
        TimeMsc=None,
        Comment=None,
        Order=None,
        DigitsCurrency=None,
    )

    assert row == good()._replace(
        fee_e8=0, reason=UNKNOWN_REASON, bid_e8=None, ask_e8=None, comment="", order=0,
        deal_at=datetime(2019, 1, 9, 18, 6, 6, tzinfo=UTC),
    )  # fmt: skip


def test_the_noise_of_doubles_is_rounded_away() -> None:
    assert good(Price="1.1403699999999999", Profit="-14.070000000000001") == good(Price="1.14037", Profit="-14.07")


@pytest.mark.parametrize("number", ["19", "25", "4000"])
def test_an_unknown_reason_is_no_error(number: str) -> None:
    assert good(Reason=number).reason == DealReason.UNKNOWN


def test_both_numberings_of_reasons_lead_to_known_codes_and_differ() -> None:
    assert {*SERVER_REASONS.values(), *TERMINAL_REASONS.values(), UNKNOWN_REASON} <= set(DealReason.values)
    assert (SERVER_REASONS[3], SERVER_REASONS[4]) == (DealReason.SL, DealReason.TP)
    assert (TERMINAL_REASONS[4], TERMINAL_REASONS[5]) == (DealReason.SL, DealReason.TP)
    assert (TERMINAL_REASONS[1], TERMINAL_REASONS[2], TERMINAL_REASONS[3]) == (
        DealReason.MOBILE,
        DealReason.WEB,
        DealReason.EXPERT,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Deal": None}, "Deal is missing"),
        ({"Deal": "0"}, "Deal is 0"),
        ({"Login": "0"}, "Login is 0"),
        ({"Price": None}, "Price is missing"),
        ({"Profit": "many"}, "'many' is not a number"),
        ({"Profit": "NaN"}, "'NaN' is not a number"),
        ({"Profit": "1e300"}, "'1e300' is out of range"),
        ({"Price": "99999999999.5"}, "'99999999999.5' is out of range"),
        ({"Price": "1_000"}, "'1_000' is not a number"),
        ({"Action": "21"}, "Action 21 is not known"),
        ({"Action": "-1"}, "'-1' is not a whole number"),
        ({"Entry": "4"}, "Entry 4 is not known"),
        ({"Symbol": ""}, "Symbol is missing"),
        ({"Symbol": "EUR\x00USD"}, "Symbol is too long or has unprintable characters"),
        ({"Symbol": "X" * 65}, "Symbol is too long or has unprintable characters"),
        ({"Volume": "0", "VolumeExt": "0"}, "a trade without volume"),
        ({"VolumeClosedExt": "200000000"}, "VolumeClosed is more than Volume"),
        ({"Entry": "2", "VolumeClosed": "0", "VolumeClosedExt": "0"}, "a reversal without VolumeClosed"),
        ({"Time": None, "TimeMsc": None}, "Time is not between 1970 and 2100"),
        ({"TimeMsc": "99999999999999"}, "Time is not between 1970 and 2100"),
        ({"Deal": str(BIGINT)}, f"'{BIGINT}' is not a whole number"),
        ({"Login": ["1"]}, "a field has the wrong type"),
        ({"Price": {"a": "b"}}, "a field has the wrong type"),
        ({"Comment": ["x"]}, "a field has the wrong type"),
    ],
)
def test_a_row_that_makes_no_sense_is_bad_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assert bad(**changes).reason == reason


def test_a_bad_row_tells_what_can_be_told() -> None:
    row = bad(Price="?")

    assert (row.ticket, row.leg, row.login) == (3365080444, 0, 954402)
    assert '"Price": "?"' in row.raw


@pytest.mark.parametrize("raw", [None, 7, "text", [], {}, [[]], True])
def test_what_is_no_row_at_all_is_bad_too(raw: Any) -> None:
    (row,) = DealNormaliser(CLOCK).rows([raw])

    assert isinstance(row, BadRow)
    assert row.ticket is None


def test_one_bad_row_leaves_the_others_alone() -> None:
    rows = DealNormaliser(CLOCK).rows([raw_deal(), raw_deal(Price="?"), raw_deal(Deal="5")])

    assert [type(row) for row in rows] == [DealRow, BadRow, DealRow]


def test_a_comment_that_cannot_be_stored_is_made_storable() -> None:
    assert good(Comment="a\x00b\ud800c").comment == "a?b?c"


@settings(max_examples=600)
@given(
    st.dictionaries(
        st.sampled_from(sorted(RAW_DEAL)), JSON | st.text(alphabet="0123456789.-eE", max_size=22), max_size=6
    )
)
def test_no_answer_crashes_the_normaliser_or_makes_a_row_that_cannot_be_stored(changes: dict[str, Any]) -> None:
    (row,) = DealNormaliser(CLOCK).rows([{**RAW_DEAL, **changes}])

    if isinstance(row, BadRow):
        assert row.reason.isprintable()
        row.raw.encode()
        return
    numbers = [value for value in row if isinstance(value, int)]
    assert all(type(value) is int and -BIGINT < value < BIGINT for value in numbers)
    assert row.ticket > 0
    assert 0 <= row.volume_closed_e8 <= max(row.volume_e8, row.volume_closed_e8 if row.action > 1 else 0)
    assert "\x00" not in row.symbol + row.comment
    (row.symbol + row.comment).encode()


@settings(max_examples=300)
@given(st.decimals(min_value=-(10**10), max_value=10**10, places=8), st.integers(0, 8))
def test_scaled_numbers_are_exact(number: Decimal, places: int) -> None:
    text = f"{number:.{places}f}"

    assert ScaledNumbers()[text] == int(Decimal(text) * 10**8)


@given(ODD_TEXT)
def test_number_text_is_a_number_or_an_error(text: str) -> None:
    try:
        value = decimal_of(text)
    except ValueError:
        return
    assert value.is_finite()
    assert value == Decimal(text)
