"""MT4 tickets as legs: what an opening, a closing, a partial close, a close-by and a balance record become."""

from datetime import UTC, datetime

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.mt4_records import Mt4Record, UnusableRecord, close_reason, legs
from mt4bridge.types import DealRow

pytestmark = pytest.mark.unit
CLOCK = ServerClock("UTC", 120)
OPENED_MS, CLOSED_MS = 1_560_000_000_000, 1_560_003_600_000
TRADE = Mt4Record(
    ticket=501, login=90010001, cmd=1, symbol="USDJPY.", digits=3, lots_e8=30_000_000, open_ms=OPENED_MS,
    open_price_e8=10_812_300_000, close_ms=CLOSED_MS, close_price_e8=10_800_000_000, commission_e8=-200_000_000,
    taxes_e8=-100_000_000, swap_e8=-300_000_000, profit_e8=369_000_000_000, reason=1, comment="[tp]", currency_digits=0,
)  # fmt: skip
OPENING = DealRow(
    ticket=501, leg=0, login=90010001, symbol="USDJPY.", action=DealAction.SELL, entry=DealEntry.IN,
    reason=DealReason.EXPERT, position=501, position_by=0, order=501, volume_e8=30_000_000, volume_closed_e8=0,
    price_e8=10_812_300_000, bid_e8=None, ask_e8=None, contract_size_e8=0, digits=3, currency_digits=0, profit_e8=0,
    swap_e8=0, commission_e8=0, fee_e8=0, deal_at=datetime(2019, 6, 8, 11, 20, tzinfo=UTC), comment="",
)  # fmt: skip
CLOSING = OPENING._replace(
    leg=1, action=DealAction.BUY, entry=DealEntry.OUT, reason=DealReason.TP, volume_closed_e8=30_000_000,
    price_e8=10_800_000_000, profit_e8=369_000_000_000, swap_e8=-300_000_000, commission_e8=-200_000_000,
    fee_e8=-100_000_000, deal_at=datetime(2019, 6, 8, 12, 20, tzinfo=UTC), comment="[tp]",
)  # fmt: skip


def test_a_closed_ticket_is_two_legs_with_its_money_on_the_closing() -> None:
    assert legs(TRADE, CLOCK) == [OPENING, CLOSING]


def test_an_open_ticket_is_one_leg_without_its_floating_money() -> None:
    assert legs(TRADE._replace(close_ms=0, close_price_e8=1, comment=""), CLOCK) == [OPENING]


@pytest.mark.parametrize("cmd", [2, 3, 4, 5])
def test_pending_orders_are_no_deals(cmd: int) -> None:
    assert legs(TRADE._replace(cmd=cmd), CLOCK) == []


@pytest.mark.parametrize(("cmd", "action"), [(6, DealAction.BALANCE), (7, DealAction.CREDIT)])
def test_balance_and_credit_are_one_leg_without_a_position(cmd: int, action: DealAction) -> None:
    record = TRADE._replace(cmd=cmd, symbol="", lots_e8=0, profit_e8=-50_000_000_000, comment="W7Q2 payout")

    assert legs(record, CLOCK) == [
        OPENING._replace(
            symbol="", action=action, reason=DealReason.DEALER, position=0, order=0, volume_e8=0, price_e8=0, digits=0,
            profit_e8=-50_000_000_000, comment="W7Q2 payout",
        )
    ]  # fmt: skip


def test_the_empty_half_of_a_close_by_names_its_opposite_and_counts_no_lots() -> None:
    empty = TRADE._replace(
        lots_e8=0, profit_e8=0, swap_e8=0, commission_e8=0, taxes_e8=0, comment="close hedge by #465308924"
    )

    opening, closing = legs(empty, CLOCK)

    assert (opening.volume_e8, closing.volume_e8, closing.volume_closed_e8) == (0, 0, 0)
    assert (closing.entry, closing.position, closing.position_by) == (DealEntry.OUT_BY, 501, 465308924)


@pytest.mark.parametrize(
    ("comment", "reason", "expected"),
    [
        ("[sl]", 0, DealReason.SL), ("from #7[sl/gap]", 0, DealReason.SL), ("[tp/gap]", 1, DealReason.TP),
        ("so: 49.8%/120.0/241.0", 0, DealReason.SO), ("", 0, DealReason.CLIENT), ("", 1, DealReason.EXPERT),
        ("", 2, DealReason.DEALER), ("", 3, DealReason.SIGNAL), ("", 4, DealReason.GATEWAY), ("", 5, DealReason.MOBILE),
        ("", 6, DealReason.WEB), ("", 7, DealReason.EXTERNAL_SERVICE), ("", 250, DealReason.UNKNOWN),
    ],
)  # fmt: skip
def test_why_a_ticket_closed_stands_in_its_comment_or_its_reason(comment: str, reason: int, expected: int) -> None:
    assert close_reason(comment, reason) == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ticket": 0}, "the ticket is 0"),
        ({"login": 0}, "the login is 0"),
        ({"cmd": 8}, "cmd 8 is not known"),
        ({"cmd": -1}, "cmd -1 is not known"),
        ({"open_ms": 0}, "the opening time is not between 1970 and 2100"),
        ({"close_ms": 5_000_000_000_000}, "the closing time is not between 1970 and 2100"),
        ({"close_ms": OPENED_MS - 1}, "it closes before it opens"),
        ({"digits": 12}, "its digits are not between 0 and 9"),
        ({"symbol": "EUR\x00USD"}, "the symbol cannot be stored"),
        ({"symbol": ""}, "the symbol is missing"),
        ({"lots_e8": -1}, "the volume is negative"),
        ({"lots_e8": 0}, "a trade without volume"),
        ({"lots_e8": 0, "close_ms": 0, "comment": "close hedge by #5"}, "a trade without volume"),
    ],
)
def test_what_no_server_may_hold_is_said_in_words(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UnusableRecord, match=sentence):
        legs(TRADE._replace(**changes), CLOCK)  # type: ignore[arg-type]


def test_a_comment_that_cannot_be_stored_is_made_storable() -> None:
    assert legs(TRADE._replace(comment="a\x00b"), CLOCK)[1].comment == "a?b"
