"""What a server says of groups, symbols and accounts is taken over, dated, and never guessed."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from access.types import Actor
from commissions.judging.book import open_book
from commissions.judging.deals import read_newest
from mt4bridge.models import MtServer
from mt4bridge.types import GroupRow, SymbolRow, UserRow
from tenancy.models import Broker
from tests.trading.factories import BEGINNING, LOT, deal_row, make_account, make_client, make_mt_group, make_server
from tests.trading.factories import make_symbol as symbol_of
from trading.cursor import get_cursor
from trading.enums import HoldReason
from trading.models import Deal, HeldDeal, MtGroup, Symbol
from trading.queries import open_tasks, release_keys
from trading.services import Reading, record_deals
from trading.sync.listing import sync_accounts
from trading.sync.models import ServerAccount, ServerChange, SymbolSpec
from trading.sync.queries import accounts_of_nobody, group_at
from trading.sync.services import ChangeDecided, assign_account, decide_change
from trading.sync.structure import sync_groups, sync_symbols
from trading.types import DealKey

pytestmark = pytest.mark.unit
LATER = timedelta(days=30)


@pytest.fixture
def server(broker: Broker) -> MtServer:
    return make_server()


def symbol(name: str = "EURUSD", **values: Any) -> SymbolRow:
    row = SymbolRow(name, f"Forex\\{name}", 100_000 * LOT, 5, "EUR", "USD")
    return row._replace(**values)


def user(login: int = 1001, group: str = "real\\std-usd", **values: Any) -> UserRow:
    row = UserRow(login, group, "Jane Roe", "j@example.org", "", 100, 0, Decimal(0), Decimal(0), BEGINNING)
    return row._replace(**values)


def changes() -> list[tuple[str, ...]]:
    rows = ServerChange.objects.order_by("pk").values_list("of", "name", "field", "before", "after", "state")
    return list(rows)


def test_the_first_look_is_no_change_and_later_ones_are(server: MtServer, now: datetime) -> None:
    first = sync_symbols(server_id=server.pk, rows=[symbol(), symbol("GOLD")], now=now)
    again = sync_symbols(server_id=server.pk, rows=[symbol(), symbol("GOLD")], now=now + LATER)
    changed = symbol(contract_size_e8=10_000 * LOT, digits=4)

    third = sync_symbols(server_id=server.pk, rows=[changed, symbol("OIL")], now=now + 2 * LATER)

    assert (first, again, third, open_tasks().unclassified_symbols) == (2, 0, 1, 3)
    assert changes() == [
        ("symbol", "OIL", "appeared", "", "", "taken"),
        ("symbol", "GOLD", "gone", "", "", "taken"),
        ("symbol", "EURUSD", "contract_size", "100000", "10000", "taken"),
        ("symbol", "EURUSD", "digits", "5", "4", "taken"),
    ]
    specs = SymbolSpec.objects.filter(symbol__name="EURUSD").order_by("seen_at")
    assert [(spec.seen_at, spec.contract_size_e8 // LOT, spec.digits) for spec in specs] == [
        (now, 100_000, 5), (now + 2 * LATER, 10_000, 4),
    ]  # fmt: skip


def test_what_is_gone_is_told_once_and_so_is_its_return(server: MtServer, now: datetime) -> None:
    sync_groups(server_id=server.pk, rows=[GroupRow("a", "USD", 2), GroupRow("b", "USD", 2)], now=now)
    for day in (1, 2):
        sync_groups(server_id=server.pk, rows=[GroupRow("a", "USD", 2)], now=now + timedelta(days=day))

    sync_groups(server_id=server.pk, rows=[GroupRow("a", "USD", 2), GroupRow("b", "USD", 2)], now=now + LATER)

    assert [row[1:3] for row in changes()] == [("b", "gone"), ("b", "appeared")]
    assert open_tasks().groups_without_factor == 2


def test_a_deal_without_contract_size_takes_the_one_of_its_time(server: MtServer, now: datetime) -> None:
    sync_symbols(server_id=server.pk, rows=[symbol()], now=now)
    sync_symbols(server_id=server.pk, rows=[symbol(contract_size_e8=10_000 * LOT)], now=now + LATER)
    make_account(make_mt_group(server))
    moments = {1: now - LATER, 2: now + LATER / 2, 3: now + LATER, 4: now + 2 * LATER}
    rows = [deal_row(ticket, deal_at=at, contract_size_e8=0) for ticket, at in moments.items()]

    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)

    sizes = Deal.objects.order_by("ticket").values_list("contract_size_e8", flat=True)
    assert [size // LOT for size in sizes] == [100_000, 100_000, 10_000, 10_000]


def test_another_quote_currency_waits_and_holds_new_deals(server: MtServer, now: datetime, system_actor: Actor) -> None:
    sync_symbols(server_id=server.pk, rows=[symbol()], now=now)
    make_account(make_mt_group(server))
    for day in (1, 2):
        sync_symbols(server_id=server.pk, rows=[symbol(currency_profit="EUR")], now=now + timedelta(days=day))
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading([deal_row(1)]), now=now)
    held = HeldDeal.objects.get()
    waiting = ServerChange.objects.get()
    asked_before = release_keys(server_id=server.pk)

    decide_change(change=waiting, accept=True, actor=system_actor, now=now)

    assert (held.reason, held.detail, asked_before) == (HoldReason.SYMBOL_CHANGED, "EURUSD", [])
    assert release_keys(server_id=server.pk) == [DealKey(1, 0)]
    assert Symbol.objects.get().quote_currency == "EUR"
    with pytest.raises(ChangeDecided):
        decide_change(change=waiting, accept=False, actor=system_actor, now=now)


def test_a_kept_currency_is_not_asked_again(server: MtServer, now: datetime, system_actor: Actor) -> None:
    sync_groups(server_id=server.pk, rows=[GroupRow("a", "USD", 2)], now=now)
    sync_groups(server_id=server.pk, rows=[GroupRow("a", "EUR", 2)], now=now)
    decide_change(change=ServerChange.objects.get(), accept=False, actor=system_actor, now=now)

    sync_groups(server_id=server.pk, rows=[GroupRow("a", "EUR", 2)], now=now + LATER)

    assert changes() == [("group", "a", "currency", "USD", "EUR", "kept")]
    assert MtGroup.objects.get().currency == "USD"


def test_an_account_that_moves_keeps_the_group_of_each_deals_time(server: MtServer, now: datetime) -> None:
    standard, cent = make_mt_group(server), make_mt_group(server, "real\\cent", lot_factor=Decimal("0.01"))
    symbol_of(server)
    account = make_account(standard)
    sync_accounts(server_id=server.pk, rows=[user()], now=now)
    rows = [deal_row(1, deal_at=now - LATER), deal_row(2, deal_at=now + LATER)]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)

    sync_accounts(server_id=server.pk, rows=[user(group="real\\cent", leverage=30)], now=now)

    account.refresh_from_db()
    stored = read_newest(list(Deal.objects.order_by("ticket").values_list("pk", flat=True)))
    assert (account.mt_group, account.leverage) == (cent, 30)
    assert open_book(stored).groups_at(stored).tolist() == [standard.pk, cent.pk]
    assert (group_at(account, now - LATER), group_at(account, now + LATER)) == (standard, cent)
    assert [row[2:5] for row in changes()] == [
        ("group", "real\\std-usd", "real\\cent"), ("leverage", "100", "30"),
    ]  # fmt: skip


def test_an_account_of_nobody_is_given_its_client(server: MtServer, now: datetime, system_actor: Actor) -> None:
    make_mt_group(server)
    symbol_of(server)
    sync_accounts(server_id=server.pk, rows=[user(), user(1002)], now=now)
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading([deal_row(1)]), now=now)
    nobody = list(accounts_of_nobody().order_by("login").values_list("login", flat=True))

    assign_account(account=ServerAccount.objects.get(login=1001), client=make_client(), actor=system_actor, now=now)

    assert nobody == [1001, 1002]
    assert list(accounts_of_nobody().values_list("login", flat=True)) == [1002]
    assert release_keys(server_id=server.pk) == [DealKey(1, 0)]


def test_an_archived_account_is_marked_and_kept(server: MtServer, now: datetime) -> None:
    make_account(make_mt_group(server))
    sync_accounts(server_id=server.pk, rows=[user(), user(1002)], now=now)
    for day in (1, 2):
        sync_accounts(server_id=server.pk, rows=[user(1002)], now=now + timedelta(days=day))

    assert [(row[1], row[2]) for row in changes()] == [("1001", "gone")]
    assert ServerAccount.objects.get(login=1001).gone_at == now + timedelta(days=1)
