"""The adapter of the bridge over HTTP against a fake MT4 bridge over a real TLS socket."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.enums import DealAction, DealEntry
from mt4bridge.errors import (
    AnswerTooLarge,
    BridgeError,
    ImpostorServer,
    KeyRefused,
    MalformedAnswer,
    NotEnoughMoney,
    OutcomeUnknown,
    ServerBusy,
    ServerTroubled,
    SessionLost,
    TooFrequent,
    TooSlow,
    Unsupported,
    WeakPassword,
)
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.types import BadRow, DealRow, NewUser
from tests.mt4bridge.bridges import AFTER_ALL, BEFORE_ALL, SMALL_BOOK, FakeBridge, StartBridge, all_deals, fake_bridges

pytestmark = pytest.mark.integration
LOGIN = 500001
TOKENS = (f"TOKEN{number}" for number in count())


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartBridge]:
    with fake_bridges(tmp_path_factory.mktemp("bridges")) as function:
        yield function


@pytest.fixture(scope="module")
def book(start: StartBridge) -> FakeBridge:
    """A bridge whose history no test changes."""
    return start(*SMALL_BOOK)


@pytest.fixture(scope="module")
def shared(start: StartBridge) -> FakeBridge:
    return start(*SMALL_BOOK)


@pytest.fixture
def bridge(shared: FakeBridge) -> Iterator[FakeBridge]:
    """A bridge that tests write to; its faults end with the test."""
    yield shared
    shared.control("/sim/faults", off="all", slow_seconds=3)
    shared.control("/sim/connected", yes=1)


def test_every_leg_of_a_book_arrives_once_in_slices_and_pages(book: FakeBridge) -> None:
    deals = all_deals(book.server())

    totals = book.control("/sim/totals")
    assert sorted(deal.ticket for deal in deals) == book.control("/sim/deals")["tickets"]
    assert len(deals) == totals["deals"]
    assert {deal.entry for deal in deals} == {DealEntry.IN, DealEntry.OUT}
    balances = dict.fromkeys(map(int, totals["logins"]), 0)
    for deal in deals:
        balances[deal.login] += deal.profit_e8 + deal.swap_e8 + deal.commission_e8 + deal.fee_e8
    assert balances == {int(login): int(Decimal(found["balance"]) * 10**8) for login, found in totals["logins"].items()}


def test_a_period_brings_its_legs_and_never_runs_ahead(book: FakeBridge) -> None:
    server = book.server()
    everything = {(deal.ticket, deal.leg): deal for deal in all_deals(server)}
    moments = sorted(deal.deal_at for deal in everything.values())
    cuts = [moments[0], moments[len(moments) // 3], moments[-1], moments[-1] + timedelta(seconds=1)]

    seen: dict[tuple[int, int], DealRow] = {}
    for since, until in pairwise(cuts):
        rows = [row for rows in server.deals(since=since, until=until) for row in rows if isinstance(row, DealRow)]
        in_period = {key for key, deal in everything.items() if since <= deal.deal_at < until}
        assert in_period <= {(row.ticket, row.leg) for row in rows}
        assert all(row.deal_at < until for row in rows)
        seen |= {(row.ticket, row.leg): row for row in rows}
    assert seen == everything


def test_a_partial_close_brings_the_older_opening_again(bridge: FakeBridge) -> None:
    server = bridge.server()
    opened = bridge.control("/sim/trade", login=LOGIN, symbol="EURUSD", lots="1.00", keep_open=1)["position"]
    (opening,) = server.deals_by_ticket([opened])
    time.sleep(1.2)  # MT4 keeps whole seconds
    since = server.server_time()

    rest = bridge.control("/sim/close", ticket=opened, lots="0.30")["rest"]

    rows = [row for rows in server.deals(since=since, until=AFTER_ALL) for row in rows if isinstance(row, DealRow)]
    found = {(row.ticket, row.leg): row for row in rows}
    assert isinstance(opening, DealRow)
    assert (opening.volume_e8, opening.deal_at < since) == (10**8, True)
    assert {key: (row.volume_e8, row.volume_closed_e8) for key, row in found.items()} == {
        (opened, 0): (30_000_000, 0),
        (opened, 1): (30_000_000, 30_000_000),
        (rest, 0): (70_000_000, 0),
    }
    assert found[rest, 0].deal_at == opening.deal_at
    assert found[opened, 1].comment == f"to #{rest}"


def test_a_close_by_counts_its_lots_once(bridge: FakeBridge) -> None:
    first = bridge.control("/sim/trade", login=LOGIN, symbol="EURUSD", lots="0.50", keep_open=1)["position"]
    second = bridge.control("/sim/trade", login=LOGIN, symbol="EURUSD", lots="0.50", side="sell", keep_open=1)[
        "position"
    ]

    bridge.control("/sim/close-by", ticket=first, opposite=second)

    rows = [row for row in bridge.server().deals_by_ticket([first, second]) if isinstance(row, DealRow) and row.leg]
    assert [(row.entry, row.volume_closed_e8, row.position_by) for row in rows] == [
        (DealEntry.OUT, 50_000_000, 0),
        (DealEntry.OUT_BY, 0, first),
    ]


def test_positions_and_working_orders_are_told_apart(bridge: FakeBridge) -> None:
    server = bridge.server()
    positions = {row.position for row in server.positions([LOGIN])}

    placed = bridge.control("/sim/order", login=LOGIN, symbol="EURUSD", lots="0.2", price="1.0", kind=5)["order"]

    assert {row.position for row in server.positions([LOGIN])} == positions
    order = next(row for row in server.orders([LOGIN]) if row.order == placed)
    assert (order.kind, order.volume_e8, order.price_e8, order.expires_at) == (5, 20_000_000, 10**8, None)
    assert server.deals_by_ticket([placed]) == []


def test_an_answer_above_the_limit_is_asked_for_in_smaller_pieces(book: FakeBridge) -> None:
    with pytest.raises(AnswerTooLarge, match="larger than 0 MB"):
        all_deals(book.server(max_answer_mb=0))


def test_an_unknown_key_and_a_wrong_secret_are_refused(book: FakeBridge) -> None:
    with pytest.raises(KeyRefused, match=r"refuses key 999 \(unknown_key\)"):
        book.server(key_id="999").connect()
    with pytest.raises(KeyRefused, match=r"refuses key 1001 \(bad_signature\)"):
        book.server(secret="not it").connect()


def test_an_impostor_is_named_and_nothing_is_believed(bridge: FakeBridge) -> None:
    bridge.control("/sim/faults", on="impostor")
    server = bridge.server()

    with pytest.raises(ImpostorServer):
        server.connect()
    with pytest.raises(ImpostorServer):
        server.users()


def test_a_bridge_without_its_mt_server_says_so(bridge: FakeBridge) -> None:
    bridge.control("/sim/connected", yes=0)

    with pytest.raises(ServerTroubled, match="does not reach its MT server"):
        bridge.server().connect()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop_mid_page", SessionLost),
        ("truncated_json", MalformedAnswer),
        ("wrong_total", MalformedAnswer),
        ("server_error", ServerBusy),
        ("not_json", ImpostorServer),
        ("busy", TooFrequent),
        ("unreachable", ServerTroubled),
    ],
)
def test_each_fault_of_a_read_has_its_name(bridge: FakeBridge, fault: str, error: type[BridgeError]) -> None:
    server = bridge.server()
    server.connect()
    bridge.control("/sim/faults", on=f"{fault}/1")

    with pytest.raises(error):
        server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL)
    assert bridge.injected(fault) > 0


def test_one_cut_connection_is_bridged(bridge: FakeBridge) -> None:
    server = bridge.server()
    expected = server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL)
    bridge.control("/sim/faults", on="drop_mid_page/2")

    found = [server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL) for _ in range(3)]

    assert found == [expected] * 3
    assert bridge.injected("drop_mid_page") > 0


def test_a_slow_bridge_is_too_slow(bridge: FakeBridge) -> None:
    server = bridge.server(read_seconds=0.3)
    server.connect()
    bridge.control("/sim/faults", on="slow_answer/1", slow_seconds=1)

    with pytest.raises(TooSlow, match=r"within 0\.3 seconds"):
        server.users()


def test_a_broken_row_stops_nothing_and_a_repeated_one_counts_once(bridge: FakeBridge) -> None:
    server = bridge.server()
    whole = server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL)
    bridge.control("/sim/faults", on="duplicate_rows/1")
    assert server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL) == whole
    bridge.control("/sim/faults", off="all")
    bridge.control("/sim/faults", on="broken_row/1")

    rows = server.deals_of_login(login=LOGIN, since=BEFORE_ALL, until=AFTER_ALL)

    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.ticket, bad.reason) == (min(row.ticket or 0 for row in whole), "login is '?500001', not a whole number")
    assert [row for row in rows if isinstance(row, DealRow)] == [row for row in whole if row.ticket != bad.ticket]


@pytest.mark.parametrize("fault", ["write_unanswered", "write_error"])
def test_a_booked_operation_whose_answer_is_lost_ends_with_its_receipt(bridge: FakeBridge, fault: str) -> None:
    server, token, before = bridge.server(), next(TOKENS), Decimal(bridge.balance(LOGIN))
    bridge.control("/sim/faults", on=f"{fault}/1")

    receipt = server.change_balance(login=LOGIN, kind=2, amount=Decimal("10.50"), token=token, note="deposit")

    (deal,) = [row for row in server.deals_by_ticket([receipt.ticket]) if isinstance(row, DealRow)]
    assert (deal.action, deal.profit_e8, deal.comment) == (DealAction.BALANCE, 1_050_000_000, f"{token} deposit")
    assert Decimal(bridge.balance(LOGIN)) == before + Decimal("10.50")
    operation = server.operation(f"balance-{token}")
    assert operation is not None
    assert (operation["state"], operation["answer"]) == ("done", {"ticket": receipt.ticket})


def test_a_lost_operation_is_surely_not_booked_and_may_be_tried_again(bridge: FakeBridge) -> None:
    server, token, before = bridge.server(), next(TOKENS), Decimal(bridge.balance(LOGIN))
    bridge.control("/sim/faults", on="write_lost/1")

    with pytest.raises(SessionLost):
        server.change_balance(login=LOGIN, kind=2, amount=Decimal(7), token=token)
    assert Decimal(bridge.balance(LOGIN)) == before
    bridge.control("/sim/faults", off="all")
    server.change_balance(login=LOGIN, kind=2, amount=Decimal(7), token=token)

    assert Decimal(bridge.balance(LOGIN)) == before + 7


def test_an_operation_that_arrives_after_it_was_given_up_is_not_booked(bridge: FakeBridge) -> None:
    server, token, before = bridge.server(), next(TOKENS), Decimal(bridge.balance(LOGIN))
    bridge.control("/sim/faults", on="write_late/1")

    with pytest.raises(SessionLost):
        server.change_balance(login=LOGIN, kind=2, amount=Decimal(9), token=token)

    assert bridge.injected("write_late") > 0
    assert Decimal(bridge.balance(LOGIN)) == before
    operation = server.operation(f"balance-{token}")
    assert operation is not None
    assert operation["state"] == "void"


def test_a_bridge_that_is_gone_after_a_write_leaves_it_unknown(bridge: FakeBridge) -> None:
    server, token = bridge.server(read_seconds=0.5), next(TOKENS)
    server.ping()
    bridge.control("/sim/faults", on="write_unanswered/1,impostor/1")  # the answer about the operation is not believed

    with pytest.raises(OutcomeUnknown, match="/balance"):
        server.change_balance(login=LOGIN, kind=2, amount=Decimal(3), token=token)


def test_an_operation_done_is_not_done_again_however_often_it_is_asked(bridge: FakeBridge) -> None:
    server, token, before = bridge.server(), next(TOKENS), Decimal(bridge.balance(LOGIN))

    tickets = {
        server.change_balance(login=LOGIN, kind=2, amount=Decimal(4), token=token).ticket for _attempt in range(3)
    }

    assert len(tickets) == 1
    assert Decimal(bridge.balance(LOGIN)) == before + 4


def test_what_the_server_refuses_is_named_and_nothing_is_booked(bridge: FakeBridge) -> None:
    server, before = bridge.server(), bridge.balance(LOGIN)

    with pytest.raises(NotEnoughMoney, match="code 134"):
        server.change_balance(login=LOGIN, kind=2, amount=Decimal(-10_000_000), token=next(TOKENS))
    with pytest.raises(Unsupported, match="balance and credit alone"):
        server.change_balance(login=LOGIN, kind=4, amount=Decimal(5), token=next(TOKENS))

    assert bridge.balance(LOGIN) == before


def test_an_account_whose_opening_was_not_answered_is_opened_once(bridge: FakeBridge) -> None:
    server, token = bridge.server(), next(TOKENS)
    spec = NewUser(
        group="real-std-usd", name="New Client", leverage=200, main_password="secret12", investor_password="secret13",
        token=token, agent=LOGIN,
    )  # fmt: skip
    bridge.control("/sim/faults", on="write_unanswered/1")

    opened = server.open_account(spec)

    assert server.users_by_token(token) == [opened]
    assert (opened.group, opened.leverage, opened.agent, opened.enabled) == ("real-std-usd", 200, LOGIN, True)


def test_passwords_are_nowhere_in_the_memory_of_writes(
    start: StartBridge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("operations") / "operations.sqlite"
    server = start("--accounts", "1", "--days", "1", "--operations", str(file)).server()
    spec = NewUser(
        group="demo-usd", name="A", leverage=1, main_password="Geheim12", investor_password="Schau34", token="T"
    )
    with pytest.raises(WeakPassword):
        server.open_account(
            NewUser(group="demo-usd", name="A", leverage=1, main_password="Kurz", investor_password="x", token="W")
        )

    server.open_account(spec)

    kept = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert b"user-T" in kept
    assert not any(word in kept for word in (b"Geheim12", b"Schau34", b"Kurz"))


def test_a_change_on_the_server_rings(bridge: FakeBridge) -> None:
    server = bridge.server()
    bell = server.wait_for_events(after=0, wait_seconds=0)

    quiet = server.wait_for_events(after=bell.following, wait_seconds=0)
    bridge.control("/sim/balance", login=LOGIN, amount="1")
    rung = server.wait_for_events(after=quiet.following, wait_seconds=5)

    assert (quiet.logins, quiet.following) == (frozenset(), bell.following)
    assert rung.logins == {LOGIN}
    assert not rung.lost


def test_a_clock_that_is_wrong_is_told(book: FakeBridge) -> None:
    server = HttpBridgeServer(book.endpoint(), key_id="1001", secret=book.ready["password"], clock=ServerClock())
    book.servers.append(server)
    server._client._clock_ms = lambda: int(time.time() * 1000) - 200_000

    with pytest.raises(KeyRefused, match="clock_skew"):
        server.connect()


def test_server_time_is_utc_to_the_second(book: FakeBridge) -> None:
    at = book.server().server_time()

    assert abs(at - datetime.now(UTC)) < timedelta(seconds=5)
    assert at.microsecond == 0
