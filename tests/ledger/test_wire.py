"""Fingerprints and rows of the ledger's bulk path."""

import hashlib
from datetime import UTC, datetime

import pytest

from ledger import wire

pytestmark = pytest.mark.unit

AT = datetime(2026, 3, 2, 10, 30, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize("reverses_id", [None, 12])
def test_a_fingerprint_is_that_of_the_whole_canonical_request(reverses_id: int | None) -> None:
    params = {"reason": 'ü "quoted"', "batch_id": 5}
    postings = [(7, "D", 1_234), (9, "C", 1_234)]
    at_us = (AT - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000
    whole = wire.compact_json(["rebate_accrual", round(at_us), "words", params, postings, reverses_id])

    head = wire.fingerprint_head(kind="rebate_accrual", at=AT, description="words", params=params)

    assert wire.fingerprint(head, postings, reverses_id) == hashlib.sha256(whole.encode()).digest()[:16]


def test_postings_of_different_amounts_keep_their_own() -> None:
    together = wire.posting_rows(3, [(7, "D", 10**8), (8, "C", 10**8), (9, "C", 5)])

    assert [row[-len(wire.numeric(units)) :] for row, units in zip(together, (10**8, 10**8, 5), strict=True)] == [
        wire.numeric(10**8), wire.numeric(10**8), wire.numeric(5)
    ]  # fmt: skip
