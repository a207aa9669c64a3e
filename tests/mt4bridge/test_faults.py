"""Each fault of the simulator over a real socket: named when it cannot be healed, healed when it can."""

from datetime import UTC, datetime, timedelta

import pytest

from mt4bridge.errors import AccessDenied, BridgeError, HistoryMoved, MalformedAnswer, SessionLost, TooFrequent
from mt4bridge.types import BadRow, DealRow
from mt4bridge.webapi.adapter import WebApiServer
from tests.mt4bridge.conftest import BEFORE_ALL, Simulator, Start, all_deals

pytestmark = pytest.mark.integration

UNTIL = datetime.now(UTC) + timedelta(days=1)


def all_rows(server: WebApiServer) -> list[DealRow | BadRow]:
    return [row for rows in server.deals(since=BEFORE_ALL, until=UNTIL) for row in rows]


@pytest.fixture
def clean(small: Simulator) -> tuple[Simulator, list[DealRow]]:
    """A simulator without faults, and all deals it has now."""
    small.control("/sim/faults", off=["all"])
    return small, all_deals(small.server())


Clean = tuple[Simulator, list[DealRow]]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop_mid_page", SessionLost),
        ("truncated_json", MalformedAnswer),
        ("not_json", MalformedAnswer),
        ("flap_403", AccessDenied),
        ("busy", TooFrequent),
    ],
)
def test_a_fault_that_stays_is_a_named_error(clean: Clean, fault: str, error: type[BridgeError]) -> None:
    started, expected = clean
    server = started.server()
    started.control("/sim/faults", on=[f"{fault}/1"])

    with pytest.raises(error):
        all_rows(server)

    assert started.injected(fault) > 0
    started.control("/sim/faults", off=["all"])
    assert all_rows(server) == expected


@pytest.mark.parametrize("fault", ["flap_403/3", "drop_mid_page/2"])
def test_a_fault_that_passes_is_healed_by_one_replay(clean: Clean, fault: str) -> None:
    started, expected = clean
    server = started.server()
    before = started.injected(fault.partition("/")[0])
    started.control("/sim/faults", on=[fault])

    for _ in range(6):
        assert all_rows(server) == expected
    assert started.injected(fault.partition("/")[0]) > before


def test_rows_that_come_twice_are_counted_once(clean: Clean) -> None:
    started, expected = clean
    started.control("/sim/faults", on=["duplicate_rows/1"])

    rows = all_rows(started.server())

    assert sorted(row.ticket or 0 for row in rows) == sorted(row.ticket for row in expected)
    assert started.injected("duplicate_rows") > 0


def test_a_broken_row_is_bad_and_the_others_arrive(clean: Clean) -> None:
    started, expected = clean
    started.control("/sim/faults", on=["broken_row/1"])

    rows = all_rows(started.server())

    bad = [row for row in rows if isinstance(row, BadRow)]
    assert len(bad) == started.injected("broken_row") > 0
    assert len(rows) == len(expected)
    assert all(row.reason and row.ticket and row.login is None for row in bad)


def test_a_slow_answer_within_the_limit_arrives(clean: Clean) -> None:
    started, expected = clean
    started.control("/sim/faults", on=["slow_answer/2"], slow_seconds="0.3")

    assert all_rows(started.server(read_seconds=5)) == expected
    assert started.injected("slow_answer") > 0


def test_late_edited_and_deleted_deals_show_in_the_history(clean: Clean) -> None:
    started, expected = clean
    server = started.server()
    closing = [deal for deal in expected if deal.entry == 1]

    late = started.control("/sim/late", ticket=closing[-1].ticket, minutes=90)
    started.control("/sim/edit", ticket=closing[-2].ticket, profit_change="-2.50")
    started.control("/sim/delete", ticket=closing[-3].ticket)

    now = {deal.ticket: deal for deal in all_deals(server)}
    before = {deal.ticket: deal for deal in expected}
    assert set(now) - set(before) == {late["ticket"]}
    assert set(before) - set(now) == {closing[-3].ticket}
    assert now[late["ticket"]].deal_at == closing[-1].deal_at - timedelta(minutes=90)
    assert now[closing[-2].ticket] == closing[-2]._replace(profit_e8=closing[-2].profit_e8 - 250_000_000)


def test_history_faults_change_the_book_and_are_counted(clean: Clean) -> None:
    started, expected = clean
    started.control("/sim/faults", on=["late_deal/1", "edited_deal/1", "deleted_deal/2"])
    server = started.server()

    all_rows(server)
    started.control("/sim/faults", off=["all"])
    now = {deal.ticket: deal for deal in all_deals(server)}

    injected = started.control("/sim/faults")["injected"]
    before = {deal.ticket: deal for deal in expected}
    assert injected["late_deal"] > injected["deleted_deal"] > 0
    assert len(now) == len(before) + injected["late_deal"] - injected["deleted_deal"]
    assert any(now[ticket] != before[ticket] for ticket in set(now) & set(before))


def test_pages_of_a_login_whose_history_moves_are_read_again_or_named(simulator: Start) -> None:
    one = simulator("--accounts", "1", "--days", "8", "--seed", "4", "--until", "2026-03-05T15:00:00+00:00")
    server = one.server()
    (user,) = server.users()
    call = {"login": user.login, "since": BEFORE_ALL, "until": UNTIL}
    assert len(server.deals_of_login(**call)) > 2

    one.control("/sim/faults", on=["late_deal/2"])
    read = server.deals_of_login(**call) + server.deals_of_login(**call)
    one.control("/sim/faults", on=["late_deal/1"])
    with pytest.raises(HistoryMoved, match=f"login {user.login}"):
        server.deals_of_login(**call)

    one.control("/sim/faults", off=["all"])
    assert {row.ticket for row in read} <= {row.ticket for row in server.deals_of_login(**call)}
    assert one.injected("late_deal") >= 1 + 3


def test_a_trade_on_demand_is_there_at_once(clean: Clean) -> None:
    started, expected = clean
    server = started.server()
    login = expected[0].login

    trade = started.control("/sim/trade", login=login, symbol="EURUSD", lots="0.25", side="sell")

    opened, closed = server.deals_by_ticket([trade["open_ticket"], trade["close_ticket"]])
    assert isinstance(opened, DealRow)
    assert isinstance(closed, DealRow)
    assert (opened.action, opened.entry, closed.action, closed.entry) == (1, 0, 0, 1)
    assert (closed.volume_closed_e8, closed.position, closed.login) == (25_000_000, trade["position"], login)
    assert closed.deal_at == datetime.fromisoformat(trade["closed_at"])
    assert abs(closed.deal_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_an_unknown_fault_is_refused_with_the_list_of_faults(simulator: Start) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"There is no fault 'gremlins'\. The faults are: drop_mid_page"):
        simulator("--empty", "--faults", "gremlins")
