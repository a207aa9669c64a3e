"""Mutated answers through a real socket: a named error, or rows that say exactly what the answer says. Nothing else.

The normal run tries two hundred; `-m soak` tries 10,000."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mt4bridge.errors import BridgeError
from mt4bridge.types import AccountState, BadRow, DealRow, OrderRow, PositionRow, TickRow, UserRow
from mt4bridge.webapi.adapter import WebApiServer
from tests.mt4bridge.rows import JSON, RAW_DEAL
from tests.mt4bridge.scripted import Say, ScriptedServer, scripted_server

FEW, MANY = 200, 10_000
LARGEST = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEAL_AT = EPOCH + timedelta(milliseconds=int(RAW_DEAL["TimeMsc"]))
USER = {
    "Login": "7", "Group": "real\\std", "FirstName": "Ann", "LastName": "Roe", "Email": "a@example.org",
    "Rights": "483", "Leverage": "100", "Agent": "5", "Balance": "1000.10", "Credit": "0.00",
    "Registration": "1700000000", "ID": "T",
}  # fmt: skip
STATE = {
    "Login": "7", "CurrencyDigits": "2", "Balance": "26000.00", "Credit": "1.00", "Margin": "11.73",
    "MarginFree": "25981.83", "Floating": "-6.44", "Equity": "25994.56",
}  # fmt: skip
POSITION = {
    "Position": "11", "Login": "7", "Symbol": "EURUSD", "Action": "0", "TimeCreateMsc": "1547064366335",
    "PriceOpen": "1.10000", "PriceCurrent": "1.10100", "VolumeExt": "100000000", "Profit": "100.00", "Storage": "-1.00",
}  # fmt: skip
ORDER = {
    "Order": "12", "Login": "7", "Symbol": "EURUSD", "Type": "2", "VolumeCurrentExt": "5000000", "PriceOrder": "1.05",
    "TimeSetupMsc": "1547064366335", "TimeExpiration": "0", "Comment": "x",
}  # fmt: skip
TICK = {"Symbol": "EURUSD", "Bid": "1.09908", "Ask": "1.09917", "DatetimeMsc": "1547064366335"}


def scaled(text: str) -> int:
    return int(Decimal(text).scaleb(8, Context(prec=80)).quantize(Decimal(1), ROUND_HALF_EVEN, Context(prec=80)))


def at_ms(text: str) -> datetime:
    return EPOCH + timedelta(milliseconds=int(text))


def or_zero(raw: dict[str, Any], name: str) -> str:
    return raw.get(name) or "0"


def deal_says(row: DealRow, raw: dict[str, Any]) -> bool:
    volume = int(or_zero(raw, "VolumeExt")) or int(or_zero(raw, "Volume")) * 10_000
    time_ms = int(or_zero(raw, "TimeMsc")) or int(or_zero(raw, "Time")) * 1000
    return (
        (row.login, row.action, row.entry) == (int(raw["Login"]), int(raw["Action"]), int(raw["Entry"]))
        and (row.price_e8, row.profit_e8) == (scaled(raw["Price"]), scaled(raw["Profit"]))
        and (row.swap_e8, row.commission_e8, row.fee_e8)
        == tuple(scaled(or_zero(raw, name)) for name in ("Storage", "Commission", "Fee"))
        and (row.volume_e8, row.deal_at) == (volume, at_ms(str(time_ms)))
        and row.contract_size_e8 == scaled(or_zero(raw, "ContractSize"))
        and (row.symbol == raw.get("Symbol", ""))
    )


def user_says(row: UserRow, raw: dict[str, Any]) -> bool:
    return (row.group, row.balance, row.credit, row.agent, row.leverage) == (
        shown(raw["Group"]), Decimal(raw["Balance"]), Decimal(or_zero(raw, "Credit")), int(or_zero(raw, "Agent")),
        int(or_zero(raw, "Leverage")),
    )  # fmt: skip


def state_says(row: AccountState, raw: dict[str, Any]) -> bool:
    names = ("Balance", "Credit", "Equity", "Margin", "MarginFree")
    return (row.balance, row.credit, row.equity, row.margin, row.margin_free) == tuple(Decimal(raw[n]) for n in names)


def position_says(row: PositionRow, raw: dict[str, Any]) -> bool:
    volume = int(or_zero(raw, "VolumeExt")) or int(or_zero(raw, "Volume")) * 10_000
    return (row.login, row.action, row.volume_e8, row.price_open_e8, row.profit) == (
        int(raw["Login"]), int(raw["Action"]), volume, scaled(raw["PriceOpen"]), Decimal(raw["Profit"]),
    )  # fmt: skip


def order_says(row: OrderRow, raw: dict[str, Any]) -> bool:
    return (row.login, row.kind, row.price_e8) == (int(raw["Login"]), int(raw["Type"]), scaled(raw["PriceOrder"]))


def tick_says(row: TickRow, raw: dict[str, Any]) -> bool:
    return (row.bid_e8, row.ask_e8) == (scaled(raw["Bid"]), scaled(raw["Ask"]))


def shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def deals(server: WebApiServer) -> list[Any]:
    return [row for rows in server.deals(since=DEAL_AT, until=DEAL_AT + timedelta(minutes=30)) for row in rows]


Kind = tuple[str, dict[str, Any], str, str, Callable[[WebApiServer], list[Any]], Callable[[Any, dict[str, Any]], bool]]
KINDS: list[Kind] = [
    ("/api/deal/get_batch", RAW_DEAL, "Deal", "ticket", deals, deal_says),
    ("/api/user/get_batch", USER, "Login", "login", lambda server: server.users(), user_says),
    ("/api/user/account/get_batch", STATE, "Login", "login", lambda server: server.account_states([7]), state_says),
    ("/api/position/get_batch", POSITION, "Position", "position", lambda server: server.positions([7]), position_says),
    ("/api/order/get_batch", ORDER, "Order", "order", lambda server: server.orders([7]), order_says),
    ("/api/tick/last", TICK, "Symbol", "symbol", lambda server: server.ticks(["EURUSD"]), tick_says),
]


def numbered(row: dict[str, Any], key: str, number: int) -> dict[str, Any]:
    """Return a row of its own: the same with another key."""
    own = f"EURUS{number}" if key == "Symbol" else str(int(row[key]) + number)
    return {**row, key: own}


@st.composite
def mutated(draw: st.DrawFn, kinds: Sequence[Kind] = KINDS) -> tuple[Kind, Say]:
    """Return which call is asked and what the server says: rows with fields changed, then bytes, then HTTP."""
    kind = draw(st.sampled_from(kinds))
    rows = [numbered(kind[1], kind[2], number) for number in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(0, 3))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        if row:
            name = draw(st.sampled_from(sorted(row)))
            if draw(st.booleans()):
                row[name] = draw(JSON | st.sampled_from(["0", "-1", "1e3", " 1", "1_0", "٣", "9" * 30, "NaN", "-0.00"]))
            else:
                del row[name]
    whole: Any = {"retcode": draw(st.sampled_from(["0 Done"] * 8 + ["1 No data", "13 x", "8 x", "x", ""])),
                  "answer": rows}  # fmt: skip
    if draw(st.integers(0, 9)) == 0:
        whole = draw(JSON) if draw(st.booleans()) else {**whole, "answer": draw(JSON)}
    body = json.dumps(whole).encode()
    if draw(st.integers(0, 3)) == 0:
        body = draw(cut_bytes(body))
    return kind, draw(framed(body))


def cut_bytes(body: bytes) -> st.SearchStrategy[bytes]:
    """Truncate, overwrite, insert or repeat some bytes."""
    places = st.integers(0, max(len(body) - 1, 0))
    return st.one_of(
        places.map(lambda at: body[:at]),
        st.tuples(places, st.binary(max_size=4)).map(lambda cut: body[: cut[0]] + cut[1] + body[cut[0] + 1 :]),
        st.tuples(places, places).map(lambda cut: body[: max(cut)] + body[min(cut) :]),
    )


@st.composite
def framed(draw: st.DrawFn, body: bytes) -> Say:
    if draw(st.integers(0, 9)):
        return Say(body)
    return draw(
        st.one_of(
            st.sampled_from([204, 301, 403, 404, 429, 500, 503]).map(lambda status: Say(body, status=status)),
            st.integers(1, 30).map(lambda more: Say(body, length=len(body) + more, hang_up=True)),
            st.binary(max_size=60).map(lambda raw: Say(raw=raw, hang_up=True)),
            st.binary(max_size=20).map(lambda raw: Say(raw=b"HTTP/1.1 200 OK\r\n" + raw + b"\r\n\r\n", hang_up=True)),
        )
    )


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[ScriptedServer, WebApiServer]]:
    with scripted_server() as server:
        adapter = server.adapter({})
        yield server, adapter
        server.drop_adapters()


def check(target: tuple[ScriptedServer, WebApiServer], kind: Kind, said: Say) -> None:
    """Ask, and hold the outcome against what was said."""
    path, _, key, attribute, call, agrees = kind
    server, adapter = target
    server.script = {"/api/test/access": Say('{"retcode":"0 Done"}'), path: said}

    try:
        rows = call(adapter)
    except BridgeError:
        return

    said_rows = rows_said(said)
    for row in rows:
        assert all(abs(value) <= LARGEST for value in row if type(value) is int)
        assert all(value.isprintable() for value in row if isinstance(value, str))
        if isinstance(row, BadRow):
            assert row.reason
            continue
        own = [raw for raw in said_rows if same_key(raw, key, getattr(row, attribute))]
        assert own, f"{row} was never said"
        assert any(holds(agrees, row, raw) for raw in own), f"{row} is not what was said"


def holds(agrees: Callable[[Any, dict[str, Any]], bool], row: object, raw: dict[str, Any]) -> bool:
    try:
        return agrees(row, raw)
    except (ValueError, ArithmeticError, KeyError, TypeError):
        return False


def rows_said(said: Say) -> list[dict[str, Any]]:
    """Read the answer once more, slowly; text stays text."""
    body = (said.raw or b"").partition(b"\r\n\r\n")[2] if said.raw is not None else said.body
    whole = json.loads(body, parse_int=str, parse_float=str, parse_constant=str) if body else {}
    rows = whole.get("answer") if isinstance(whole, dict) else None
    return [row for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, dict)]


def same_key(raw: dict[str, Any], key: str, value: object) -> bool:
    said = raw.get(key)
    return isinstance(said, str) and (said == value or (said.isdigit() and int(said) == value))


@pytest.mark.integration
@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(case=mutated())
def test_two_hundred_mutated_answers_never_become_a_wrong_row(
    target: tuple[ScriptedServer, WebApiServer], case: tuple[Kind, Say]
) -> None:
    check(target, *case)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=mutated())
def test_ten_thousand_mutated_answers_never_become_a_wrong_row(
    target: tuple[ScriptedServer, WebApiServer], case: tuple[Kind, Say]
) -> None:
    check(target, *case)


@pytest.mark.integration
def test_the_check_itself_sees_a_wrong_row(target: tuple[ScriptedServer, WebApiServer]) -> None:
    body = json.dumps({"retcode": "0 Done", "answer": [RAW_DEAL]})
    wrong = (*KINDS[0][:4], lambda server: [row._replace(profit_e8=1) for row in deals(server)], deal_says)

    check(target, KINDS[0], Say(body))
    with pytest.raises(AssertionError, match="is not what was said"):
        check(target, wrong, Say(body))
