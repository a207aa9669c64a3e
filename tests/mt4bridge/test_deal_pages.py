"""Answers to columns: the same rows as one by one, or no columns at all."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt4bridge.clock import ServerClock
from mt4bridge.columns import DealColumns, joined, microseconds
from mt4bridge.errors import BridgeError
from mt4bridge.types import BadRow, DealRow
from mt4bridge.webapi import wire
from mt4bridge.webapi.deal_pages import DealPages
from mt4bridge.webapi.normalise import DealNormaliser
from tests.mt4bridge.rows import JSON, RAW_DEAL, columns_of, raw_deal

pytestmark = pytest.mark.unit

CLOCK = ServerClock("America/New_York", 420)
NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "1e3",
    " 1",
    "1.0",
    "01",
    "1_0",
    "٣",
    "9" * 18,
    "9" * 19,
    "9" * 30,
    "NaN",
    "-0.00",
    "",
    "13.125",
]
PATH = "/api/deal/get_batch"


def text(*raws: Any, **whole: Any) -> bytes:
    return json.dumps({"retcode": "0 Done", "answer": list(raws), **whole}).encode()


def by_row(body: bytes) -> list[DealRow | BadRow] | None:
    """Return the rows of the slower way; None when it refuses the answer."""
    try:
        return DealNormaliser(CLOCK).rows(wire.rows_of(PATH, wire.parse_answer(PATH, body)))
    except BridgeError:
        return None


def by_columns(body: bytes) -> DealColumns | None:
    return DealPages(CLOCK).columns(body)


def distinct(count: int) -> list[dict[str, Any]]:
    return [
        raw_deal(Deal=str(7_000 + number), TimeMsc=str(1_547_064_366_335 + number * 700)) for number in range(count)
    ]


def test_a_usual_answer_becomes_the_same_rows() -> None:
    deposit = raw_deal(
        Deal="9", Action="2", Entry="0", Reason="2", Symbol="", Volume="0", VolumeExt="0", VolumeClosed="0",
        VolumeClosedExt="0", Price="0.00", MarketBid="0.00", MarketAsk="0.00", ContractSize="0.00", Order="0",
        PositionID="0", Profit="1000.00", Comment="返佣",
    )  # fmt: skip
    old_build = raw_deal(
        Deal="8", VolumeExt=None, VolumeClosedExt=None, VolumeClosed=None, Fee=None, Reason=None, MarketBid=None,
        MarketAsk=None, TimeMsc=None, Comment=None, Order=None, DigitsCurrency=None,
    )  # fmt: skip
    body = text(*distinct(5), deposit, old_build, raw_deal(Deal="10", Entry="0"), raw_deal(Deal="11", Reason="4000"))

    columns = by_columns(body)

    assert columns is not None
    assert list(columns) == by_row(body)
    assert not any(isinstance(row, BadRow) for row in columns)


@pytest.mark.parametrize("body", [text(), b'{"retcode":"1 No data"}'])
def test_no_deals_are_no_rows(body: bytes) -> None:
    columns = by_columns(body)

    assert columns is not None
    assert (list(columns), len(columns), bool(columns)) == ([], 0, False)


@pytest.mark.parametrize(
    "body",
    [
        text(retcode="13 Not found"),
        text(retcode=0),
        text(answer=None),
        text(answer=RAW_DEAL),
        text(RAW_DEAL, RAW_DEAL),
        text({**RAW_DEAL, "Deal": 5}),
        text({**RAW_DEAL, "Comment": None}),
        text({**RAW_DEAL, "Gateway": "_"}).replace(b'"_"', b'"\xff"'),
        text(RAW_DEAL)[:-1],
        text(RAW_DEAL) + b" x",
        b"\xef\xbb\xbf" + text(RAW_DEAL),
        b'{"retcode":"0 Done","answer":' + b"[" * 100_000,
        text(raw_deal(Profit="many")),
        text(raw_deal(Entry="2", VolumeClosed="0", VolumeClosedExt="0")),
        text(raw_deal(VolumeClosedExt="100000001")),
        text(raw_deal(Action="2", Entry="1", VolumeClosedExt="100000001")),
        text(raw_deal(VolumeExt="0", Volume="9" * 18)),
        text(raw_deal(TimeMsc="0", Time="9" * 18)),
        text(raw_deal(Comment="x" * 64)),
        text(raw_deal(Comment="\x1b[31m")),
    ],
)
def test_whatever_is_unusual_is_left_to_the_slower_way(body: bytes) -> None:
    assert by_columns(body) is None


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Return an answer in which fields of some rows were changed or left out."""
    raws = distinct(draw(st.integers(1, 4)))
    for _ in range(draw(st.integers(1, 3))):
        raw = raws[draw(st.integers(0, len(raws) - 1))]
        name = draw(st.sampled_from(sorted(RAW_DEAL)))
        value = draw(st.sampled_from(NUMBERS) | JSON)
        raw.pop(name, None)
        if draw(st.integers(0, 4)):
            raw[name] = value
    body = text(*raws)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=2)) + body[at + 1 :]
    return body


@settings(max_examples=300, deadline=None)
@given(body=answers())
def test_columns_never_say_anything_else_than_the_rows(body: bytes) -> None:
    columns = by_columns(body)

    assert columns is None or list(columns) == by_row(body)


def test_columns_are_a_sequence_of_rows() -> None:
    rows = DealNormaliser(CLOCK).rows(distinct(6))
    columns = columns_of(rows)
    assert isinstance(columns, DealColumns)
    second, fifth = rows[1], rows[4]
    assert isinstance(second, DealRow)
    assert isinstance(fifth, DealRow)

    assert (len(columns), columns[1], columns[-1], list(columns[2:4])) == (6, second, rows[5], rows[2:4])
    assert list(columns.between(second.deal_at, fifth.deal_at)) == rows[1:4]
    assert columns.between(second.deal_at, datetime(2030, 1, 1, tzinfo=UTC))[0] == second
    with pytest.raises(IndexError):
        columns[6]


def test_parts_are_joined_as_columns_unless_a_ticket_comes_twice_or_one_has_rows() -> None:
    rows = DealNormaliser(CLOCK).rows(distinct(6))
    first, second = columns_of(rows[:3]), columns_of(rows[3:])

    assert isinstance(joined([second, first]), DealColumns)
    assert list(joined([second, first])) == rows[3:] + rows[:3]
    assert joined([first, first]) == rows[:3] * 2
    assert joined([first, rows[3:]]) == rows


def test_moments_are_exact_to_the_microsecond() -> None:
    at = datetime(2026, 3, 2, 10, 0, 0, 123_456, tzinfo=UTC)

    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(at)) == at
