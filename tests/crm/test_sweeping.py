"""The recent past is read again within a minute, whatever the rounds' rhythm."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from crm.flows.sweeping import CYCLE, DEPTH, Slice, slices

pytestmark = pytest.mark.unit
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(40))
def test_every_moment_of_the_past_is_read_again_within_a_cycle(seed: int) -> None:
    chance = Random(seed)
    pauses = [chance.randrange(1, chance.choice((900, 3_000, 9_000))) for _round in range(600)]
    age_s = chance.randrange(700)
    deal_at = START - timedelta(seconds=age_s)
    read_at = [START]
    before = START
    for pause_ms in pauses:
        now = before + timedelta(milliseconds=pause_ms)
        if any(now - part.oldest <= deal_at < now - part.newest for part in slices(swept_at=before, now=now)):
            read_at.append(now)
        before = now
    last = min(before, deal_at + DEPTH)

    gaps = [later - earlier for earlier, later in zip(read_at, [*read_at[1:], last], strict=True)]

    assert max(gaps) <= CYCLE * 15 / 14 + timedelta(seconds=18)  # the edge meets a deal that ages; rounds take 9 s


def test_a_round_reads_what_the_edge_has_passed() -> None:
    now = START + timedelta(seconds=21)

    found = slices(swept_at=now - timedelta(seconds=1), now=now)

    assert found == [Slice(timedelta(seconds=315), timedelta(seconds=301))]


def test_a_round_in_a_new_cycle_ends_the_one_before_and_starts_at_the_present() -> None:
    now = START + timedelta(seconds=2)

    found = slices(swept_at=START - timedelta(seconds=1), now=now)

    assert found == [
        Slice(timedelta(seconds=902), timedelta(seconds=888)),
        Slice(timedelta(seconds=30), timedelta(0)),
    ]
