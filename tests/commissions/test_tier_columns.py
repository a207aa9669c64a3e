"""What deals add to the months of tiers: by columns as one by one, for every IB of a chain and every version."""

from random import Random
from typing import Any

import pytest
from django.db import transaction

from commissions.judging.book import open_book
from commissions.judging.deals import is_trade, read_new
from commissions.judging.measures import MonthKey, TierState
from commissions.judging.places import chains_of
from commissions.judging.weighing import Weighed, count, groups_of
from tenancy.models import Broker
from tests.commissions.random_tiers import document_with_tiers
from tests.commissions.test_both_paths import store

pytestmark = pytest.mark.integration


def counted_both_ways(document: dict[str, Any]) -> int:
    """Count the deals both ways, compare, and return how many entries there were."""
    world = store(document)
    rows = read_new(server_id=world.server.pk, after_id=0, limit=10_000)
    rows = rows[is_trade(rows)]
    book = open_book(rows)
    chain = chains_of(rows, book)
    groups = groups_of(rows, chain, book)
    versions = {pk: version for pk, version in book.memory.versions.items() if version.terms.tiers}
    places = {(ib_id, group.month) for group in groups for ib_id in group.chain.ib_ids}
    keys = sorted(MonthKey(ib_id, pk, month) for ib_id, month in places for pk in versions)
    states = {key: TierState(n, key, versions[key.version_id].terms.tiers, 0) for n, key in enumerate(keys, 1)}  # type: ignore[arg-type]
    found = []
    for one_by_one in (False, True):
        weighed = Weighed(chain, versions, states)
        count(weighed, rows, groups, book, one_by_one=one_by_one)
        found.append(({pk: entries for pk, entries in weighed.entries.items() if entries}, weighed.waits))
    assert found[0] == found[1]
    return sum(map(len, found[0][0].values()))


def test_columns_count_what_each_deal_adds(broker: Broker) -> None:
    total = 0
    for seed in range(12):
        with transaction.atomic():
            total += counted_both_ways(document_with_tiers(Random(seed), deals=24))
            transaction.set_rollback(True)

    assert total > 500
