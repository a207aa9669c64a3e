"""CPA and advances on the database: the scenarios' lines by month, corrections, late events, and two servers."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum

from commissions.explaining import why_deal
from commissions.models import Accrual, CpaClient, HeldBack, IbDay, Judgement, Payee
from commissions.services import judge_next_batch, rejudge_next_batch
from commissions.verify import verify_commissions
from core.money import from_e8, quantize
from crm.scenarios.documents import Document, read_documents
from crm.scenarios.player import _events, _record, play
from crm.scenarios.world import World, build_world
from mt4bridge.models import MtServer
from tenancy.models import Broker
from tests.crm.test_tier_orders import standing
from trading.types import DealKey

pytestmark = pytest.mark.integration
FILE = Path(__file__).parent.parent / "scenarios" / "cpa.yaml"
DOCUMENTS = {document.name: document for document in read_documents([str(FILE)])}
SETTLED_BEFORE_A_CORRECTION = {"C13"}  # its months are told by cuts


def earned_by_month() -> dict[tuple[str, str], Decimal]:
    """Return {(IB, month): all its lines, rounded once} from the roll-up."""
    codes = dict(Payee.objects.filter(ib__isnull=False).values_list("pk", "ib__code"))
    sums: dict[tuple[str, str], Decimal] = {}
    for payee, day, amount in IbDay.objects.values_list("payee_id", "day", "amount"):
        if payee in codes:
            key = codes[payee], f"{day:%Y-%m}"
            sums[key] = sums.get(key, Decimal(0)) + amount
    return {key: quantize(total, 2) for key, total in sums.items()}


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - SETTLED_BEFORE_A_CORRECTION))
def test_lines_of_each_month_are_the_statements_totals(name: str, broker: Broker) -> None:
    document = DOCUMENTS[name]

    play(document)

    earned = earned_by_month()
    for row in document.expect.get("statements") or []:
        assert earned.get((row["to"], row["period"]), Decimal(0)) == Decimal(row["total"]), row
    assert verify_commissions() == []


def lines() -> list[tuple[str, str, Decimal, Decimal]]:
    """Return every accrual as it was booked: IB, day, what stands, what was booked."""
    rows = Accrual.objects.select_related("payee__ib").order_by("pk")
    return [
        (row.payee.ib.code if row.payee.ib else "", f"{row.day:%m-%d}", from_e8(row.amount_e8), from_e8(row.booked_e8))
        for row in rows
    ]


CPA = {"steps": [{"net_deposit": "200", "pay": "60"}, {"net_deposit": "1000", "pay": "150"}], "currency": "USD"}


def document(**changes: Any) -> dict[str, Any]:
    """Return a client of one IB with a plan of 4 USD per lot and CPA, and a deposit of 200 on 4 March."""
    rates = [{"any": True, "base": "per_lot", "rate": "4", "currency": "USD"}]
    beginning = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    plain = {
        "scenario": "cpa",
        "symbols": {"EURUSD": {"group": "majors", "contract_size": "100000", "digits": 5, "quote": "USD"}},
        "mt_groups": {"standard": {"currency": "USD", "lot_factor": "1"}},
        "plans": {"p": [{"effective_from": beginning, "rates": rates, "cpa": {**CPA, **changes.pop("cpa", {})}}]},
        "ibs": [{"code": "ib", "plan": "p", "currency": "USD"}, {"code": "other", "plan": "p", "currency": "USD"}],
        "clients": [{"login": 1001, "ib": "ib", "group": "standard"}],
        "deposits": [deposit(4, "200.00")],
    }
    return {**plain, **changes}


def at(day: int, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"2026-03-{day:02}T{hour:02}:00:00+00:00")


def deposit(day: int, amount: str) -> dict[str, Any]:
    return {"login": 1001, "amount": amount, "currency": "USD", "at": at(day)}


def trade(ticket: int, day: int, lots: str) -> list[dict[str, Any]]:
    common = {"position": ticket, "login": 1001, "symbol": "EURUSD", "lots": lots, "price": "1.10", "action": "buy"}
    return [
        {**common, "ticket": ticket, "entry": "in", "at": at(day, 11)},
        {**common, "ticket": ticket + 1, "entry": "out", "at": at(day)},
    ]


def drain(server: MtServer, now: datetime) -> None:
    while judge_next_batch(server_id=server.pk, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=server.pk, limit=100, now=now):
        pass


def played(doc: dict[str, Any]) -> World:
    return play(Document("cpa", "", doc))


def test_deposit_deleted_on_the_server_takes_its_cpa_back_on_its_own_day(broker: Broker) -> None:
    world = played(document())

    _record(world, [], at(20), gone=[DealKey(1_000_000_000, 0)])
    drain(world.server, at(20))

    assert lines() == [("ib", "03-04", Decimal(60), Decimal(60)), ("ib", "03-04", Decimal(0), Decimal(-60))]
    assert Accrual.objects.get(revision=1).corrects == Accrual.objects.get(revision=0)
    assert verify_commissions() == []


def test_late_deposit_moves_the_step_to_the_event_that_reaches_it(broker: Broker) -> None:
    """A deposit of 800 on 2 March arrives on 10 March: the one of 4 March is now the one that reaches 1000."""
    doc = document(deposits=[deposit(4, "200.00"), deposit(6, "100.00")])
    world = played(doc)
    late = play_late_deposit(world, deposit(2, "800.00"))

    assert late == [
        ("ib", "03-04", Decimal(60), Decimal(60)),
        ("ib", "03-04", Decimal(90), Decimal(30)),
        ("ib", "03-02", Decimal(60), Decimal(60)),
    ]
    assert verify_commissions() == []


def play_late_deposit(world: World, row: dict[str, Any]) -> list[tuple[str, str, Decimal, Decimal]]:
    world.document.plain["deposits"].append(row)
    newest = [event for event in _events(world) if event.order == 4 and event.at == row["at"]]
    for event in newest:
        event.run()
    drain(world.server, at(10))
    return lines()


def test_same_events_twice_book_nothing_twice(broker: Broker) -> None:
    doc = document(deals=trade(1, 5, "1"))
    world = played(doc)
    before = lines()

    for event in _events(world):
        if event.order in (4, 5):
            event.run()
    drain(world.server, at(20))

    assert lines() == before == [("ib", "03-04", Decimal(60), Decimal(60))]


def test_cpa_published_into_the_past_pays_clients_without_a_trade(broker: Broker) -> None:
    doc = document()
    version = doc["plans"]["p"][0]
    doc["plans"]["p"] = [
        {key: value for key, value in version.items() if key != "cpa"},
        {**version, "published_at": at(9)},
    ]

    played(doc)

    assert lines() == [("ib", "03-04", Decimal(60), Decimal(60))]


def test_client_moved_into_the_past_moves_its_cpa(broker: Broker) -> None:
    """The move to the other IB of 3 March is recorded on 10 March: the CPA of 4 March is the other's."""
    world = played(document())
    world.document.plain["moves"] = [{"at": at(3), "login": 1001, "ib": "other"}]
    for event in [event for event in _events(world) if event.order == 3]:
        event.run()
    drain(world.server, at(10))

    assert sorted(lines()) == [
        ("ib", "03-04", Decimal(0), Decimal(-60)),
        ("ib", "03-04", Decimal(60), Decimal(60)),
        ("other", "03-04", Decimal(60), Decimal(60)),
    ]
    assert verify_commissions() == []


def test_what_is_held_back_is_explained_and_follows_a_late_deposit(broker: Broker) -> None:
    """60 of CPA hold back 40 and 20, the rest is paid; a late deposit makes it 150, which holds all 120 back."""
    doc = document(cpa={"recover": True}, deals=trade(1, 5, "10") + trade(3, 6, "10") + trade(5, 7, "10"))
    world = played(doc)
    before = {pair.ticket: (given.amount, given.verdict) for pair, given in standing(world).items()}
    for judgement in Judgement.objects.all():
        why = why_deal(deal_id=judgement.deal_id)
        assert why is not None
        assert why.agrees

    play_late_deposit(world, deposit(2, "800.00"))

    assert before == {
        2: (Decimal(0), "cpa_recovered"), 4: (Decimal(20), "paid"), 6: (Decimal(40), "paid"),
    }  # fmt: skip
    after = {pair.ticket: (given.amount, given.verdict) for pair, given in standing(world).items()}
    assert after == {ticket: (Decimal(0), "cpa_recovered") for ticket in (2, 4, 6)}
    assert HeldBack.objects.aggregate(all=Sum("line"))["all"] == Decimal(120)
    assert verify_commissions() == []


def test_quiet_client_is_not_worked_out_again_for_every_deal(broker: Broker) -> None:
    world = played(document(deals=trade(1, 5, "1")))
    known = CpaClient.objects.get()
    before = known.stamp

    world.document.plain["deals"] += trade(11, 8, "5")
    for event in [event for event in _events(world) if event.order == 5 and event.at > at(8, 1)]:
        event.run()
    drain(world.server, at(9))

    known.refresh_from_db()
    assert (known.stamp, known.is_stale) == (before, False)


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_events_ends_as_one_delivery(seed: int, broker: Broker) -> None:
    random = Random(seed)
    doc = random_history(random)
    with transaction.atomic():
        once = end_state(played(doc))
        transaction.set_rollback(True)
    world = build_world(Document("cpa", "", {**doc, "moves": []}))
    world.document.plain["moves"] = doc["moves"]
    events = [event for event in _events(world) if event.order in (4, 5)]
    moves = [event for event in _events(world) if event.order == 3]
    random.shuffle(events)
    for event in [*events[:4], *moves, *events[4:]]:
        event.run()
        if random.random() < 0.5:
            drain(world.server, at(28))
    drain(world.server, at(28))

    assert end_state(world) == once
    assert verify_commissions() == []


def random_history(random: Random) -> dict[str, Any]:
    deposits = [deposit(day, random.choice(("150.00", "200.00", "900.00", "-300.00"))) for day in (2, 5, 9)]
    deals = [deal for ticket in range(1, 9, 2) for deal in trade(ticket, random.randint(2, 12), "7")]
    cpa = {"recover": random.random() < 0.7, "min_lots": random.choice(("0", "8"))}
    moves = [{"at": at(random.randint(3, 10), 13) + timedelta(minutes=1), "login": 1001, "ib": "other"}]
    return document(cpa=cpa, deposits=deposits, deals=deals, moves=moves)


def end_state(world: World) -> tuple[Any, ...]:
    accruals: dict[tuple[str, str], Decimal] = {}
    for code, day, _stands, booked in lines():
        accruals[code, day] = accruals.get((code, day), Decimal(0)) + booked
    return standing(world), {key: amount for key, amount in accruals.items() if amount}
