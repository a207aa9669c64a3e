"""The simulator as a process of its own: its wire as other clients see it, its book, its journal."""

import json
import ssl
import subprocess
import sys
import urllib.parse
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.simulator.book import Book
from mt4bridge.simulator.generate import BookPlan, generate_book, is_open
from mt4bridge.simulator.market import Market
from mt4bridge.webapi import wire
from tests.mt4bridge.conftest import ROOT, SMALL_BOOK, Simulator, Start, all_deals
from tests.mt4bridge.rows import RAW_DEAL

pytestmark = pytest.mark.integration


class Client:
    """A client that shares nothing with our adapter but the hashes: plain requests over one connection."""

    def __init__(self, simulator: Simulator) -> None:
        host, _, port = simulator.address.partition(":")
        context = ssl.create_default_context(cadata=simulator.ready["certificate"])
        self._http: HTTPConnection = HTTPSConnection(host, int(port), context=context, timeout=10)
        self._simulator = simulator

    def close(self) -> None:
        self._http.close()

    def hung_up(self) -> bool:
        """Wait for the server's end of the connection, and say that it came without a word."""
        try:
            return bool(self._http.sock.recv(1) == b"")
        except ConnectionError:
            return True

    def ask(self, path: str, *, method: str = "GET", body: str | None = None, **query: Any) -> tuple[int, Any]:
        target = f"{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}" if query else path
        self._http.request(method, target, body, {"Content-Type": "application/x-www-form-urlencoded"})
        response = self._http.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if response.status == 200 else text

    def sign_in(self, *, method: str = "GET", prefix: str = "/api/auth/", password: str | None = None) -> int:
        key = wire.password_key(password or self._simulator.ready["password"])
        login = self._simulator.ready["login"]
        _, start = self.ask(f"{prefix}start", method=method, version="484", agent="test", login=login, type="manager")
        proof = wire.answer_to(key, start["srv_rand"])
        return self.ask(f"{prefix}answer", method=method, srv_rand_answer=proof, cli_rand="00" * 16)[0]


@pytest.fixture
def client(small: Simulator) -> Any:
    made = Client(small)
    yield made
    made.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("prefix", ["/api/auth/", "/auth_"])
def test_sign_in_by_either_method_and_either_spelling(client: Client, method: str, prefix: str) -> None:
    assert client.sign_in(method=method, prefix=prefix) == 200
    assert client.ask("/api/test/access", method=method)[1]["retcode"].startswith("0 ")


def test_without_sign_in_or_after_quit_everything_is_forbidden(client: Client) -> None:
    assert client.ask("/api/user/logins") == (403, "403 Forbidden")
    assert client.sign_in(password="wrong") == 403
    assert client.ask("/api/user/logins") == (403, "403 Forbidden")
    assert client.sign_in() == 200
    assert client.ask("/api/quit")[0] == 200
    assert client.ask("/api/user/logins") == (403, "403 Forbidden")


def test_a_session_belongs_to_its_connection(small: Simulator, client: Client) -> None:
    client.sign_in()
    other = Client(small)

    assert other.ask("/api/user/logins")[0] == 403
    other.close()


def test_a_challenge_is_good_for_one_answer(client: Client, small: Simulator) -> None:
    key = wire.password_key(small.ready["password"])
    _, start = client.ask("/api/auth/start", version="484", agent="test", login="1000", type="manager")
    proof = wire.answer_to(key, start["srv_rand"])

    first = client.ask("/api/auth/answer", srv_rand_answer=proof, cli_rand="00" * 16)[0]
    second = client.ask("/api/auth/answer", srv_rand_answer=proof, cli_rand="00" * 16)[0]

    assert (first, second) == (200, 403)


def test_deals_have_every_documented_field_as_text(client: Client) -> None:
    client.sign_in()

    _, answer = client.ask("/api/deal/get_batch", **{"group": "real\\*", "from": "0", "to": "4000000000"})

    for deal in answer["answer"][:50]:
        assert set(RAW_DEAL) <= set(deal)
        assert all(isinstance(value, str) for name, value in deal.items() if name != "ApiData")


def test_deal_batches_take_exactly_one_kind_of_key(client: Client) -> None:
    client.sign_in()
    period = {"from": "0", "to": "4000000000"}
    everything = client.ask("/api/deal/get_batch", group="*", **period)[1]["answer"]
    login, ticket = everything[0]["Login"], everything[-1]["Deal"]

    by_login = client.ask("/api/deal/get_batch", login=login, **period)[1]["answer"]
    by_ticket = client.ask("/api/deal/get_batch", ticket=f"{ticket},5")[1]["answer"]
    by_body = client.ask("/api/deal/get_batch", method="POST", body=json.dumps({"ticket": [ticket]}))[1]["answer"]
    by_symbol = client.ask("/api/deal/get_batch", group="*", symbol="XAUUSD", **period)[1]["answer"]

    assert by_login == [deal for deal in everything if deal["Login"] == login]
    assert by_ticket == by_body == [everything[-1]]
    assert by_symbol == [deal for deal in everything if deal["Symbol"] == "XAUUSD"]
    assert client.ask("/api/deal/get_batch", login="1", group="*", **period)[1]["retcode"].startswith("3 ")
    assert client.ask("/api/deal/get_batch", group="*")[1]["retcode"].startswith("3 ")


def test_pages_and_total_agree_with_the_batch(client: Client) -> None:
    client.sign_in()
    period = {"from": "0", "to": "4000000000"}
    login = client.ask("/api/user/logins")[1]["answer"][0]
    batch = client.ask("/api/deal/get_batch", login=login, **period)[1]["answer"]

    total = int(client.ask("/api/deal/get_total", login=login, **period)[1]["answer"]["total"])
    pages = [
        client.ask("/api/deal/get_page", login=login, offset=offset, total=7, **period)[1]["answer"]
        for offset in range(0, total, 7)
    ]

    assert [deal for page in pages for deal in page] == batch
    assert len(batch) == total


def test_users_are_added_changed_checked_and_deleted(client: Client) -> None:
    client.sign_in()
    secret = {"PassMain": "Abcdef1!", "PassInvestor": "Ghijkl2?"}
    query = {"group": "real\\cent", "name": "Jane Roe", "leverage": "200", "agent": "70001"}

    _, added = client.ask("/api/user/add", method="POST", body=json.dumps({**secret, "City": "Nicosia"}), **query)
    login = added["answer"]["Login"]
    client.ask("/api/user/update", login=login, email="j@example.org", leverage="100")
    _, got = client.ask("/api/user/get", login=login)

    fields = {name: got["answer"][name] for name in ("Name", "Group", "Leverage", "Agent", "City", "Email", "Balance")}
    assert fields == {
        "Name": "Jane Roe", "Group": "real\\cent", "Leverage": "100", "Agent": "70001", "City": "Nicosia",
        "Email": "j@example.org", "Balance": "0.00",
    }  # fmt: skip
    codes = [
        client.ask("/api/user/check_password", login=login, type="main", password=password)[1]["retcode"].split()[0]
        for password in ("Abcdef1!", "Ghijkl2?")
    ]
    assert codes == ["0", "3006"]
    assert client.ask("/api/user/add", login=login, **query, **secret)[1]["retcode"].startswith("3004 ")
    assert client.ask("/api/user/add", **query, pass_main="weak", pass_investor="weak")[1]["retcode"].startswith(
        "3006 "
    )
    assert client.ask("/api/user/delete", login=login)[1]["retcode"].startswith("0 ")
    assert client.ask("/api/user/get", login=login)[1]["retcode"].startswith("13 ")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "0"),
        ({"type": "1"}, "3"),
        ({"type": "7"}, "3"),
        ({"balance": "0"}, "3"),
        ({"balance": "abc"}, "3"),
        ({"balance": "1000000000.01"}, "4005"),
        ({"balance": "-999999999"}, "10019"),
        ({"balance": "-999999999", "check_margin": "0"}, "10019"),
        ({"type": "3", "balance": "-1"}, "10019"),
        ({"login": "42"}, "13"),
    ],
)
def test_balance_operations_follow_the_servers_rules(client: Client, changes: dict[str, str], code: str) -> None:
    client.sign_in()
    login = client.ask("/api/user/logins")[1]["answer"][0]

    _, answer = client.ask(
        "/api/trade/balance", **{"login": login, "type": "2", "balance": "5", "comment": "x" * 40, **changes}
    )

    assert answer["retcode"].split()[0] == code
    if code == "0":
        deal = client.ask("/api/deal/get", ticket=answer["answer"]["Ticket"])[1]["answer"]
        assert (deal["Comment"], deal["Action"], deal["Dealer"], deal["Reason"]) == ("x" * 31, "2", "1000", "2")


@pytest.mark.parametrize(
    "path",
    [
        "/api/time/server", "/api/time/get", "/api/common/get", "/api/user/total", "/api/symbol/list",
        "/api/symbol/total", "/api/symbol/next?index=0", "/api/symbol/get?symbol=EURUSD", "/api/group/total",
        "/api/group/next?index=0", "/api/group/get?group=real*", "/api/position/get_batch?group=*",
        "/api/tick/last?symbol=EURUSD,XAUUSD",
    ],
)  # fmt: skip
def test_reference_endpoints_answer(client: Client, path: str) -> None:
    client.sign_in()

    _, answer = client.ask(path)

    assert answer["retcode"] == "0 Done"
    assert answer["answer"]


def test_unknown_commands_and_bad_indices_have_their_codes(client: Client) -> None:
    client.sign_in()

    assert client.ask("/api/made/up")[1]["retcode"].startswith("12000 ")
    assert client.ask("/api/symbol/next", index="999")[1]["retcode"].startswith("13 ")
    assert client.ask("/api/symbol/next", index="x")[1]["retcode"].startswith("3 ")


def test_the_journal_brings_the_book_back_after_a_kill(simulator: Start, tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "journal"), "--cert-dir", str(tmp_path / "cert"))
    first = simulator(*SMALL_BOOK, *state)
    login = first.server().users()[0].login
    first.control("/sim/trade", login=login, symbol="EURUSD", lots="0.10")
    first.control("/sim/trade", login=login, symbol="XAUUSD", lots="0.20", keep_open=1)
    deleted = first.control("/sim/deals")["tickets"][20]
    first.control("/sim/delete", ticket=deleted)
    expected, totals = all_deals(first.server()), first.control("/sim/totals")
    first.process.kill()
    first.process.wait()
    with (tmp_path / "journal").open("a") as journal:
        journal.write('{"kind": "deal", "record": {"tick')  # what a crash cuts off

    second = simulator(*SMALL_BOOK, *state)
    again = second.control("/sim/totals")
    second.control("/sim/trade", login=login, symbol="EURUSD", lots="0.10")
    third = simulator(*SMALL_BOOK, *state)

    assert first.pin == second.pin
    assert all_deals(second.server())[: len(expected)] == expected
    assert {**again, "requests": 0} == {**totals, "requests": 0}
    assert len(all_deals(third.server())) == len(expected) + 2


def test_a_live_book_trades(simulator: Start) -> None:
    live = simulator("--accounts", "5", "--days", "2", "--live", "1200")
    before = live.control("/sim/totals")["deals"]
    deadline = datetime.now(UTC).timestamp() + 20

    while live.control("/sim/totals")["deals"] < before + 20:
        assert datetime.now(UTC).timestamp() < deadline, "live trading does not trade"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--history", "/nowhere/x.csv"], "The simulator cannot start: x.csv: the file cannot be read"),
        (["--clock-zone", "Mars/Base"], "The simulator cannot start: 'No time zone found with key Mars/Base'"),
        (["--empty", "--faults", "flap_403/x"], "The rate in 'flap_403/x' must be like flap_403=0.05 or flap_403/7."),
    ],
)
def test_what_cannot_start_says_why_in_a_sentence(options: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "mt4bridge.simulator", *options]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def generated(seed: int, *, accounts: int = 20, days: int = 15) -> Book:
    book, market = Book(ServerClock("America/New_York", 420)), Market(seed)
    book.rate = market.rate
    generate_book(book, market, BookPlan(accounts, days, seed, datetime(2026, 3, 5, 15, tzinfo=UTC)))
    return book


@pytest.mark.unit
def test_a_seed_gives_one_book_and_another_seed_another() -> None:
    first, again, other = generated(1), generated(1), generated(2)

    assert first.deals == again.deals
    assert first.positions == again.positions
    assert first.users.keys() == other.users.keys()
    assert first.deals != other.deals


@pytest.mark.unit
def test_a_generated_book_looks_like_a_brokers() -> None:
    book = generated(5, accounts=60)

    trades = [deal for deal in book.deals.values() if deal.action < 2]
    counts = sorted(sum(deal.login == login for deal in trades) for login in book.users)
    opened_e8 = {deal.position: deal.volume_e8 for deal in trades if deal.entry == 0}
    parts = [deal for deal in trades if deal.entry == 1 and deal.closed_e8 < opened_e8[deal.position]]
    assert [deal.ticket for deal in sorted(trades, key=lambda deal: deal.time_ms // 1000)] == sorted(
        deal.ticket for deal in trades
    )
    assert counts[-1] > 8 * max(counts[len(counts) // 2] // 4, 1)
    assert len({user.group for user in book.users.values()}) == 4
    assert parts
    assert any(deal.swap for deal in trades)
    assert any(deal.commission for deal in trades)
    assert all(is_open(int(book.clock.to_utc_ms(deal.time_ms).timestamp())) for deal in trades)
    assert all(book.state_of(login).balance >= 0 for login in book.users)


@pytest.mark.unit
def test_positions_left_open_are_the_lots_not_closed() -> None:
    book = generated(6)

    left: dict[int, int] = {}
    for deal in book.deals.values():
        if deal.action < 2:
            left[deal.position] = left.get(deal.position, 0) + (deal.volume_e8 if deal.entry == 0 else -deal.closed_e8)

    assert {number: volume for number, volume in left.items() if volume} == {
        number: position.volume_e8 for number, position in book.positions.items()
    }
