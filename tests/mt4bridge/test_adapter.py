"""The Web API adapter against a simulator over a real TLS socket: sign-in both ways, reads, balance operations."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.enums import DealAction, DealEntry
from mt4bridge.errors import (
    AnswerTooLarge,
    ImpostorServer,
    NotEnoughMoney,
    NotFound,
    OutcomeUnknown,
    ServerUnreachable,
    TooSlow,
    UntrustedCertificate,
    WrongPassword,
)
from mt4bridge.types import DealRow
from mt4bridge.webapi.adapter import WebApiServer
from mt4bridge.webapi.connection import Endpoint
from tests.mt4bridge.conftest import BEFORE_ALL, SMALL_BOOK, Simulator, Start, all_deals

pytestmark = pytest.mark.integration


def test_everything_of_a_book_arrives(small: Simulator) -> None:
    server = small.server()

    server.connect()
    server.ping()
    deals = all_deals(server)

    totals = small.control("/sim/totals")
    assert abs(server.server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    assert [group.currency for group in server.groups()] == ["USC", "USD", "EUR", "USD"]
    assert {symbol.name: (symbol.contract_size_e8, symbol.digits) for symbol in server.symbols()}["XAUUSD"] == (
        100 * 10**8, 2,
    )  # fmt: skip
    assert len(server.users()) == totals["accounts"] == 12
    assert sorted(deal.ticket for deal in deals) == small.control("/sim/deals")["tickets"]
    assert {deal.entry for deal in deals} == {DealEntry.IN, DealEntry.OUT}
    assert all(deal.bid_e8 and deal.ask_e8 and deal.bid_e8 < deal.ask_e8 for deal in deals if deal.symbol)


def test_balances_are_the_sums_of_the_deals(small: Simulator) -> None:
    server = small.server()
    logins = [user.login for user in server.users()]

    states = {state.login: state for state in server.account_states([*logins, 999])}
    positions = server.positions(logins)

    summed = dict.fromkeys(logins, 0)
    for deal in all_deals(server):
        summed[deal.login] += deal.profit_e8 + deal.swap_e8 + deal.commission_e8 + deal.fee_e8
    assert {login: int(state.balance * 10**8) for login, state in states.items()} == summed
    assert all(state.equity == state.balance + state.credit + state.floating for state in states.values())
    assert positions
    assert sum(row.profit + row.swap for row in positions) == sum(state.floating for state in states.values())


def test_users_are_read_by_group_mask(small: Simulator) -> None:
    server = small.server()
    groups = {user.group for user in server.users()}

    by_mask = [user.group for user in server.users("real\\*,!real\\raw-usd")]

    assert "real\\raw-usd" in groups
    assert set(by_mask) == groups - {"real\\raw-usd"}


def test_a_group_mask_bounds_deals_too(small: Simulator) -> None:
    logins = {user.login for user in small.server().users("real\\raw-usd")}
    everything = all_deals(small.server())

    masked = all_deals(small.server(group_mask="real\\raw-usd"))

    assert masked == [deal for deal in everything if deal.login in logins]
    assert 0 < len(masked) < len(everything)


def test_deals_are_complete_and_bounded_by_any_cut_of_time(small: Simulator) -> None:
    server = small.server()
    everything = {deal.ticket: deal for deal in all_deals(server)}
    moments = sorted(deal.deal_at for deal in everything.values())
    cuts = [moments[0], moments[len(moments) // 3], moments[-1], moments[-1] + timedelta(microseconds=1)]

    pieces = [row for since, until in pairwise(cuts) for rows in server.deals(since=since, until=until) for row in rows]

    assert {row.ticket: row for row in pieces} == everything
    assert len(pieces) == len(everything)
    assert list(server.deals(since=moments[0], until=moments[0])) == []


def test_years_without_deals_cost_few_requests(small: Simulator) -> None:
    server = small.server()
    server.connect()
    before = small.control("/sim/totals")["requests"]

    all_deals(server)

    assert small.control("/sim/totals")["requests"] - before < 100


def test_an_answer_above_the_limit_is_asked_for_in_smaller_pieces(simulator: Start) -> None:
    busy = simulator("--accounts", "60", "--days", "12", "--seed", "3", "--until", "2026-03-05T15:00:00+00:00")
    everything = all_deals(busy.server())
    bytes_of_all = len(everything) * 900
    assert bytes_of_all > 2 << 20

    assert {deal.ticket for deal in all_deals(busy.server(max_answer_mb=1))} == {deal.ticket for deal in everything}
    with pytest.raises(AnswerTooLarge, match="larger than 0 MB"):
        all_deals(busy.server(max_answer_mb=0))


def test_one_login_is_paged_and_counted(small: Simulator) -> None:
    server = small.server()
    everything = all_deals(server)
    login = max({deal.login for deal in everything}, key=lambda login: sum(deal.login == login for deal in everything))
    of_login = [deal for deal in everything if deal.login == login]
    until = datetime(2026, 4, 1, tzinfo=UTC)

    assert server.deals_of_login(login=login, since=BEFORE_ALL, until=until) == of_login
    assert server.deal_count(login, BEFORE_ALL, until) == len(of_login)
    assert server.deal_count(login, until, until) == 0


def test_deals_are_found_by_ticket(small: Simulator) -> None:
    server = small.server()
    first, second, *_ = all_deals(server)

    assert server.deals_by_ticket([second.ticket, first.ticket, 5, first.ticket]) == [first, second]


def test_the_real_csv_goes_through_the_socket(simulator: Start, histories: Path) -> None:
    served = simulator(
        "--history", str(histories / "mt5_history_deals_2025_usd.csv"), "--clock-zone", "UTC", "--clock-shift", "0"
    )

    deals = all_deals(served.server())

    entries = [
        sum(deal.entry == entry and deal.action < 2 for deal in deals) for entry in (DealEntry.IN, DealEntry.OUT)
    ]
    assert (len(deals), entries, sum(deal.action == DealAction.BALANCE for deal in deals)) == (1767, [883, 883], 1)
    assert sum(deal.profit_e8 for deal in deals) == 10_018_834_000_000
    assert sum(deal.volume_closed_e8 for deal in deals) == 1_432_000_000
    assert deals[0].deal_at == datetime(2025, 2, 26, 11, 16, 32, 779_000, tzinfo=UTC)


def test_the_real_statements_go_through_the_socket(simulator: Start, histories: Path) -> None:
    files = sorted(map(str, histories.glob("mt4_statement_*.htm")))
    server = simulator("--history", files[2], files[0], files[3], files[1]).server()

    deals = all_deals(server)

    closing = [deal for deal in deals if deal.entry == DealEntry.OUT]
    (state,) = server.account_states([90010001])
    assert (len(deals), len(closing), len(server.positions([90010001]))) == (3546, 1761, 22)
    assert (sum(deal.profit_e8 for deal in closing), sum(deal.swap_e8 for deal in closing)) == (
        -348_433 * 10**8,
        -171 * 10**8,
    )
    assert (state.balance, state.equity, state.floating, state.currency_digits) == (151_396, 152_619, 1_223, 0)


def test_a_wrong_manager_password_is_named(small: Simulator) -> None:
    with pytest.raises(WrongPassword, match="refuses manager 1000"):
        small.server(password="not it").connect()


def test_an_impostor_is_named_and_nothing_is_read(simulator: Start) -> None:
    impostor = simulator("--empty", "--faults", "impostor")
    server = impostor.server()

    with pytest.raises(ImpostorServer):
        server.connect()
    with pytest.raises(ImpostorServer):
        server.users()
    assert impostor.injected("impostor") == 2


def test_the_certificate_is_checked_by_pin_by_authority_or_not_at_all(small: Simulator) -> None:
    small.server(tls_mode="ca", tls_ca=small.ready["certificate"]).connect()
    small.server(tls_mode="off").connect()
    small.server(tls_pin=":".join(small.pin[i : i + 2] for i in range(0, 64, 2)).upper()).connect()

    with pytest.raises(UntrustedCertificate, match="self-signed"):
        small.server(tls_mode="ca").connect()
    with pytest.raises(UntrustedCertificate, match=f"its pin is {small.pin}"):
        small.server(tls_pin=hashlib.sha256(b"other").hexdigest()).connect()
    with pytest.raises(UntrustedCertificate):
        small.server(tls_pin="").connect()


def test_a_certificate_of_the_right_authority_for_another_name_is_refused(simulator: Start) -> None:
    elsewhere = simulator("--empty", "--host", "127.0.0.2")

    with pytest.raises(UntrustedCertificate, match=r"not valid for '127\.0\.0\.2'"):
        elsewhere.server(tls_mode="ca", tls_ca=elsewhere.ready["certificate"]).connect()
    elsewhere.server().connect()


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for wrong in (address, "no-such-host.invalid:443"):
        server = WebApiServer(Endpoint(wrong, "off"), login=1, password="x", clock=ServerClock())
        with pytest.raises(ServerUnreachable, match=wrong):
            server.connect()


@pytest.fixture
def odd_server() -> Iterator[Callable[[bytes], Endpoint]]:
    """Return a function that answers every connection with the same bytes, without TLS."""
    listeners = []

    def serve(answer: bytes) -> Endpoint:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return Endpoint(f"127.0.0.1:{listener.getsockname()[1]}", "off")

    yield serve
    for listener in listeners:
        listener.close()


def test_a_server_without_tls_is_unreachable_in_words(odd_server: Callable[[bytes], Endpoint]) -> None:
    endpoint = odd_server(b"HTTP/1.1 200 OK\r\n\r\n")
    server = WebApiServer(endpoint, login=1, password="x", clock=ServerClock())

    with pytest.raises(ServerUnreachable, match="TLS"):
        server.connect()


def test_a_silent_server_is_too_slow(simulator: Start) -> None:
    slow = simulator("--empty", "--faults", "slow_answer/1", "--slow-seconds", "30")
    server = slow.server(read_seconds=0.5)
    server.connect()

    with pytest.raises(TooSlow, match=r"/api/user/get_batch within 0\.5 seconds"):
        server.users()


def test_a_session_goes_on_after_a_restart_of_the_server(small: Simulator) -> None:
    server = small.server()
    server.connect()

    assert small.control("/sim/cut")["dropped"] >= 1
    assert len(server.users()) == 12


def test_an_idle_session_is_renewed_before_it_is_used(small: Simulator) -> None:
    now = [0.0]
    server = small.server()
    server._session._connection._monotonic = lambda: now[0]
    server.connect()
    requests = small.control("/sim/totals")["requests"]

    now[0] += 99
    server.ping()
    now[0] += 19
    server.ping()
    now[0] += 101
    server.ping()

    asked_first, at_once, signed_in_again = 2, 1, 3
    assert small.control("/sim/totals")["requests"] - requests == asked_first + at_once + signed_in_again


def test_a_balance_operation_is_booked_once_with_its_token(small: Simulator) -> None:
    server = small.server()
    login = server.users()[0].login
    (before,) = server.account_states([login])

    receipt = server.change_balance(
        login=login,
        kind=DealAction.BALANCE,
        amount=Decimal("250.00"),
        token="W7Q2K9ZD41XMA",
        note="deposit by card 4242",
    )

    (deal,) = server.deals_by_ticket([receipt.ticket])
    (after,) = server.account_states([login])
    assert isinstance(deal, DealRow)
    assert (deal.action, deal.profit_e8, deal.comment) == (2, 250 * 10**8, "W7Q2K9ZD41XMA deposit by card 4")
    assert after.balance - before.balance == 250


def test_balance_operations_are_refused_by_the_servers_rules(small: Simulator) -> None:
    server = small.server()
    login = server.users()[0].login
    (state,) = server.account_states([login])

    with pytest.raises(NotEnoughMoney):
        server.change_balance(login=login, kind=2, amount=-state.balance - 1, token="A1")
    with pytest.raises(NotFound):
        server.change_balance(login=42, kind=2, amount=Decimal(1), token="A1")
    with pytest.raises(ValueError, match="a token has"):
        server.change_balance(login=login, kind=2, amount=Decimal(1), token="has space")
    with pytest.raises(ValueError, match="a kind from 2 to 6"):
        server.change_balance(login=login, kind=0, amount=Decimal(1), token="A1")
    assert server.account_states([login]) == [state]


@pytest.mark.parametrize(("fault", "booked"), [("balance_lost", 0), ("balance_unanswered", 1)])
def test_a_balance_operation_without_an_answer_is_unknown_and_never_sent_again(
    simulator: Start, fault: str, booked: int
) -> None:
    cut = simulator(*SMALL_BOOK, "--faults", f"{fault}/1")
    server = cut.server()
    login = server.users()[0].login

    with pytest.raises(OutcomeUnknown, match="/api/trade/balance"):
        server.change_balance(login=login, kind=2, amount=Decimal(10), token="T0KEN")

    assert cut.injected(fault) == 1
    assert [deal.comment for deal in all_deals(server)].count("T0KEN") == booked


def test_a_forgotten_session_is_noticed_before_a_write_is_sent(small: Simulator) -> None:
    server = small.server()
    login = server.users()[0].login
    small.control("/sim/cut")

    assert server.change_balance(login=login, kind=2, amount=Decimal(10), token="T0KEN").ticket


def test_neither_password_nor_key_shows_in_a_repr(small: Simulator) -> None:
    server = small.server()
    server.connect()

    shown = repr(server) + repr(server._session) + repr(small.endpoint())

    assert small.ready["password"] not in shown
    assert server._session._key.hex() not in shown
