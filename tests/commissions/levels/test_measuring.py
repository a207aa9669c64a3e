"""What is measured, for whom: links at the deal's own time, live revisions, own rates, and nothing guessed."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from commissions.levels.enums import Scope
from commissions.levels.measuring import EVENTS, known_ibs, late_deals, measure, nothing
from commissions.levels.types import Figures, LadderTerms, LevelTerms
from ib.models import IB
from ib.services import move_account, move_client, move_ib, release_account
from tests.commissions.levels.world import OPENED, SYSTEM, LevelWorld, at
from trading.deposits import IS_DEPOSIT_SQL
from trading.models import FxRate, MtGroup, Symbol

pytestmark = pytest.mark.unit
D = Decimal
MARCH, APRIL = at(3, 1, 0), at(4, 1, 0)
ASKS = LevelTerms(code="top", name="Top", min_notional_usd=D(1), min_net_deposit_usd=D(1))


def rules(scope: Scope = Scope.NETWORK, *, top: LevelTerms = ASKS, **values: object) -> LadderTerms:
    levels = (LevelTerms(code="base", name="Base"), top)
    return LadderTerms(levels=levels, effective_date=date(2026, 1, 1), scope=scope, **values)  # type: ignore[arg-type]


def lots(scope: Scope = Scope.NETWORK, **values: object) -> dict[str, Decimal]:
    """Return {IB's code: lots of March}."""
    codes = dict(IB.objects.order_by("pk").values_list("pk", "code"))
    found = measure(terms=rules(scope, **values), since=MARCH, until=APRIL)
    return {codes[ib_id]: figures.lots for ib_id, figures in found.items()}


def of(world: LevelWorld, ib: IB, **values: object) -> Figures:
    return measure(terms=rules(**values), since=MARCH, until=APRIL)[ib.pk]  # type: ignore[arg-type]


def test_network_holds_everybody_below_and_direct_only_own_clients(world: LevelWorld) -> None:
    top = world.ib("top")
    sub = world.ib("sub", top)
    leaf = world.ib("leaf", sub)
    world.ib("idle", top)
    world.trade(world.client("A", leaf), "3", at(3, 5))
    world.trade(world.client("B", sub), "2", at(3, 6))
    world.trade(world.client("C"), "9", at(3, 6))  # nobody's client

    assert lots() == {"top": D(5), "sub": D(5), "leaf": D(3)}
    assert lots(Scope.DIRECT) == {"sub": D(2), "leaf": D(3)}


def test_the_period_is_half_open(world: LevelWorld) -> None:
    account = world.client("A", world.ib("leaf"))
    world.trade(account, "1", MARCH)
    world.trade(account, "10", APRIL - timedelta(microseconds=1))
    world.trade(account, "100", APRIL)
    world.trade(account, "1000", MARCH - timedelta(microseconds=1))

    assert lots() == {"leaf": D(11)}


def test_moves_inside_the_period_divide_it(world: LevelWorld) -> None:
    left, right = world.ib("left"), world.ib("right")
    sub = world.ib("sub", left)
    account = world.client("A", sub)
    move_ib(ib=sub, parent=right, at=at(3, 10, 0), actor=SYSTEM, now=at(3, 20))
    move_ib(ib=sub, parent=None, at=at(3, 20, 0), actor=SYSTEM, now=at(3, 20))
    move_client(client=account.client, ib=left, at=at(3, 25, 0), actor=SYSTEM, now=at(3, 25))
    world.trade(account, "1", at(3, 9, 23, 59))
    world.trade(account, "2", at(3, 10, 0))  # the moment of the move belongs to the new place
    world.trade(account, "4", at(3, 22))
    world.trade(account, "8", at(3, 26))

    assert lots() == {"left": D(9), "right": D(2), "sub": D(7)}


def test_a_trading_accounts_own_link_wins_also_when_it_names_nobody(world: LevelWorld) -> None:
    mine, yours = world.ib("mine"), world.ib("yours")
    account = world.client("A", mine)
    move_account(account=account, ib=yours, at=at(3, 10, 0), actor=SYSTEM, now=at(3, 10))
    move_account(account=account, ib=None, at=at(3, 20, 0), actor=SYSTEM, now=at(3, 20))
    release_account(account=account, at=at(3, 25, 0), actor=SYSTEM, now=at(3, 25))
    for volume, day in (("1", 5), ("2", 12), ("4", 22), ("8", 27)):
        world.trade(account, volume, at(3, day))

    assert lots() == {"mine": D(9), "yours": D(2)}


def test_only_closing_volume_of_live_revisions_counts(world: LevelWorld) -> None:
    account = world.client("A", world.ib("leaf"))
    world.trade(account, "1", at(3, 5), entry=0, volume_closed_e8=0)  # an opening deal
    world.trade(account, "3", at(3, 5), entry=2, volume_closed_e8=10**8)  # a reversal that closed one lot
    edited = world.trade(account, "5", at(3, 6))
    world.trade(account, "2", at(3, 6), ticket=edited.ticket, revision=1)
    gone = world.trade(account, "7", at(3, 7))
    world.trade(account, "7", at(3, 7), ticket=gone.ticket, revision=1, deleted=True)

    assert lots() == {"leaf": D(3)}


def test_lots_follow_the_lot_factor_and_nothing_is_guessed_without_one(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    client = world.client("A", leaf).client
    cent = MtGroup.objects.create(server=world.server, name="cent", currency="USD", lot_factor=D("0.01"))
    unknown = MtGroup.objects.create(server=world.server, name="new", currency="USD", lot_factor=None)
    world.trade(world.account(client, cent), "150", at(3, 5))
    world.trade(world.account(client, unknown), "40", at(3, 5))

    found = of(world, leaf)

    assert (found.lots, found.deals, found.unmeasured_deals) == (D("1.5"), 2, 1)


def test_active_clients_are_different_people_with_enough_lots(world: LevelWorld) -> None:
    top = world.ib("top")
    sub = world.ib("sub", top)
    busy = world.client("A", sub)
    world.trade(busy, "1", at(3, 5))
    world.trade(world.account(busy.client), "1", at(3, 6))  # a second account of the same person
    world.trade(world.client("B", sub), "0.5", at(3, 5))
    world.client("C", sub)

    assert [of(world, ib).active_clients for ib in (top, sub)] == [2, 2]
    assert of(world, top, active_min_lots=D("0.5")).active_clients == 2  # exactly equal is enough
    assert of(world, top, active_min_lots=D("0.50000001")).active_clients == 1


def test_own_trades_count_for_those_above_but_not_for_oneself(world: LevelWorld) -> None:
    account = world.client("Kim", None)
    top = world.ib("top")
    sub = world.ib("sub", top, client=account.client)
    move_client(client=account.client, ib=sub, at=OPENED, actor=SYSTEM, now=OPENED)
    world.trade(account, "4", at(3, 5))
    world.trade(world.client("B", sub), "1", at(3, 5))

    assert lots() == {"top": D(5), "sub": D(1)}
    assert lots(count_own_trades=True) == {"top": D(5), "sub": D(5)}


def rate(base: str, quote: str, value: str, when: datetime, published: datetime | None = None) -> None:
    FxRate.objects.create(base=base, quote=quote, rate=D(value), at=when, published_at=published or when)


def test_notional_is_in_usd_at_each_deals_own_rate(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    account = world.client("A", leaf)
    yen = Symbol.objects.create(
        server=world.server, name="EURJPY", contract_size_e8=100_000 * 10**8, digits=3, quote_currency="JPY"
    )
    rate("USD", "JPY", "150", at(3, 1))
    rate("USD", "JPY", "160", at(3, 10))
    rate("JPY", "USD", "0.005", at(3, 20))
    world.trade(account, "1", at(3, 5))  # 1 × 100,000 × 1.10 USD
    for day in (5, 10, 21):  # 100,000 × 165 JPY
        world.trade(account, "1", at(3, day), symbol=yen, price_e8=165 * 10**8)

    # 110,000 + 110,000 + 103,125 + 82,500
    assert of(world, leaf).notional_usd == D("405625.00000000")


def test_thirds_add_up_to_exactly_the_whole(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    account = world.client("A", leaf)
    yen = Symbol.objects.create(
        server=world.server, name="XJPY", contract_size_e8=10**8, digits=0, quote_currency="JPY"
    )
    rate("USD", "JPY", "3", at(3, 1))
    for _ in range(3):
        world.trade(account, "1", at(3, 5), symbol=yen, price_e8=10**8, contract_size_e8=10**8)

    assert of(world, leaf).notional_usd == D(1)


def test_net_deposit_is_money_in_less_money_out_in_usd(world: LevelWorld) -> None:
    top = world.ib("top")
    leaf = world.ib("leaf", top)
    client = world.client("A", leaf).client
    euro = MtGroup.objects.create(server=world.server, name="eur", currency="EUR", lot_factor=1)
    rate("EUR", "USD", "1.25", at(3, 1))
    world.money(world.account(client), "1000", at(3, 5))
    world.money(world.account(client, euro), "-200", at(3, 6))
    world.money(world.account(client), "5", at(4, 1))

    assert [of(world, ib).net_deposit_usd for ib in (top, leaf)] == [D(750), D(750)]


def test_without_a_rate_the_amount_is_left_out_and_told(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    client = world.client("A", leaf).client
    euro = MtGroup.objects.create(server=world.server, name="eur", currency="EUR", lot_factor=1)
    account = world.account(client, euro)
    world.money(account, "200", at(3, 6))
    world.money(world.account(client), "7", at(3, 6))

    found = of(world, leaf)
    assert (found.net_deposit_usd, found.unmeasured_deals) == (D(7), 1)

    rate("EUR", "USD", "1.5", at(3, 1), published=at(4, 5))  # it arrives late: now the amount is known
    found = of(world, leaf)
    assert (found.net_deposit_usd, found.unmeasured_deals) == (D(307), 0)


def test_a_rate_that_arrived_late_does_not_touch_what_had_one(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    euro = MtGroup.objects.create(server=world.server, name="eur", currency="EUR", lot_factor=1)
    account = world.account(world.client("A", leaf).client, euro)
    rate("EUR", "USD", "2", at(3, 1))
    rate("EUR", "USD", "3", at(3, 2), published=at(4, 5))
    world.money(account, "100", at(3, 6))

    assert of(world, leaf).net_deposit_usd == D(200)


def test_only_what_a_level_asks_for_is_measured(world: LevelWorld) -> None:
    leaf = world.ib("leaf")
    world.trade(world.client("A", leaf), "1", at(3, 5))
    asks_lots = LevelTerms(code="top", name="Top", min_lots=D(1))

    found = of(world, leaf, top=asks_lots)

    assert (found.lots, found.notional_usd, found.net_deposit_usd) == (D(1), None, None)
    assert nothing(rules()) == Figures(notional_usd=D(0), net_deposit_usd=D(0))


def test_late_deals_are_those_that_came_after_the_measuring(world: LevelWorld) -> None:
    account = world.client("A", world.ib("leaf"))
    world.trade(account, "1", at(3, 5))
    world.trade(account, "1", at(3, 6), recorded_at=at(4, 2))
    world.trade(account, "1", at(4, 1), recorded_at=at(4, 2))

    assert late_deals(since=MARCH, until=APRIL, measured_at=at(4, 1)) == 1


def test_known_ibs_are_those_that_stood_in_the_network(world: LevelWorld) -> None:
    old = world.ib("old")
    world.ib("new", since=APRIL)

    assert known_ibs(until=APRIL) == [old.pk]


def test_what_a_deposit_is_is_said_in_one_place() -> None:
    """Levels, CPA and net deposits agree on operations that this system sends to the MT server itself."""
    assert IS_DEPOSIT_SQL.format(alias="d") in EVENTS
    assert EVENTS.count("d.action") == 1 + IS_DEPOSIT_SQL.format(alias="d").count("d.action")
