"""The simulator's raw protocol, its door, and what a manager may see: byte by byte, without our adapter."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mt4bridge.simulator import raw_crypt, raw_words
from mt4bridge.simulator.raw import path_of
from mt4bridge.webapi import wire
from tests.mt4bridge.conftest import SMALL_BOOK, Simulator, Start, simulators
from tests.mt4bridge.rows import RAW_DEAL
from tests.mt4bridge.test_simulator import Client

MASKS = "real\\*,!real\\raw-usd"
CLI_RAND = "00" * 16


@pytest.mark.unit
def test_the_key_streams_begin_as_in_the_known_vector() -> None:
    derived = raw_crypt.derive(wire.password_key("Password1"), bytes(range(256)))

    assert [block.hex() for block in derived[:4]] == [
        "b0ed3aa00c46c12260202166f8484536", "8f57767e6a2ca7a54c85776325f7677e",
        "1b6493c551ce24e2746982f0a15dc916", "57c68578ca6d4196107f83e6a8f4b48f",
    ]  # fmt: skip


@pytest.mark.unit
@given(st.lists(st.binary(min_size=1, max_size=70), max_size=5))
def test_each_frame_is_read_back_whatever_came_before(frames: list[bytes]) -> None:
    key, random = wire.password_key("Password1"), bytes(range(256))
    (ours, _), (theirs, _) = raw_crypt.streams(key, random), raw_crypt.streams(key, random)

    assert [theirs.apply(ours.apply(frame)) for frame in frames] == frames


@pytest.mark.unit
def test_a_frame_begins_on_a_fresh_block() -> None:
    short, whole = (raw_crypt.streams(wire.password_key("Password1"), bytes(256))[0] for _ in range(2))
    short.apply(b"abc")
    whole.apply(bytes(16))

    assert short.apply(bytes(20)) == whole.apply(bytes(20))


@pytest.mark.unit
@given(st.text(alphabet="ab\\|= \n&%+é", max_size=12))
@example("real\\=x")
def test_values_of_the_raw_protocol_survive_their_escapes(value: str) -> None:
    message = raw_words.parse_message(raw_words.line("USER_GET", {"LOGIN": "7", "COMMENT": value}, '{"a":1}'))

    assert message == raw_words.Message("USER_GET", {"login": "7", "comment": value}, '{"a":1}')


@pytest.mark.unit
@given(st.binary(max_size=60))
def test_no_bytes_crash_the_raw_parser(body: bytes) -> None:
    for parse in (raw_words.parse_header, raw_words.parse_message):
        with suppress(raw_words.BadFrame):
            parse(body)


@pytest.mark.unit
def test_a_long_answer_is_cut_into_frames_of_one_number() -> None:
    frames = raw_words.frames(7, b"x" * (raw_words.MAX_FRAME + 1))

    assert [(raw_words.parse_header(header), len(body)) for header, body in frames] == [
        ((0xFFFE, 7, True), 0xFFFE),
        ((1, 7, False), 1),
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("DEAL_GET_PAGE", "/api/deal/get_page"), ("USER_PASS_CHECK", "/api/user/check_password"),
        ("TIME_SERVER", "/api/time/server"), ("USER_ACCOUNT_GET", "/api/user/account/get"),
        ("TEST_ACCESS", "/api/test/access"), ("SYMBOL_GET_GROUP", "/api/symbol/get_group"),
    ],
)  # fmt: skip
def test_raw_commands_are_those_of_rest(command: str, path: str) -> None:
    assert path_of(command) == path


class RawClient:
    """A plain client of the raw protocol that shares the words with the simulator, and nothing else."""

    def __init__(self, simulator: Simulator) -> None:
        host, _, port = simulator.address.partition(":")
        self._socket = socket.create_connection((host, int(port)), 10)
        self._password = simulator.ready["password"]
        self._number = 0
        self._prefix = raw_words.PREFIX

    def send(self, data: bytes) -> None:
        self._socket.sendall(self._prefix + data)
        self._prefix = b""

    def ask(self, line: str, body: str = "") -> tuple[dict[str, str], Any]:
        self._number += 1
        message = f"{line}\r\n{body}".encode("utf-16-le")
        self.send(b"".join(header + piece for header, piece in raw_words.frames(self._number, message)))
        return self.receive()

    def receive(self) -> tuple[dict[str, str], Any]:
        answer, more = b"", True
        while more:
            header = raw_words.parse_header(self._exactly(raw_words.HEADER_LENGTH))
            answer += self._exactly(header.length)
            more = header.more
            assert header.number == self._number
        message = raw_words.parse_message(answer)
        return message.params, json.loads(message.body) if message.body else None

    def sign_in(self) -> str:
        start, _ = self.ask("AUTH_START|VERSION=484|AGENT=test|LOGIN=1000|TYPE=MANAGER|CRYPT_METHOD=NONE|")
        proof = wire.answer_to(wire.password_key(self._password), start["srv_rand"])
        finish, _ = self.ask(f"AUTH_ANSWER|SRV_RAND_ANSWER={proof}|CLI_RAND={CLI_RAND}|")
        return finish["cli_rand_answer"]

    def hung_up(self) -> bool:
        """Wait for the server's end of the line."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self._socket.recv(length - len(data))
            assert piece, "the server hung up"
            data += piece
        return data


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("protocols")) as start:
        yield start(
            *SMALL_BOOK, "--groups", MASKS, "--forbid", "/api/symbol/list", "/api/common/get=403",
        )  # fmt: skip


@contextmanager
def raw_client(simulator: Simulator) -> Iterator[RawClient]:
    client = RawClient(simulator)
    yield client
    client.close()


@pytest.fixture
def client(started: Simulator) -> Iterator[Client]:
    made = Client(started)
    made.sign_in()
    yield made
    made.close()


@pytest.mark.integration
def test_the_raw_protocol_answers_on_the_port_of_rest(started: Simulator) -> None:
    with raw_client(started) as raw:
        proof = raw.sign_in()
        raw.send(b"00000000" + b"0")
        empty = "|\r\n".encode("utf-16-le")
        raw.send(raw_words.frames(9, empty)[0][0] + empty)
        _, logins = raw.ask("USER_LOGINS|GROUP=real\\\\*|")
        total, _ = raw.ask(f"DEAL_GET_TOTAL|LOGIN={logins[0]}|FROM=0|TO=4000000000|")
        page, deals = raw.ask(f"DEAL_GET_PAGE|LOGIN={logins[0]}|FROM=0|TO=4000000000|OFFSET=0|TOTAL=1000|")
        missing, nothing = raw.ask("USER_GET|LOGIN=42|")
        done, _ = raw.ask("QUIT|")
        ended = raw.hung_up()

    assert proof == wire.answer_to(wire.password_key(started.ready["password"]), CLI_RAND)
    assert len(deals) == int(total["total"]) == int(page["total"])
    assert set(RAW_DEAL) <= set(deals[0])
    assert (missing["retcode"], nothing, done["retcode"], ended) == ("13 Not found", None, "0 Done", True)


@pytest.mark.integration
def test_an_account_is_added_by_parameters_and_body(started: Simulator) -> None:
    with raw_client(started) as raw:
        raw.sign_in()
        body = json.dumps({"MainPassword": "Abcdef1!", "InvestPassword": "Ghijkl2?", "City": "Nicosia"})
        added, user = raw.ask("USER_ADD|GROUP=real\\\\cent|NAME=Ann \\| Roe|LEVERAGE=100|", body)
        paid, nothing = raw.ask(f"TRADE_BALANCE|LOGIN={added['login']}|TYPE=2|BALANCE=10.00|COMMENT=a\\=b|")
        _, deal = raw.ask(f"DEAL_GET|TICKET={paid['ticket']}|")

    assert (added["retcode"], user["Login"], user["Name"], user["City"]) == (
        "0 Done", added["login"], "Ann | Roe", "Nicosia",
    )  # fmt: skip
    assert (nothing, deal["Comment"], deal["Profit"]) == (None, "a=b", "10.00")


@pytest.mark.integration
def test_who_is_not_signed_in_is_hung_up_on(started: Simulator) -> None:
    with raw_client(started) as raw:
        refused, _ = raw.ask("USER_LOGINS|GROUP=*|")
        assert (refused["retcode"].split()[0], raw.hung_up()) == ("1001", True)
    with raw_client(started) as raw:
        raw.send(b"zzzz00010")
        assert raw.hung_up()


@pytest.mark.integration
def test_the_server_says_nothing_first_and_hangs_up_on_the_idle(simulator: Start) -> None:
    sleepy = simulator("--empty", "--idle-seconds", "0.5")
    rest = Client(sleepy)
    rest.sign_in()

    with raw_client(sleepy) as raw:
        raw.sign_in()
        begun = time.monotonic()
        assert raw.hung_up()

    assert time.monotonic() - begun > 0.4
    assert rest.hung_up()
    rest.close()


@pytest.mark.integration
def test_a_manager_sees_only_the_granted_groups(started: Simulator, client: Client) -> None:
    accounts = started.control("/sim/users")["accounts"]
    hidden = next(str(account["login"]) for account in accounts if account["group"] == "real\\raw-usd")
    seen = sorted(str(account["login"]) for account in accounts if account["group"] != "real\\raw-usd")
    period = {"from": "0", "to": "4000000000"}

    deals = client.ask("/api/deal/get_batch", group="*", **period)[1]["answer"]
    batch = client.ask("/api/user/get_batch", login=f"{hidden},{seen[0]}")[1]["answer"]

    assert client.ask("/api/user/logins", group="*")[1]["answer"] == seen
    assert client.ask("/api/group/total")[1]["answer"] == {"total": "3"}
    assert [user["Login"] for user in batch] == [seen[0]]
    assert deals
    assert hidden not in {deal["Login"] for deal in deals}
    add = {"group": "real\\raw-usd", "name": "x", "leverage": "1"}
    refused = [
        client.ask("/api/user/get", login=hidden), client.ask("/api/user/add", **add),
        client.ask("/api/trade/balance", login=hidden, type="2", balance="1", comment="x"),
        client.ask("/api/user/update", login=seen[0], group="real\\raw-usd"), client.ask("/api/symbol/list"),
    ]  # fmt: skip
    assert [answer["retcode"].split()[0] for _, answer in refused] == ["8"] * 5
    assert client.ask("/api/common/get") == (403, "403 Forbidden")
    assert client.ask("/api/test/access")[0] == 200


@pytest.mark.integration
def test_history_and_working_orders_are_read_in_every_way(started: Simulator, client: Client) -> None:
    login = client.ask("/api/user/logins")[1]["answer"][0]
    period = {"login": login, "from": "0", "to": "4000000000"}
    order = str(started.control("/sim/order", login=int(login), symbol="EURUSD", lots="0.10", price="1.001")["order"])
    deals = [deal for deal in client.ask("/api/deal/get_batch", **period)[1]["answer"] if deal["Order"] != "0"]

    total = client.ask("/api/history/get_total", **period)[1]["answer"]["total"]
    done = client.ask("/api/history/get_page", offset=0, total=1000, **period)[1]["answer"]
    working = client.ask("/api/order/get_page", login=login, offset=0, total=10)[1]["answer"]

    assert [(row["Order"], row["State"], row["Type"], row["VolumeInitial"]) for row in done] == [
        (deal["Order"], "4", deal["Action"], deal["Volume"]) for deal in deals
    ]
    assert int(total) == len(done)
    assert client.ask("/api/history/get_batch", **period)[1]["answer"] == done
    assert client.ask("/api/history/get", ticket=done[0]["Order"])[1]["answer"] == done[0]
    assert [(row["Order"], row["State"], row["PriceOrder"]) for row in working] == [(order, "1", "1.00100")]
    assert client.ask("/api/order/get_total", login=login)[1]["answer"]["total"] == "1"
    assert client.ask("/api/order/get", ticket=order)[1]["answer"] == working[0]
    assert client.ask("/api/order/get_batch", ticket=order)[1]["answer"] == working
    assert client.ask("/api/order/delete", ticket=order)[1]["retcode"] == "0 Done"
    assert client.ask("/api/order/get", ticket=order)[1]["retcode"].startswith("13 ")


@pytest.mark.integration
def test_a_dealer_opens_closes_and_places(client: Client) -> None:
    login = client.ask("/api/user/logins")[1]["answer"][1]
    common = {"Action": "200", "Login": login, "Symbol": "EURUSD", "Volume": 1000}

    def request(**changes: Any) -> dict[str, str]:
        _, sent = client.ask("/api/dealer/send_request", method="POST", body=json.dumps({**common, **changes}))
        _, result = client.ask("/api/dealer/get_request_result", id=sent["answer"]["Id"])
        return dict(result["answer"][0]["result"])

    opened = request(Type=0)
    closed = request(Type=1, Position=opened["OrderID"])
    placed = request(Type=3, PriceOrder="1.9")
    refused = request(Type=1, Position=opened["OrderID"])

    deal = client.ask("/api/deal/get", ticket=closed["DealID"])[1]["answer"]
    assert (deal["PositionID"], deal["Entry"], deal["Volume"]) == (opened["OrderID"], "1", "1000")
    assert client.ask("/api/order/get", ticket=placed["OrderID"])[1]["answer"]["Type"] == "3"
    assert [result["Retcode"] for result in (opened, closed, placed, refused)] == ["10009", "10009", "10008", "10013"]


@pytest.mark.integration
def test_figures_are_worked_out(client: Client) -> None:
    calc = {"group": "real\\standard-usd", "symbol": "EURUSD", "volume": "10000", "price_open": "1.1",
            "price_close": "1.2"}  # fmt: skip

    bought = client.ask("/api/trade/calc_profit", type="0", **calc)[1]["answer"]
    sold = client.ask("/api/trade/calc_profit", type="1", **calc)[1]["answer"]
    rate = client.ask("/api/trade/calc_rate_buy", base="USD", currency="USD")[1]["answer"]
    tick = client.ask("/api/tick/last", symbol="EURUSD", trans_id="0")[1]
    later = client.ask("/api/tick/last", symbol="EURUSD", trans_id="9" * 15)[1]

    assert (bought, sold["Profit"], rate) == (
        {"Profit": "10000.000000", "Profit_rate": "1.000000"}, "-10000.000000", {"BuyRate": "1.000000"},
    )  # fmt: skip
    assert (len(tick["answer"]), later["answer"], tick["trans_id"].isdigit()) == (1, [], True)


@pytest.mark.integration
def test_daily_statements_lead_from_balance_to_balance(client: Client) -> None:
    login = client.ask("/api/user/logins")[1]["answer"][0]
    period = {"login": login, "from": "0", "to": "4000000000"}

    reports = client.ask("/api/daily/get_light", **period)[1]["answer"]

    moved = ("DailyProfit", "DailyBalance", "DailyStorage", "DailyCommInstant", "DailyCommFee")
    assert len(reports) > 5
    for before, after in pairwise(reports):
        assert after["BalancePrevDay"] == before["Balance"]
        assert Decimal(after["Balance"]) - Decimal(before["Balance"]) == sum(Decimal(after[name]) for name in moved)
    balance = client.ask("/api/user/check_balance", login=login, fixflag="0")[1]["answer"]["Balance"]
    assert balance == {"User": reports[-1]["Balance"], "History": reports[-1]["Balance"]}
    assert client.ask("/daily_get", **period)[1]["answer"][0] == {**reports[0], "PositionAdd": [], "OrderAdd": []}


@pytest.mark.integration
def test_maintenance_hangs_up_on_everybody_for_a_while(started: Simulator, client: Client) -> None:
    assert started.control("/sim/maintenance", seconds=1)["dropped"] >= 1

    assert client.hung_up()
    with raw_client(started) as raw:
        assert raw.hung_up()
    time.sleep(1.2)
    again = Client(started)

    assert again.sign_in() == 200
    again.close()
