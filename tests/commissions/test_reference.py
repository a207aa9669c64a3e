"""The exact calculation against the reference: the scenario files, and random documents."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commissions.plain_play import Play, documents
from tests.commissions.random_documents import random_document
from tests.commissions.test_scenario_rules import NEED_A_MONTH
from tests.reference import Result, judge_document

pytestmark = pytest.mark.unit
DOCUMENTS = {doc["scenario"]: doc for doc in documents()}


def engine(doc: dict[str, Any]) -> Result:
    return {key: given for key, given in Play(doc).run().items() if given[0] != "not_counted"}


@pytest.mark.parametrize(
    "name", sorted(name for name in set(DOCUMENTS) - NEED_A_MONTH if "error" not in DOCUMENTS[name]["expect"])
)
def test_reference_reads_the_scenario_files_alike(name: str) -> None:
    assert judge_document(DOCUMENTS[name]) == engine(DOCUMENTS[name])


@settings(max_examples=300, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_calculation_equals_the_reference(random: Random) -> None:
    document = random_document(random)

    assert engine(document) == judge_document(document)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**63))
def test_calculation_equals_the_reference_for_long(seed: int) -> None:
    document = random_document(Random(seed), deals=12)

    assert engine(document) == judge_document(document)
