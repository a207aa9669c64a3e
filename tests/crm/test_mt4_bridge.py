"""A broker with an MT4 server behind a bridge: the walk of a deal from the bridge's socket to the ledger."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from crm.demo.figures import read_figures
from crm.demo.setup import SimulatorAddress, add_history_chain, connect_server
from crm.flows import deal_flow, tasks
from mt4bridge.enums import Platform, ServerKind
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.histories.read import read_history
from mt4bridge.models import MtServer
from mt4bridge.queries import last_error_in_words
from tenancy.models import Broker
from tests.crm.end_state import read_end_state
from tests.mt4bridge.bridges import SMALL_BOOK, FakeBridge, StartBridge, fake_bridges
from tests.mt4bridge.conftest import histories  # noqa: F401 -- a fixture
from trading.models import Deal, HeldDeal

pytestmark = pytest.mark.integration
LOGIN = 90010001


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartBridge]:
    with fake_bridges(tmp_path) as function:
        yield function
    close_gateways()


def connected(bridge: FakeBridge) -> MtServer:
    """Register the bridge as the broker's MT4 server, its accounts under the chain that pays 9 USD a lot in all."""
    now = timezone.now()
    gateway = connect_server(
        simulator=SimulatorAddress.from_json(bridge.ready), now=now, platform=Platform.MT4, kind=ServerKind.HTTPBRIDGE
    )
    add_history_chain(gateway=gateway, now=now)
    return MtServer.objects.get()


def walk(server: MtServer) -> deal_flow.WalkOutcome:
    return deal_flow.walk(server=server, gateway=open_gateway(server), now=timezone.now())


def walk_to_the_end(server: MtServer) -> int:
    """Walk until a round brings nothing, since a long past is read in several; return how many deals came."""
    new = 0
    while found := walk(server).new:
        new += found
    return new


def test_the_real_statements_end_with_their_own_totals(
    broker: Broker,
    start: StartBridge,
    histories: Path,  # noqa: F811 -- the fixture
) -> None:
    files = sorted(histories.glob("mt4_statement_*.htm"))
    bridge = start("--history", *map(str, (files[2], files[0], files[3], files[1])))

    server = connected(bridge)
    first, second = walk_to_the_end(server), walk(server)

    newest = read_history(files[-1])
    lots = sum((trade.volume_lots for trade in newest.closed), Decimal(0))
    figures = read_figures()
    assert (first, second.new, second.revised, second.deleted) == (2 + 1761 * 2 + 22, 0, 0, 0)
    assert (figures.deals, figures.accounts, figures.held, figures.unjudged) == (3546, 1, 0, 0)
    assert figures.books == [
        {
            "login": LOGIN, "currency": "JPY", "balance": "151396", "closed_profit": "-348433", "swap": "-171",
            "open": 22,
        }
    ]  # fmt: skip
    assert (figures.payees, figures.rebates, figures.ledger_sum, figures.statement_equals_ledger) == (
        3, {"USD": str((lots * 9).quantize(Decimal("0.01")))}, "0", True,
    )  # fmt: skip
    (state,) = open_gateway(server).account_states([LOGIN])
    assert (state.balance, state.equity, len(open_gateway(server).orders([LOGIN]))) == (151_396, 152_619, 4)


def test_partial_closes_close_bys_edits_and_deletions_end_like_one_reading(broker: Broker, start: StartBridge) -> None:
    bridge = start(*SMALL_BOOK)
    server, login = connected(bridge), 500001
    walk(server)
    partly = bridge.control("/sim/trade", login=login, symbol="EURUSD", lots="1.00", keep_open=1)["position"]
    one = bridge.control("/sim/trade", login=login, symbol="EURUSD", lots="0.40", keep_open=1)["position"]
    other = bridge.control("/sim/trade", login=login, symbol="EURUSD", lots="0.40", side="sell", keep_open=1)[
        "position"
    ]
    gone = bridge.control("/sim/trade", login=login, symbol="EURUSD", lots="0.20")["position"]
    time.sleep(1.1)  # the walk ends before the server's present second
    walk(server)

    bridge.control("/sim/close", ticket=partly, lots="0.25")
    bridge.control("/sim/close-by", ticket=one, opposite=other)
    bridge.control("/sim/delete", ticket=gone)
    old = Deal.objects.filter(entry=1).order_by("deal_at").values_list("ticket", flat=True)[0]
    bridge.control("/sim/edit", ticket=old, profit_change="3")
    walk(server)
    deal_flow.rescan(
        server=server, gateway=open_gateway(server), since=datetime(2026, 2, 1, tzinfo=UTC), now=timezone.now()
    )

    step_by_step = read_end_state()
    assert {(int(row[0]), int(row[1])) for row in step_by_step["deals"]} == {
        (row.ticket, row.leg)
        for rows in bridge.server().deals(since=datetime(2026, 2, 1, tzinfo=UTC), until=timezone.now() + timedelta(1))
        for row in rows
    }
    assert not any(int(row[0]) == gone for row in step_by_step["deals"])
    lots = {
        int(row[0]): int(row[9])
        for row in step_by_step["deals"]
        if int(row[0]) in (partly, one, other) and row[1] == "1"
    }
    assert lots == {partly: 25_000_000, one: 40_000_000, other: 0}
    assert HeldDeal.objects.count() == 0
    closed = sum(Decimal(account["closed_lots"]) for account in bridge.control("/sim/totals")["logins"].values())
    figures = read_figures()
    assert figures.rebates == {"USD": str((closed * 9).quantize(Decimal("0.01")))}
    assert (figures.unjudged, figures.ledger_sum, figures.statement_equals_ledger) == (0, "0", True)


def test_a_troubled_line_loses_and_doubles_nothing(broker: Broker, start: StartBridge) -> None:
    bridge = start(*SMALL_BOOK)
    server = connected(bridge)
    bridge.control(
        "/sim/faults",
        on="drop_mid_page/3,truncated_json/7,server_error/11,not_json/13,busy/9,unreachable/8,duplicate_rows/2,wrong_total/6",
    )

    named = set()
    for _round in range(8):
        bridge.control("/sim/trade", login=500001, symbol="EURUSD", lots="0.10")
        tasks._with_gateway(server.pk, deal_flow.walk)
        server.refresh_from_db()
        named.add(server.last_error_code)
    injected = bridge.control("/sim/faults", off="all")["injected"]
    walk(server)

    stored = sorted(Deal.objects.values_list("ticket", "leg").distinct())
    figures = read_figures()
    closed = sum(Decimal(account["closed_lots"]) for account in bridge.control("/sim/totals")["logins"].values())
    assert [ticket for ticket, _leg in stored] == bridge.control("/sim/deals")["tickets"]
    assert figures.rebates == {"USD": str((closed * 9).quantize(Decimal("0.01")))}
    assert (figures.held, figures.unjudged, figures.ledger_sum) == (0, 0, "0")
    assert sum(bool(count) for count in injected.values()) >= 4
    assert named & {
        "session_lost",
        "server_busy",
        "impostor_server",
        "malformed_answer",
        "too_frequent",
        "server_troubled",
    }


def test_a_refused_key_stands_on_the_health_page(broker: Broker, start: StartBridge) -> None:
    server = connected(start("--accounts", "1", "--days", "1"))
    server.set_manager_password("another secret")
    server.save()

    tasks._with_gateway(server.pk, deal_flow.walk)

    server.refresh_from_db()
    assert server.last_error_code == "key_refused"
    assert "refuses key 1001 (bad_signature)" in last_error_in_words(server)
