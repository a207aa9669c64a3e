"""Tiers on the database: however deals arrive, the end is that of the final history delivered once, and explained."""

from datetime import UTC
from itertools import islice
from random import Random
from typing import Any

import pytest
from django.db import transaction

from commissions.explaining import why_deal
from commissions.models import Judgement, TierMonth
from crm.scenarios.documents import Document
from crm.scenarios.outcome import Given, Pair, read_pairs
from crm.scenarios.player import _events, play
from crm.scenarios.world import World, build_world
from tenancy.models import Broker
from tests.commissions.random_documents import random_document
from tests.commissions.random_tiers import document_with_tiers
from tests.crm.test_judging_orders import assert_books_agree, deliver_in_some_order, drain, world_without_deals
from trading.models import Deal

pytestmark = pytest.mark.integration


def standing(world: World) -> dict[Pair, Given]:
    """Return what stands, without the deals and payees for whom nothing does."""
    gone = ("not_counted", "deal_removed")
    return {pair: given for pair, given in read_pairs(world).items() if given.amount or given.verdict not in gone}


def delivered_once(doc: dict[str, Any]) -> dict[Pair, Given]:
    """Play the document in order, look, and take it back."""
    with transaction.atomic():
        found = standing(play(Document("random", "", doc)))
        transaction.set_rollback(True)
    return found


def assert_explained() -> None:
    """Every stored line is what the calculation says in slow motion."""
    for deal_id in Judgement.objects.values_list("deal_id", flat=True).distinct():
        why = why_deal(deal_id=deal_id)
        assert why is not None
        assert why.agrees, why


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_delivery_ends_as_one_delivery(seed: int, broker: Broker) -> None:
    doc = document_with_tiers(Random(seed), lots_only=seed % 2 == 0, deals=10)
    once = delivered_once(doc)

    for order in range(2):
        with transaction.atomic():
            world = world_without_deals(doc)
            deliver_in_some_order(world, doc, Random(order))

            assert standing(world) == once
            assert_books_agree()
            if order:
                assert_explained()
            before = Judgement.objects.count()
            drain(world, Random(order))
            assert Judgement.objects.count() == before
            transaction.set_rollback(True)


def test_moves_and_versions_into_the_past_end_as_if_known_before(broker: Broker) -> None:
    documents = ((seed, document_with_tiers(Random(seed))) for seed in range(200, 300))
    for seed, doc in islice(((seed, doc) for seed, doc in documents if doc["moves"] and doc["deals"]), 4):
        once = delivered_once(doc)
        with transaction.atomic():
            world = build_world(Document("random", "", {**doc, "moves": []}))
            for event in [event for event in _events(world) if event.order in (0, 5)]:
                event.run()
            drain(world, Random(seed))
            world.document.plain["moves"] = doc["moves"]
            for event in _events(world):
                if event.order in (1, 3, 6):
                    event.run()
                    drain(world, Random(seed))

            assert standing(world) == once
            assert_books_agree()
            transaction.set_rollback(True)


def test_factors_are_taken_in_these_documents(broker: Broker) -> None:
    """What the tests above prove is about something: many deals take factors, and some are split."""
    play(Document("random", "", document_with_tiers(Random(2), lots_only=True, deals=10)))

    assert TierMonth.objects.filter(measure__gt=0).exists()
    explained = [why_deal(deal_id=pk) for pk in Deal.objects.filter(revision=0).values_list("pk", flat=True)]
    outcomes = [payee.outcome for why in explained if why for payee in why.payees if payee.outcome]
    steps = [step for outcome in outcomes for step in outcome.steps]
    factors = {step.values["factor"] for step in steps if step.code == "tier"}
    assert factors


def test_a_broker_without_tiers_keeps_nothing(broker: Broker) -> None:
    play(Document("random", "", random_document(Random(3))))

    assert not TierMonth.objects.exists()


def test_documents_cross_a_months_end() -> None:
    """Of those that the tests above play, some have deals in both months: where measures begin anew."""
    documents = [document_with_tiers(Random(seed), lots_only=seed % 2 == 0, deals=10) for seed in range(6)]

    months = [{deal["at"].astimezone(UTC).month for deal in doc["deals"]} for doc in documents]
    assert {3, 4} in months
