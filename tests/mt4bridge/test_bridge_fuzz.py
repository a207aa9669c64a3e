"""Whatever a bridge sends, its adapter stores no wrong row and raises nothing without a name."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt4bridge.clock import ServerClock
from mt4bridge.errors import BridgeError
from mt4bridge.httpbridge import records
from mt4bridge.httpbridge.client import Client
from mt4bridge.types import BadRow, DealRow
from mt4bridge.webapi.connection import Answer, Endpoint

pytestmark = pytest.mark.unit
EXAMPLES = 100
TRADE: dict[str, Any] = {
    "ticket": 501, "login": 90010001, "cmd": 1, "symbol": "EURUSD", "digits": 5, "currency_digits": 2, "volume": 30,
    "open_ms": 1_560_000_000_000, "open_price": "1.10000", "close_ms": 1_560_003_600_000, "close_price": "1.20000",
    "stop_loss": "0", "take_profit": "0", "expires_ms": 0, "commission": "-1.5", "taxes": "0", "swap": "-0.2",
    "profit": "12.34", "reason": 0, "magic": 0, "comment": "", "changed_ms": 1_560_003_600_000,
}  # fmt: skip
DEAL: dict[str, Any] = {
    "deal": 2**31 + 5, "login": 5001, "order": 7, "position": 9, "position_by": 0, "action": 1, "entry": 1, "reason": 3,
    "symbol": "EURUSD", "digits": 5, "currency_digits": 2, "contract_size": "100000", "lots": "0.5",
    "lots_closed": "0.5", "price": "1.1", "bid": "1.1", "ask": None, "profit": "-1.5", "swap": "0", "commission": "0",
    "fee": "0", "time_ms": 1_560_000_000_000, "comment": "",
}  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1e400", "-0", "NaN", "9" * 70, "0.1.2", "٣", "1 000", "", "-1", "Infinity", "1e-9"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def changed(row: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A good row with some fields replaced or missing; sometimes anything at all."""
    fields = st.dictionaries(st.sampled_from(sorted(row)), JSON, max_size=3)
    missing = st.sets(st.sampled_from(sorted(row)), max_size=1)
    built = st.tuples(fields, missing).map(
        lambda parts: {name: value for name, value in {**row, **parts[0]}.items() if name not in parts[1]}
    )
    return built | JSON


def check(row: DealRow | BadRow, raw: Any) -> None:
    """A row is bad with a reason, or every value of it is one that was sent and that the store can hold."""
    if isinstance(row, BadRow):
        assert row.reason
        assert row.reason.isprintable()
        assert row.raw.isprintable()
        return
    numbers = [value for value in row if isinstance(value, int)]
    assert all(abs(value) < 2**63 for value in numbers)
    assert (row.ticket, row.login) == (raw.get("ticket", raw.get("deal")), raw["login"])
    assert min(row.ticket, row.login) > 0
    assert 0 <= row.volume_closed_e8 <= row.volume_e8
    assert row.symbol.isprintable()
    assert row.comment.isprintable()
    assert row.symbol or row.action > 1


@settings(max_examples=EXAMPLES, deadline=None)
@given(changed(TRADE))
def test_any_trade_becomes_right_legs_or_a_bad_row(raw: Any) -> None:
    rows = records.DealReader(ServerClock()).of_trades([raw])

    assert len(rows) <= 2
    for row in rows:
        check(row, raw)


@settings(max_examples=EXAMPLES, deadline=None)
@given(changed(DEAL))
def test_any_deal_becomes_a_right_row_or_a_bad_one(raw: Any) -> None:
    (row,) = records.DealReader(ServerClock()).of_deals([raw])

    check(row, raw)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.sampled_from([200, 400, 401, 404, 409, 422, 500, 502, 599]),
    JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30)
    | st.dictionaries(st.just("error"), st.dictionaries(st.sampled_from(["code", "message", "retcode"]), JSON)).map(
        lambda value: json.dumps(value).encode()
    ),
)  # fmt: skip
def test_any_answer_is_an_object_or_a_named_error(status: int, body: bytes) -> None:
    client = Client(Endpoint("127.0.0.1:1"), key_id="1", secret="s")

    answer, failure = outcome(client, Answer(status, body))

    assert (failure is None) == isinstance(answer, dict)
    assert failure is None or (str(failure), failure.code) != ("", BridgeError.code)
    assert failure is not None or status == 200


def outcome(client: Client, answer: Answer) -> tuple[Any, BridgeError | None]:
    """Return what a client makes of an answer: an object, or the named error."""
    try:
        return client._parsed("/path", answer), None
    except BridgeError as error:
        return None, error


def test_the_good_rows_are_good() -> None:
    reader = records.DealReader(ServerClock())

    assert [type(row) for row in (*reader.of_trades([TRADE]), *reader.of_deals([DEAL]))] == [DealRow, DealRow, DealRow]
