"""The OpenAPI file of the bridge contract: valid, complete, and what our bridges really answer."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from mt4bridge.agents.app import App
from mt4bridge.agents.backend import Backend
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate
from mt4bridge.agents.mt5manager.backend import Mt5Manager
from mt4bridge.agents.operations import Operations
from mt4bridge.agents.terminal.backend import Terminal
from mt4bridge.clock import ServerClock
from mt4bridge.fakebridge import load
from mt4bridge.fakebridge.backend import FakeMt4
from mt4bridge.fakebridge.book import Mt4Book
from mt4bridge.httpbridge import contract, signing
from mt4bridge.simulator.market import Market
from tests.mt4bridge.signed import KEY, SECRET, ask
from tests.mt4bridge.stand_ins import meta_trader5, mt5_manager
from tests.mt4bridge.test_mt5_agent import record, trade
from tests.mt4bridge.test_terminal_agent import deal as terminal_deal

pytestmark = pytest.mark.unit
FILE = Path(contract.__file__).with_name("openapi.yaml")
DOCUMENT: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
EVER = "from_ms=0&to_ms=9000000000000"
NEW_USER = {
    "request_id": "u1", "login": 0, "group": "demo-usd", "name": "A B", "leverage": 100, "token": "T1",
    "main_password": "Passw0rd!", "investor_password": "Passw0rd?",
}  # fmt: skip


@pytest.fixture(params=["mt4", "mt5", "terminal"])
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, App]]:
    """Each bridge of ours, with something of everything in it."""
    events = Events()
    backend: Backend = {"mt4": fake_mt4, "mt5": manager, "terminal": terminal}[request.param](events)
    writes = Operations(tmp_path / "operations.sqlite")
    yield request.param, App(backend, gate=Gate({KEY: SECRET}), writes=writes, events=events)
    writes.close()


def fake_mt4(events: Events) -> Backend:
    clock, market = ServerClock(), Market(1)
    book = Mt4Book(clock, lambda: time.time_ns() // 1_000_000)
    book.rate = market.rate
    book.listeners.append(lambda kind, login, ticket: events.add(kind, login=login, ticket=ticket))
    load.generate(book, market, load.Plan(accounts=4, days=6, seed=3, until=datetime(2026, 3, 2, tzinfo=UTC)))
    return FakeMt4(book, market)


def manager(events: Events) -> Backend:
    api, mt5 = mt5_manager, mt5_manager.reset()
    session = api.ManagerAPI()
    mt5.groups = [record(api.MTConGroup(session), Group="demo-usd")]
    mt5.symbols = [record(api.MTConSymbol(session), Symbol="EURUSD", Path="Forex\\EURUSD")]
    mt5.ticks["EURUSD"] = record(api.MTTickShort(session), bid=1.1, ask=1.1002, datetime=1_772_452_800)
    mt5.users[500001] = record(api.MTUser(session), Login=500001, Group="demo-usd", Name="A", Rights=355, Balance=50.5)
    mt5.deals = {
        7: record(trade(session, 7, 0, 0.1), Login=500001),
        8: record(trade(session, 8, 1, -1e-9), Login=500001),
    }
    mt5.positions[7] = record(api.MTPosition(session), Position=7, Login=500001, Symbol="EURUSD", VolumeExt=10**7)
    mt5.orders[9] = record(api.MTOrder(session), Order=9, Login=500001, Symbol="EURUSD", VolumeCurrent=100)
    return Mt5Manager(api, server="mt5.test:443", login=1000, password="manager-pass", events=events)  # type: ignore[arg-type]  # a module in all but type


def terminal(_events: Events) -> Backend:
    account = meta_trader5.reset()
    account.deals = [terminal_deal(7, 0, 0), terminal_deal(8, 1, 1, profit=-0.005)]
    return Terminal(meta_trader5, login=4242, password="terminal-pass", server="Broker-Demo")  # type: ignore[arg-type]  # a module in all but type


def check(operation: str, status: int, answer: Any) -> None:
    """Check an answer against what the file says of the operation."""
    (found,) = [
        found for path in DOCUMENT["paths"].values() for found in path.values()
        if isinstance(found, dict) and found.get("operationId") == operation
    ]  # fmt: skip
    response = found["responses"].get(str(status), found["responses"]["default"])
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = {**response["content"]["application/json"]["schema"], "components": DOCUMENT["components"]}
    errors = [error.message for error in OAS31Validator(schema).iter_errors(answer)]
    assert not errors, (operation, status, errors[:3], answer)


def test_the_file_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_test_vector_of_the_file_is_right() -> None:
    nonce = "000102030405060708090a0b0c0d0e0f"
    asked = signing.request_signature(
        "swordfish", method="POST", target="/v1/balance", timestamp_ms=1_700_000_000_000, nonce=nonce,
        body=b'{"login":1}',
    )  # fmt: skip
    answered = signing.answer_signature("swordfish", nonce=nonce, status=200, body=b'{"ticket":7}')

    assert asked in DOCUMENT["info"]["description"]
    assert answered in DOCUMENT["info"]["description"]


def test_the_file_names_every_path_error_and_capability_of_ours_and_no_other(bridge: tuple[str, App]) -> None:
    _, app = bridge
    written = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
        if method in ("get", "post", "patch")
    }
    served = {(route.method, re.sub(r"\(\[\^/\]\+\)", "{}", route.pattern.pattern)) for route in app._routes}
    schemas = DOCUMENT["components"]["schemas"]

    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in written} == served
    assert set(schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]) == set(contract.FAULT_STATUS)
    assert tuple(schemas["Health"]["properties"]["capabilities"]["items"]["enum"]) == contract.CAPABILITIES
    told = schemas["Error"]["properties"]["error"]["properties"]["code"]["description"]
    for codes, status in re.findall(r"([a-z_,\s]+)\s\((\d{3})\)", told.replace("The HTTP status in brackets.", "")):
        assert {contract.FAULT_STATUS[code] for code in re.findall(r"[a-z_]+", codes)} == {int(status)}


def test_every_answer_is_what_the_file_says(bridge: tuple[str, App]) -> None:
    kind, app = bridge
    login = 4242 if kind == "terminal" else 500001
    questions = {
        "health": "/health", "time": "/time", "groups": "/groups", "symbols": "/symbols?limit=3", "users": "/users",
        "accountStates": f"/accounts?login={login}", "ticks": "/ticks?symbol=EURUSD", "events": "/events",
        "positions": f"/positions?login={login}", "orders": f"/orders?login={login}", "deals": f"/deals?{EVER}",
        "dealCount": f"/deals/count?{EVER}", "trades": f"/trades?{EVER}&limit=5000",
        "openTrades": f"/open-trades?login={login}", "operation": "/operations/r1",
    }  # fmt: skip

    seen = {}
    for operation, target in questions.items():
        status, answer = ask(app, "GET", target)
        check(operation, status, answer)
        seen[operation] = (status, len(answer.get("items", ["one"])))

    unsupported = {"mt4": {"positions", "orders", "deals", "dealCount"}}.get(kind, {"trades", "openTrades"})
    assert {operation for operation, (status, _) in seen.items() if status == 501} == unsupported
    assert {operation for operation, (status, _) in seen.items() if status == 404} == {"operation"}
    assert min(count for operation, (status, count) in seen.items() if status == 200 and operation != "events") > 0 or (
        kind == "terminal"
    )


def test_every_write_is_answered_as_the_file_says(bridge: tuple[str, App]) -> None:
    kind, app = bridge
    balance = {"request_id": "b1", "login": 500001, "kind": "balance", "amount": "5.5", "comment": "T1"}
    margin = {"login": 500001, "symbol": "EURUSD", "action": "sell", "lots": "0.1", "price": "1.1"}
    password = {"kind": "main", "password": "Passw0rd!"}
    writes: list[tuple[str, str, str, dict[str, Any]]] = [
        ("openAccount", "POST", "/users", NEW_USER),
        (
            "updateAccount",
            "PATCH",
            "/users/500001",
            {"request_id": "c1", "changes": {"leverage": 33, "enabled": False}},
        ),
        ("setPassword", "POST", "/users/500001/password", {"request_id": "p1", **password}),
        ("checkPassword", "POST", "/users/500001/password/check", password),
        ("changeBalance", "POST", "/balance", balance),
        ("changeBalance", "POST", "/balance", {**balance, "request_id": "b2", "amount": "-999999999"}),
        ("checkMargin", "POST", "/margin/check", margin),
        ("operation", "GET", "/operations/b1", {}),
        ("voidOperation", "POST", "/operations/b2/void", {}),
        ("deleteAccount", "POST", "/users/77/delete", {"request_id": "d1"}),
        ("archiveAccount", "POST", "/users/500001/archive", {"request_id": "a1"}),
    ]

    statuses = []
    for operation, method, target, body in writes:
        status, answer = ask(app, method, target, None if method == "GET" else body)
        check(operation, status, answer)
        statuses.append(status)

    assert (
        statuses
        == {
            "mt4": [200, 200, 200, 200, 200, 422, 200, 200, 200, 404, 200],
            "mt5": [200, 200, 200, 200, 200, 422, 200, 200, 200, 404, 501],
            "terminal": [501, 501, 501, 501, 501, 501, 501, 200, 200, 501, 501],
        }[kind]
    )


def test_what_we_ask_is_what_the_file_says() -> None:
    schema = {"$ref": "#/components/schemas/NewUser", "components": DOCUMENT["components"]}

    assert OAS31Validator(schema).is_valid(NEW_USER)
    assert not OAS31Validator(schema).is_valid({**NEW_USER, "leverage": "100"})
