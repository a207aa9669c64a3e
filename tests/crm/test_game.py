"""The game: a random document played by the engine on the database and by the reference; both must say the same.

Rebates, verdicts and statements, with tiers, CPA, advances, settlements, deep trees, and everything that comes late."""

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from commissions.verify import verify_commissions
from crm.scenarios.documents import Document
from crm.scenarios.player import play
from crm.scenarios.settling import stored_figures
from ledger.verify import verify_ledger
from tenancy.models import Broker
from tests import reference
from tests.crm.test_judging_orders import stored
from tests.reference.random_plays import random_play


def assert_both_say_the_same(doc: dict[str, Any]) -> None:
    world = play(Document("random", "", doc))

    assert stored(world, doc) == reference.judge_document(doc)
    stated = {key: _figures(*key) for key in reference.statements(doc)}
    assert stated == reference.statements(doc)
    assert verify_commissions() == []
    assert verify_ledger() == []


def _figures(period: str, payee: str) -> tuple[Fraction, Fraction]:
    total, carried = stored_figures({"period": period, "to": payee}) or ("0", "0")
    return Fraction(Decimal(total)), Fraction(Decimal(carried))


@pytest.mark.integration
@pytest.mark.parametrize("seed", [12, 19, 22, 25])  # advances, budgets, chains of 20 and more, many verdicts
def test_engine_and_reference_say_the_same(seed: int, broker: Broker) -> None:
    assert_both_say_the_same(random_play(Random(seed)))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_engine_and_reference_say_the_same_for_long(broker: Broker) -> None:
    @settings(max_examples=3_000, deadline=None)
    @given(seed=st.integers(min_value=0, max_value=2**63))
    def check(seed: int) -> None:
        with transaction.atomic():
            assert_both_say_the_same(random_play(Random(seed), deals=14))
            transaction.set_rollback(True)

    check()
