"""Corrections: what the preview shows is what is booked, two people decide, and a moved world asks again."""

from datetime import datetime
from random import Random

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from access.services import approve
from access.types import Actor
from commissions.enums import CorrectionState
from commissions.verify import verify_commissions
from commissions.whatif.corrections import ask_for_correction, make_change
from core.errors import DomainError
from tenancy.models import Broker
from tests.commissions.random_documents import START
from tests.commissions.random_tiers import LAST_HOUR
from tests.commissions.whatif.world import (
    LATER,
    NOW,
    difference,
    drain,
    previewed,
    random_changes,
    random_world,
    run_jobs,
    staff,
    stands,
    world_with_everything,
)

pytestmark = pytest.mark.integration


def correct_at_random(random: Random, asking: Actor, deciding: Actor, *, start: datetime, now: datetime) -> bool:
    """Make a random change of a random past by two people; return whether money moved."""
    world = random_world(random) if start == START else world_with_everything(random)
    before = stands()
    try:
        correction = make_change(changes=random_changes(random, world, start=start), actor=asking, now=now)
    except DomainError:
        return False
    if correction is None:
        drain(world, now)
        assert stands() == before
        return False
    run_jobs(now)
    correction.refresh_from_db()
    assert correction.state == CorrectionState.READY
    assert stands() == before
    approval = ask_for_correction(correction=correction, reason="agreed", actor=asking, now=now)
    approve(approval=approval, actor=deciding, now=now)
    drain(world, now)

    assert previewed(correction) == difference(before, stands())
    assert verify_commissions() == []
    return bool(previewed(correction))


@pytest.mark.parametrize(
    ("start", "now", "examples"),
    [
        pytest.param(START, NOW, 7, id="plain"),
        pytest.param(LAST_HOUR, LATER, 6, id="tiers and CPA"),
        pytest.param(LAST_HOUR, LATER, 300, id="tiers and CPA, long", marks=pytest.mark.soak),
    ],
)
def test_what_a_preview_shows_is_what_is_booked(broker: Broker, start: datetime, now: datetime, examples: int) -> None:
    moved = []
    asking, deciding = staff("asking"), staff("deciding")

    @settings(max_examples=examples, deadline=None, phases=(Phase.reuse, Phase.generate))  # a seed cannot be shrunk
    @given(seed=st.integers(0, 10**9))
    def check(seed: int) -> None:
        with transaction.atomic():
            moved.append(correct_at_random(Random(seed), asking, deciding, start=start, now=now))
            transaction.set_rollback(True)

    check()
    assert any(moved)
