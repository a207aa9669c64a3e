"""The engine on the database against the reference: random documents as they happen, and in any order of delivery."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from commissions.judging import writing
from commissions.models import IbDay, Judgement, Payee
from commissions.services import judge_next_batch, rejudge_next_batch
from crm.scenarios.documents import Document
from crm.scenarios.outcome import read_pairs
from crm.scenarios.player import _events, _record, deal_row, play
from crm.scenarios.world import ACTOR, World, build_world
from tenancy.models import Broker
from tests.commissions.random_documents import random_document
from tests.reference import Result, judge_document
from tests.reference import World as ReferenceWorld
from trading.cursor import get_cursor
from trading.services import set_lot_factor
from trading.types import DealKey

pytestmark = pytest.mark.integration
NOW = datetime.fromisoformat("2026-03-10T00:00:00+00:00")


def stored(world: World, doc: dict[str, Any]) -> Result:
    """Return what stands for the deals that still exist; the others must stand at nothing."""
    pairs = read_pairs(world)
    live = {deal["ticket"] for deal in ReferenceWorld(doc).deals}
    assert all(given.amount == 0 for pair, given in pairs.items() if pair.ticket not in live)
    return {
        (pair.ticket, pair.to): (given.verdict, Fraction(given.amount), given.currency)
        for pair, given in pairs.items()
        if pair.ticket in live and given.verdict not in ("not_counted", "deal_removed")
    }


def expected(doc: dict[str, Any]) -> Result:
    return judge_document(doc)


def assert_books_agree() -> None:
    """Live lines, roll-up and ledger say the same for every payee, and there is one live judgement per deal."""
    lines: dict[int, Decimal] = {}
    live: dict[int, Judgement] = {}
    for row in Judgement.objects.order_by("deal_id", "revision"):
        live[row.deal_id] = row
    for row in live.values():
        for payee, amount in zip(row.payee, row.amount_e8, strict=True):
            lines[payee] = lines.get(payee, Decimal(0)) + Decimal(amount).scaleb(-8)
    days: dict[int, Decimal] = {}
    for payee, amount in IbDay.objects.values_list("payee_id", "amount"):
        days[payee] = days.get(payee, Decimal(0)) + amount
    ledger = {}
    for payee in Payee.objects.all():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(CASE WHEN side = 'C' THEN amount ELSE -amount END), 0) FROM ledger_posting "
                "WHERE ledger_account_id = %s",
                [payee.ledger_account_id],
            )
            (ledger[payee.pk],) = cursor.fetchone()
    nonzero = {payee: total for payee, total in lines.items() if total}
    assert {payee: total for payee, total in days.items() if total} == nonzero
    assert {payee: total for payee, total in ledger.items() if total} == nonzero


@pytest.mark.parametrize("seed", range(16))
def test_events_in_time_order_end_as_the_reference_says(seed: int, broker: Broker) -> None:
    doc = random_document(Random(seed), lots_only=seed % 2 == 0)

    world = play(Document("random", "", doc))

    assert stored(world, doc) == expected(doc)
    assert_books_agree()


def test_days_that_are_new_are_added_and_others_merged(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the question asked for every batch, the first one of a day adds, the later ones merge."""
    monkeypatch.setattr(writing, "LARGE", 1)
    doc = random_document(Random(40))

    world = play(Document("random", "", doc))

    assert stored(world, doc) == expected(doc)
    assert_books_agree()
    assert IbDay.objects.exists()


def deliver_in_some_order(world: World, doc: dict[str, Any], random: Random) -> None:
    """Bring all deals shuffled, in pieces, some twice, each edit after its deal; judge in batches of any size."""
    rows = [deal_row(world, deal) for deal in doc["deals"]]
    random.shuffle(rows)
    rows += random.sample(rows, len(rows) // 3)
    while rows:
        size = random.randint(1, 6)
        _record(world, rows[:size], NOW)
        rows = rows[size:]
        if random.random() < 0.5:
            drain(world, random)
    edited = {deal["ticket"]: deal for deal in doc["deals"]}
    for change in doc["changes"]:
        if "lot_factor" in change:
            group, factor = world.groups[change["mt_group"]], Decimal(change["lot_factor"])
            set_lot_factor(mt_group=group, lot_factor=factor, actor=ACTOR, now=NOW)
        elif change.get("deleted"):
            _record(world, [], NOW, gone=[DealKey(change["ticket"], 0)])
        else:
            row = {**edited[change["ticket"]], **{key: value for key, value in change.items() if key != "at"}}
            _record(world, [deal_row(world, row)], NOW)
        if random.random() < 0.4:
            drain(world, random)
    drain(world, random)


def drain(world: World, random: Random) -> None:
    limit = random.choice((1, 2, 5, 100))
    while judge_next_batch(server_id=world.server.pk, limit=limit, now=NOW):
        pass
    while rejudge_next_batch(server_id=world.server.pk, limit=limit, now=NOW):
        pass


def world_without_deals(doc: dict[str, Any]) -> World:
    """Build the document's broker with everything known but its deals."""
    world = build_world(Document("random", "", doc))
    for event in _events(world):
        if event.order in (0, 3):  # rates and moves; deals come below
            event.run()
    return world


def check_one_order(world: World, doc: dict[str, Any], random: Random) -> None:
    deliver_in_some_order(world, doc, random)

    assert stored(world, doc) == expected(doc)
    assert_books_agree()
    before = Judgement.objects.count()
    drain(world, random)
    assert Judgement.objects.count() == before
    assert get_cursor(world.server.pk).judged_id > 0


def test_fifty_orders_of_the_same_deals_end_as_the_reference_says(broker: Broker) -> None:
    doc = random_document(Random(40))
    world = world_without_deals(doc)
    assert len({amount for _verdict, amount, _currency in expected(doc).values()}) > 4
    assert doc["changes"]

    @settings(max_examples=50, deadline=None)
    @given(random=st.randoms(use_true_random=False))
    def check(random: Random) -> None:
        with transaction.atomic():
            check_one_order(world, doc, random)
            transaction.set_rollback(True)

    check()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_delivery_ends_as_the_reference_says(seed: int, broker: Broker) -> None:
    doc = random_document(Random(seed), lots_only=seed % 3 == 0)

    check_one_order(world_without_deals(doc), doc, Random(seed))


def test_moves_and_versions_into_the_past_end_as_if_known_before(broker: Broker) -> None:
    for seed in range(100, 106):
        doc = random_document(Random(seed))
        with transaction.atomic():
            world = build_world(Document("random", "", {**doc, "moves": []}))
            deals = [event for event in _events(world) if event.order in (0, 5)]
            for event in deals:
                event.run()
            drain(world, Random(seed))
            world.document.plain["moves"] = doc["moves"]
            for event in _events(world):
                if event.order in (1, 3, 6):
                    event.run()
                    drain(world, Random(seed))

            assert stored(world, doc) == expected(doc)
            assert_books_agree()
            transaction.set_rollback(True)


def test_late_moment_of_a_document_is_after_its_deals() -> None:
    doc = random_document(Random(1))

    assert max(deal["at"] for deal in doc["deals"]) < NOW - timedelta(days=1)
