"""The MT group of each deal's own time, for accounts that changed theirs never, once or many times."""

from random import Random

import numpy as np
import pytest

from commissions.judging.groups import Groups

NOW = 9  # the group that every account is in now
FIELDS = [("account", "<i8"), ("mt_group", "<i8"), ("until_us", "<i8")]


def plain(former: list[tuple[int, int, int]], account: int, at_us: int) -> int:
    """Return the group by reading all of them: the one that was left first after the moment."""
    after = [(until, group) for owner, group, until in former if owner == account and at_us < until]
    return min(after)[1] if after else NOW


@pytest.mark.parametrize("seed", range(20))
def test_each_deal_has_the_group_of_its_time(seed: int) -> None:
    random = Random(seed)
    accounts = sorted(random.sample(range(1, 60), 12))
    changes = {account: random.sample(range(100), random.choice((0, 0, 1, 2, 7))) for account in accounts}
    former = [(account, random.randrange(4), until) for account in accounts for until in sorted(changes[account])[::-1]]
    groups = Groups(np.array(accounts), np.full(12, NOW), np.array(former, dtype=FIELDS))
    places, at_us = (
        np.array(random.choices(range(12), k=200)),
        np.array([random.randrange(-5, 105) for _deal in range(200)]),
    )

    found = groups.at(places, at_us)

    wanted = [plain(former, accounts[place], at) for place, at in zip(places.tolist(), at_us.tolist(), strict=True)]
    one_by_one = [groups.of_deal(place, at) for place, at in zip(places.tolist(), at_us.tolist(), strict=True)]
    assert found.tolist() == one_by_one == wanted


def test_no_deals_and_no_former_groups() -> None:
    groups = Groups(np.array([3, 5]), np.array([NOW, 8]), np.array([], dtype=FIELDS))

    assert groups.at(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []
    assert groups.at(np.array([1, 0, 1]), np.array([0, 1, 2])).tolist() == [8, NOW, 8]
