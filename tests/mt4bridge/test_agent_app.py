"""What every agent of ours does with requests, whatever its backend: signatures, pages, writes carried out once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.agents.app import App
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate
from mt4bridge.agents.operations import Operations
from mt4bridge.clock import ServerClock
from mt4bridge.fakebridge import load
from mt4bridge.fakebridge.backend import FakeMt4
from mt4bridge.fakebridge.book import Mt4Book
from mt4bridge.httpbridge import signing
from mt4bridge.httpbridge.contract import Fault, Json
from mt4bridge.simulator.market import Market
from tests.mt4bridge.signed import KEY, SECRET, ask, check_signature, request

pytestmark = pytest.mark.unit
BIG = Decimal(2_000_000)
BALANCE = {"request_id": "r1", "login": 500001, "kind": "balance", "amount": "10.5", "comment": "T1"}


class Server(FakeMt4):
    """A fake MT4 server that counts what it books and can be told to fail."""

    def __init__(self, book: Mt4Book, market: Market) -> None:
        super().__init__(book, market)
        self.booked = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def change_balance(self, wanted: Json) -> Json:
        self.before()
        answer = super().change_balance(wanted)
        self.booked += 1
        self.after()
        return answer


@pytest.fixture
def server() -> Server:
    clock, market = ServerClock(), Market(1)
    book = Mt4Book(clock, lambda: time.time_ns() // 1_000_000)
    book.rate = market.rate
    load.generate(book, market, load.Plan(accounts=3, days=4, seed=3, until=datetime(2026, 3, 2, tzinfo=UTC)))
    return Server(book, market)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "operations.sqlite"


@pytest.fixture
def app(server: Server, file: Path) -> Iterator[App]:
    writes = Operations(file)
    yield App(server, gate=Gate({KEY: SECRET}), writes=writes, events=Events())
    writes.close()


def test_a_signed_request_is_answered_and_the_answer_signed(app: App) -> None:
    status, answer = ask(app, "GET", "/health")

    assert (status, answer["platform"], answer["server_connected"]) == (200, "mt4", True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"target": "/v1/time"}, "bad_signature"),
        ({"method": "POST"}, "bad_signature"),
        ({"body": b"{}"}, "bad_signature"),
        ({signing.TIMESTAMP_HEADER: "1"}, "bad_signature"),
        ({signing.TIMESTAMP_HEADER: ""}, "bad_signature"),
        ({signing.NONCE_HEADER: "0" * 32}, "bad_signature"),
        ({signing.NONCE_HEADER: "short"}, "bad_signature"),
        ({signing.SIGNATURE_HEADER: ""}, "bad_signature"),
        ({signing.KEY_HEADER: "9"}, "unknown_key"),
    ],
)
def test_a_request_that_was_changed_is_refused(app: App, change: dict[str, Any], code: str) -> None:
    signed = request("GET", "/health")
    headers = {**signed.headers, **{name: value for name, value in change.items() if "-" in name}}
    changed = replace(signed, headers=headers, **{name: value for name, value in change.items() if "-" not in name})

    reply = app.answer(changed)

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (401, code)


def test_a_request_of_another_time_or_sent_twice_is_refused(app: App) -> None:
    now_ms = time.time_ns() // 1_000_000
    asked = request("GET", "/health", nonce="ab" * 16)

    assert app.answer(asked).status == 200
    again = app.answer(asked)

    check_signature(asked, again)
    assert json.loads(again.body)["error"]["code"] == "replayed"
    for at_ms in (now_ms - 121_000, now_ms + 125_000):
        assert ask(app, "GET", "/health", at_ms=at_ms)[1]["error"]["code"] == "clock_skew"


def test_nonces_are_forgotten_when_their_time_is_over() -> None:
    now_ms = [1_000_000_000_000]
    gate = Gate({KEY: SECRET}, lambda: now_ms[0])
    for _ in range(50):
        signed = request("GET", "/health", at_ms=now_ms[0])
        gate.check(method="GET", target="/v1/health", headers=signed.headers, body=b"")
        now_ms[0] += 60_000

    assert len(gate._seen) <= 6


def test_pages_come_from_one_moment_and_a_page_can_be_asked_again(app: App, server: Server) -> None:
    everything = ask(app, "GET", "/trades?from_ms=0&to_ms=9000000000000&limit=5000")[1]
    _, first = ask(app, "GET", "/trades?from_ms=0&to_ms=9000000000000&limit=4")
    server.book.remove_trade(everything["items"][0]["ticket"])
    pages, cursor = [first], first["next"]
    while cursor:
        _, page = ask(app, "GET", f"/trades?cursor={cursor}&limit=4")
        assert ask(app, "GET", f"/trades?cursor={cursor}&limit=4")[1]["items"] == page["items"]
        pages.append(page)
        cursor = page["next"]

    assert [item for page in pages for item in page["items"]] == everything["items"]
    assert {page["total"] for page in pages} == {len(everything["items"])}
    assert ask(app, "GET", "/trades?cursor=unknown")[1]["error"]["code"] == "cursor_expired"
    assert ask(app, "GET", f"/users?cursor={first['next']}")[1]["error"]["code"] == "cursor_expired"


def test_a_write_is_carried_out_once_and_its_answer_kept(app: App, server: Server) -> None:
    first = ask(app, "POST", "/balance", BALANCE)
    second = ask(app, "POST", "/balance", BALANCE)

    assert first == second == (200, {"ticket": max(server.book.trades)})
    assert server.booked == 1
    assert ask(app, "GET", "/operations/r1")[1] == {
        "request_id": "r1",
        "state": "done",
        "status": 200,
        "answer": first[1],
    }


def test_an_id_belongs_to_one_write(app: App, server: Server) -> None:
    ask(app, "POST", "/balance", BALANCE)

    status, answer = ask(app, "POST", "/balance", {**BALANCE, "amount": "99"})

    assert (status, answer["error"]["code"], server.booked) == (409, "request_id_reused", 1)


def test_a_refused_write_may_be_tried_again(app: App, server: Server) -> None:
    withdrawal = {**BALANCE, "amount": "-1000000"}

    refused = ask(app, "POST", "/balance", withdrawal)
    kept = ask(app, "GET", "/operations/r1")[1]["state"]
    server.book.book_money(login=500001, cmd=6, amount=BIG, comment="")
    done = ask(app, "POST", "/balance", withdrawal)

    assert (refused[0], refused[1]["error"]["code"], kept) == (422, "not_enough_money", "refused")
    assert (done[0], server.booked) == (200, 1)


def test_a_write_of_unknown_outcome_is_looked_for_before_it_is_tried_again(app: App, server: Server) -> None:
    def fail() -> None:
        raise Fault("outcome_unknown", "no answer from MT")

    server.after = fail
    unknown = ask(app, "POST", "/balance", BALANCE)
    server.after = lambda: None
    found = ask(app, "POST", "/balance", BALANCE)

    assert (unknown[0], unknown[1]["error"]["code"]) == (504, "outcome_unknown")
    assert (found, server.booked) == ((200, {"ticket": max(server.book.trades)}), 1)
    server.before = fail
    never = ask(app, "POST", "/balance", {**BALANCE, "request_id": "r2", "comment": "T2"})
    server.before = lambda: None
    tried = ask(app, "POST", "/balance", {**BALANCE, "request_id": "r2", "comment": "T2"})
    assert (never[0], tried[0], server.booked) == (504, 200, 2)


def test_an_error_of_our_own_leaves_a_write_unknown_and_says_nothing_of_itself(app: App, server: Server) -> None:
    def fail() -> None:
        raise RuntimeError("secret inside")

    server.after = fail

    status, answer = ask(app, "POST", "/balance", BALANCE)

    assert (status, answer["error"]["code"]) == (504, "outcome_unknown")
    assert "secret" not in json.dumps(answer)


def test_what_ran_when_the_agent_died_is_unknown_at_its_next_start(file: Path) -> None:
    writes = Operations(file)
    writes.begin(request_id="r1", path="/balance", mark="m", signed_ms=5)
    writes.close()

    again = Operations(file)
    found = again.find("r1")
    again.close()

    assert found is not None
    assert (found.state, found.status, found.answer["error"]["code"]) == ("unknown", 504, "outcome_unknown")


def test_a_void_id_refuses_what_was_signed_before_and_takes_what_is_signed_later(app: App, server: Server) -> None:
    now_ms = time.time_ns() // 1_000_000

    void = ask(app, "POST", "/operations/r1/void", {}, at_ms=now_ms)[1]
    late = ask(app, "POST", "/balance", BALANCE, at_ms=now_ms - 1)
    new = ask(app, "POST", "/balance", BALANCE, at_ms=now_ms + 1)
    too_late = ask(app, "POST", "/operations/r1/void", {}, at_ms=now_ms + 2)[1]

    assert void["state"] == "void"
    assert (late[0], late[1]["error"]["code"]) == (409, "void")
    assert (new[0], server.booked, too_late["state"]) == (200, 1, "done")


def test_a_void_waits_for_what_is_being_carried_out(app: App, server: Server) -> None:
    running, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        running.set()
        go_on.wait(5)

    server.before = wait
    write = threading.Thread(target=lambda: ask(app, "POST", "/balance", BALANCE))
    write.start()
    running.wait(5)
    threading.Timer(0.1, go_on.set).start()

    state = ask(app, "POST", "/operations/r1/void", {})[1]["state"]

    write.join()
    assert state == "done"


@pytest.mark.parametrize(
    ("method", "target", "body", "sentence"),
    [
        ("POST", "/balance", {**BALANCE, "request_id": "a b"}, "request_id"),
        ("POST", "/balance", {**BALANCE, "amount": 10.5}, "amount must be a decimal number as text"),
        ("POST", "/balance", {**BALANCE, "amount": "1e3"}, "amount"),
        ("POST", "/balance", {**BALANCE, "amount": "0.00"}, "amount must not be 0"),
        ("POST", "/balance", {**BALANCE, "kind": "gift"}, "kind must be one of"),
        ("POST", "/balance", {**BALANCE, "comment": "x" * 32}, "comment"),
        ("POST", "/balance", {**BALANCE, "check_margin": 1}, "check_margin must be true or false"),
        ("POST", "/balance", [], "not a JSON object"),
        ("PATCH", "/users/500001", {"request_id": "r", "changes": {}}, "at least one field"),
        ("PATCH", "/users/500001", {"request_id": "r", "changes": {"balance": "5"}}, "balance cannot be changed"),
        ("PATCH", "/users/x", {"request_id": "r", "changes": {"name": "A"}}, "login must be a whole number"),
        ("POST", "/users", {"request_id": "r", "group": "g", "name": "A", "main_password": "a"}, "leverage"),
        ("GET", "/accounts", None, "login is missing"),
        ("GET", "/accounts?login=1,,2", None, "login must be a whole number"),
        ("GET", "/accounts?login=" + ",".join(["1"] * 501), None, "may list 500"),
        ("GET", "/trades?from_ms=1", None, "to_ms"),
        ("GET", "/ticks?symbol=", None, "symbol must list"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(app: App, method: str, target: str, body: Any, sentence: str) -> None:
    status, answer = ask(app, method, target, body)

    assert (status, answer["error"]["code"]) == (400, "invalid")
    assert sentence in answer["error"]["message"]


def test_an_unknown_path_is_not_found(app: App) -> None:
    assert ask(app, "GET", "/nothing")[0] == 404
    assert ask(app, "GET", "/balance")[0] == 404


def test_events_are_kept_and_waited_for() -> None:
    events = Events()
    start = events.after(0, 0)["next"]
    threading.Timer(0.05, lambda: events.add("deal", login=7, ticket=9)).start()

    told = events.after(start, 5)

    assert told == {
        "items": [{"number": start, "kind": "deal", "login": 7, "ticket": 9}], "next": start + 1, "lost": False,
    }  # fmt: skip
    assert events.after(start - 1, 0)["lost"]
