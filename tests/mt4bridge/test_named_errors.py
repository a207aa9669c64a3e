"""Every time-out, refusal and malformed answer, one by one: from a real TLS socket to the sentence people read."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from access.types import Actor
from mt4bridge import errors
from mt4bridge.errors import BridgeError, OutcomeUnknown, Refused
from mt4bridge.models import MtServer
from mt4bridge.queries import last_error_in_words
from mt4bridge.services import note_error, register_server
from mt4bridge.types import NewUser, PasswordKind, UserChanges
from mt4bridge.webapi import adapter, connection, records, session, wire
from mt4bridge.webapi.adapter import WebApiServer
from tenancy.models import Broker
from tests.mt4bridge.scripted import OK, Say, Script, ScriptedServer, answer, scripted_server

pytestmark = pytest.mark.integration

START, FINISH, PING = "/api/auth/start", "/api/auth/answer", "/api/test/access"
USERS, BALANCE, ADD = "/api/user/get_batch", "/api/trade/balance", "/api/user/add"
RAW_USER = {"Login": "7", "Group": "real", "Balance": "0.00", "Leverage": "100", "Rights": "483", "FirstName": "Ann"}
Call = Callable[[WebApiServer], object]


def connect(server: WebApiServer) -> None:
    server.connect()


def read(server: WebApiServer) -> object:
    return server.users()


def read_pages(server: WebApiServer) -> object:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return server.deals_of_login(login=7, since=moment, until=moment.replace(day=2))


def pay(server: WebApiServer) -> object:
    return server.change_balance(login=7, kind=2, amount=Decimal(10), token="T0KEN")


def open_account(server: WebApiServer) -> object:
    return server.open_account(
        NewUser(group="real", name="Ann", leverage=100, main_password="Abcdef1!", investor_password="Abcdef1?",
                token="T0KEN")
    )  # fmt: skip


def set_password(server: WebApiServer) -> object:
    return server.set_password(login=7, kind=PasswordKind.MAIN, password="Abcdef1!")


@dataclass(frozen=True)
class Case:
    name: str
    kind: type[BridgeError]
    words: str  # of the sentence
    script: Script
    call: Call = read
    endpoint: dict[str, Any] = field(default_factory=dict)


def says(path: str, retcode: int, kind: type[BridgeError], call: Call, words: str = "") -> Case:
    """A return code in an otherwise fine answer."""
    code = f"{retcode} Because"
    name = f"{path.rpartition('/')[2]}-{retcode}"
    return Case(name, kind, words or str(retcode), {path: answer([], code)}, call)


SHORT = {"read_seconds": 0.3}
MISSING_RANDOM = Say('{"retcode":"0 Done"}')
TRANSPORT = [
    Case("silence", errors.TooSlow, "within 0.3 seconds", {USERS: Say(after_seconds=1)}, endpoint=SHORT),
    Case("dripping-head", errors.TooSlow, "within 0.3 seconds", {USERS: Say("{}", drip_seconds=0.05)}, endpoint=SHORT),
    Case("dripping-body", errors.TooSlow, USERS,
         {USERS: Say(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 50, drip_seconds=0.02)}, endpoint=SHORT),
    Case("hang-up", errors.SessionLost, f"broke off during {USERS}", {USERS: Say(raw=b"", hang_up=True)}),
    Case("half-a-head", errors.SessionLost, USERS, {USERS: Say(raw=b"HTTP/1.1 200 OK\r\nConte", reset=True)}),
    Case("half-a-body", errors.SessionLost, USERS, {USERS: Say("{", length=99, hang_up=True)}),
    Case("reset", errors.SessionLost, USERS, {USERS: Say("{", length=99, reset=True)}),
    Case("not-http", errors.MalformedAnswer, "not HTTP", {USERS: Say(raw=b"MT5 here\r\n\r\n", hang_up=True)}),
    Case("endless-line", errors.MalformedAnswer, "not HTTP",
         {USERS: Say(raw=b"HTTP/1.1 200 " + b"x" * 70_000, hang_up=True)}),
    Case("many-headers", errors.MalformedAnswer, "not HTTP",
         {USERS: Say(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", hang_up=True)}),
    Case("bad-chunks", errors.SessionLost, USERS,
         {USERS: Say(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", hang_up=True)}),
    Case("too-large", errors.AnswerTooLarge, "larger than 1 MB",
         {USERS: Say(b'{"retcode":"0 Done","answer":["' + b"x" * (1 << 20) + b'"]}')}, endpoint={"max_answer_mb": 1}),
    *(Case(f"status-{status}", errors.ServerBusy, f"HTTP status {status}", {USERS: Say("busy", status=status)})
      for status in (204, 302, 401, 404, 429, 500, 502, 503)),
    Case("forbidden-twice", errors.AccessDenied, f"forbids {USERS}", {USERS: Say("403 Forbidden", status=403)}),
]  # fmt: skip
MALFORMED = [
    Case(name, errors.MalformedAnswer, words, {USERS: said})
    for name, words, said in (
        ("empty", "not JSON", Say("")),
        ("web-page", "not JSON", Say("<html>Welcome</html>")),
        ("cut-json", "not JSON", Say('{"retcode":"0 Done","answer":[{"Login":"7"')),
        ("wrong-bytes", "not JSON", Say(b"\xff\xfe{}")),
        ("no-object", "not a JSON object", Say("[]")),
        ("no-retcode", "no return code", Say('{"answer":[]}')),
        ("odd-retcode", "no return code", Say('{"retcode":"Done"}')),
        ("text-for-rows", "the answer is not a list", answer("x")),
        ("row-is-text", "a row is not an object", answer(["x"])),
        ("no-login", "Login is missing", answer([{k: v for k, v in RAW_USER.items() if k != "Login"}])),
        ("login-is-text", "'x' is not a whole number", answer([{**RAW_USER, "Login": "x"}])),
        ("balance-is-text", "'many' is not a number", answer([{**RAW_USER, "Balance": "many"}])),
        ("balance-is-nan", "'NaN' is not a number", answer([{**RAW_USER, "Balance": float("nan")}])),
        ("balance-is-huge", "is out of range", answer([{**RAW_USER, "Balance": "1e40"}])),
    )
]  # fmt: skip
SIGN_IN = [
    Case("wrong-password", errors.WrongPassword, "refuses manager 1000", {FINISH: Say("403 Forbidden", status=403)}),
    Case("not-this-manager", errors.WrongPassword, "refuses manager 1000", {START: Say("403 Forbidden", status=403)}),
    Case("impostor", errors.ImpostorServer, "could not prove",
         {FINISH: Say('{"retcode":"0 Done","cli_rand_answer":"00"}')}),
    Case("no-proof", errors.ImpostorServer, "could not prove", {FINISH: MISSING_RANDOM}),
    Case("no-challenge", errors.MalformedAnswer, "srv_rand is not hexadecimal", {START: MISSING_RANDOM}),
    Case("proxy-before-sign-in", errors.ServerBusy, "HTTP status 502", {START: Say("", status=502)}),
    Case("maintenance", errors.SessionLost, START, {START: Say(raw=b"", hang_up=True)}),
    says(START, 1000, errors.SignInRefused, connect, "does not let the manager in"),
    says(START, 1001, errors.ManagerUnknown, connect, "does not know this manager"),
    says(START, 1002, errors.ManagerUnknown, connect),
    says(START, 1007, errors.SignInRefused, connect),
    says(START, 1010, errors.ClientTooOld, connect, "wants a newer client"),
    says(START, 1011, errors.ManagerUnknown, connect),
    says(START, 1012, errors.AddressBlocked, connect, "blocks our IP address"),
    says(START, 1018, errors.TooFrequent, connect, "come too often"),
    says(START, 1020, errors.SignInRefused, connect),
    says(START, 1024, errors.WebApiDisabled, connect, "may not use the Web API"),
    says(FINISH, 1026, errors.PasswordExpired, connect, "must change its password"),
    says(FINISH, 1027, errors.OneTimePasswordNeeded, connect, "one-time password"),
    says(FINISH, 1028, errors.OneTimePasswordNeeded, connect),
    says(START, 1034, errors.WebApiDisabled, connect),
]  # fmt: skip
READS = [
    *(says(USERS, code, errors.ServerTroubled, read, "trouble of its own")
      for code in (2, 5, 6, 7, 9, 10, 11, 14, 15, 16)),
    *(says(USERS, code, errors.InvalidParameters, read, "error in the parameters") for code in (3, 4)),
    says(USERS, 8, errors.NoPermission, read, "has no right"),
    says(USERS, 12, errors.TooFrequent, read),
    says("/api/user/get", 13, errors.NotFound,
         lambda server: server.update_user(login=7, changes=UserChanges(leverage=1)), "does not have"),
    says(USERS, 2007, Refused, read, "refused /api/user/get_batch with code 2007"),
    says(USERS, 12000, errors.CommandMissing, read, "cannot do /api/user/get_batch"),
    says(USERS, 12001, errors.CommandMissing, read),
    says(USERS, 12002, errors.CommandMissing, read),
    says(USERS, 12003, errors.ServerTroubled, read),
    says(USERS, 77777, Refused, read),
    Case("history-moves", errors.HistoryMoved, "login 7",
         {"/api/deal/get_total": answer({"total": "3"}), "/api/deal/get_page": answer([])}, read_pages),
]  # fmt: skip
WRITES = [
    says(BALANCE, 3, errors.InvalidParameters, pay),
    says(BALANCE, 8, errors.NoPermission, pay),
    says(BALANCE, 12, errors.TooFrequent, pay),
    says(BALANCE, 13, errors.NotFound, pay),
    says(BALANCE, 4005, errors.AmountTooLarge, pay, "above the trading server's limit"),
    says(BALANCE, 4006, errors.AlreadyThere, pay, "has this already"),
    says(BALANCE, 10013, errors.InvalidParameters, pay),
    says(BALANCE, 10017, errors.TradingClosed, pay),
    says(BALANCE, 10018, errors.TradingClosed, pay, "closed or disabled"),
    says(BALANCE, 10019, errors.NotEnoughMoney, pay, "enough free money"),
    says(BALANCE, 10024, errors.TooFrequent, pay),
    says(ADD, 3002, errors.LoginTaken, open_account, "cannot give the account this number"),
    says(ADD, 3003, errors.LoginTaken, open_account),
    says(ADD, 3004, errors.LoginTaken, open_account),
    says(ADD, 3006, errors.WeakPassword, open_account, "rejects the password"),
    says(ADD, 3007, errors.UserLimitReached, open_account, "licence allows no more"),
    says(ADD, 3009, errors.WrongGroup, open_account, "cannot be in this group"),
    says(ADD, 3010, errors.WrongGroup, open_account),
    says(ADD, 3019, errors.UserLimitReached, open_account),
    says("/api/user/change_password", 3006, errors.WeakPassword, set_password),
    says("/api/user/delete", 3008, errors.AccountInUse, lambda server: server.delete_user(7), "open positions"),
    says("/api/user/archive/add", 3008, errors.AccountInUse, lambda server: server.archive_user(7)),
]
UNKNOWN = [
    *(says(BALANCE, code, OutcomeUnknown, pay, "Read its deals back")
      for code in sorted(errors.UNCERTAIN_RETCODES)),
    *(Case(f"{name}-write", OutcomeUnknown, "It is not known whether", {BALANCE: said}, pay, endpoint)
      for name, said, endpoint in (
          ("silent", Say(after_seconds=1), SHORT),
          ("hung-up", Say(raw=b"", hang_up=True), {}),
          ("half-a", Say("{", length=99, hang_up=True), {}),
          ("forbidden", Say("403 Forbidden", status=403), {}),
          ("bad-gateway", Say("", status=502), {}),
          ("web-page", Say("<html/>"), {}),
          ("not-http", Say(raw=b"?\r\n\r\n", hang_up=True), {}),
      )),
    Case("opened-but-not-shown", OutcomeUnknown, ADD, {ADD: OK}, open_account),
    Case("opened-but-odd", OutcomeUnknown, ADD, {ADD: answer({"Login": "x"})}, open_account),
]  # fmt: skip
CASES = [*TRANSPORT, *MALFORMED, *SIGN_IN, *READS, *WRITES, *UNKNOWN]


@pytest.fixture(scope="module")
def one_server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def scripted(one_server: ScriptedServer) -> Iterator[ScriptedServer]:
    yield one_server
    one_server.drop_adapters()


@pytest.fixture
def row(broker: Broker, system_actor: Actor, now: datetime) -> MtServer:
    return register_server(
        name="MT5 Live", address="mt5.example.org:443", manager_login=1000, manager_password="Sesame-1",
        history_from=now, actor=system_actor, now=now,
    )  # fmt: skip


def sentence_of(error: BridgeError, row: MtServer, now: datetime) -> str:
    """Return what the health page says after an error, in English."""
    note_error(server=row, error=error, now=now)
    row.refresh_from_db()
    assert row.last_error_code == error.code
    return last_error_in_words(row)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_becomes_a_named_error_and_a_sentence(
    case: Case, scripted: ScriptedServer, row: MtServer, now: datetime
) -> None:
    server = scripted.adapter(case.script, **case.endpoint)

    with pytest.raises(BridgeError) as caught:
        case.call(server)

    assert type(caught.value) is case.kind
    sentence = sentence_of(caught.value, row, now)
    assert case.words in sentence
    assert sentence == str(caught.value)
    assert sentence.endswith((".", ")."))
    assert "%(" not in sentence


@pytest.mark.parametrize("case", [*WRITES, *UNKNOWN], ids=lambda case: case.name)
def test_a_write_is_sent_once_and_never_again(case: Case, scripted: ScriptedServer) -> None:
    (path,) = case.script
    server = scripted.adapter(case.script, **case.endpoint)

    with pytest.raises(BridgeError):
        case.call(server)

    assert [target.partition("?")[0] for target in scripted.asked].count(path) == 1


def test_a_read_is_asked_again_once_after_a_flap(scripted: ScriptedServer) -> None:
    flaps = iter([Say("403 Forbidden", status=403), answer([RAW_USER])])
    server = scripted.adapter({USERS: lambda _: next(flaps)})

    (user,) = server.users()

    assert (user.login, user.name) == (7, "Ann")
    assert [target.partition("?")[0] for target in scripted.asked] == [USERS, USERS]


@pytest.mark.parametrize("said", [Say(raw=b"", hang_up=True), Say("{", length=99, reset=True)])
def test_a_read_is_asked_again_once_over_a_new_connection(scripted: ScriptedServer, said: Say) -> None:
    answers = iter([said, answer([RAW_USER])])
    server = scripted.adapter({USERS: lambda _: next(answers)})

    assert [user.login for user in server.users()] == [7]
    assert len(scripted.asked) == 2


def test_nothing_listens(row: MtServer, now: datetime, scripted: ScriptedServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = scripted.adapter({}, address=address)

    with pytest.raises(errors.ServerUnreachable) as caught:
        server.connect()

    assert f"at {address} does not answer (Connection refused)" in sentence_of(caught.value, row, now)


def test_it_listens_and_never_says_a_word(row: MtServer, now: datetime, scripted: ScriptedServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        server = scripted.adapter({}, address=address, connect_seconds=0.3)

        with pytest.raises(errors.ServerUnreachable) as caught:
            server.connect()

    assert "(TLS: no answer within 0.3 seconds)" in sentence_of(caught.value, row, now)


def test_another_certificate(row: MtServer, now: datetime, scripted: ScriptedServer) -> None:
    server = scripted.adapter({}, tls_pin="00" * 32)

    with pytest.raises(errors.UntrustedCertificate) as caught:
        server.connect()

    assert "is not the expected one (its pin is " in sentence_of(caught.value, row, now)
    assert scripted.asked == []


def test_every_error_that_the_web_api_raises_has_its_case() -> None:
    modules = (adapter, connection, session, wire, records)
    named = {
        kind for module in modules for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BridgeError)
    }  # fmt: skip
    by_retcode = {type(errors.refused(path="/x", retcode=code, text="")) for code in range(20_000)}
    before_any_answer = {BridgeError, errors.ServerUnreachable, errors.UntrustedCertificate}

    assert (named | by_retcode) - before_any_answer <= {case.kind for case in CASES}


def test_cookies_are_told_again_on_the_same_connection_only(scripted: ScriptedServer) -> None:
    proof = {"Set-Cookie": "sid=abc123; Secure; HttpOnly"}
    server = scripted.adapter({USERS: Say('{"retcode":"0 Done","answer":[]}', headers=proof)})

    server.users()
    server.users()
    server.connect()
    server.users()

    assert ["Cookie: sid=abc123\r\n" in head for head in scripted.heads] == [False, True, False]


def test_passwords_travel_in_bodies_and_never_in_addresses(scripted: ScriptedServer) -> None:
    server = scripted.adapter({ADD: answer(RAW_USER)})

    open_account(server)
    set_password(server)
    server.check_password(login=7, kind=PasswordKind.INVESTOR, password="Abcdef1!")

    assert not any("Abcdef1" in target for target in scripted.asked)
    assert [target for target, body in zip(scripted.asked, scripted.bodies, strict=True) if b"Abcdef1" in body] == [
        ADD, "/api/user/change_password", "/api/user/check_password",
    ]  # fmt: skip
