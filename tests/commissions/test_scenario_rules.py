"""The scenario files, judged by the pure calculation: every rule that needs no month and no settlement."""

from fractions import Fraction
from typing import Any

import pytest

from tests.commissions.plain_play import Play, documents

DOCUMENTS = {doc["scenario"]: doc for doc in documents()}
NEED_A_MONTH = {"M08", "A40", "X13"}  # tiers, CPA; X13 expects statements only


@pytest.mark.unit
@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - NEED_A_MONTH))
def test_scenario_pays_what_it_expects(name: str) -> None:
    doc: dict[str, Any] = DOCUMENTS[name]
    expect = doc["expect"]
    if "error" in expect:
        with pytest.raises(ValueError, match="NO_BASE"):
            Play(doc)
        return

    got = Play(doc).run()

    paid = {key: (amount, currency) for key, (verdict, amount, currency) in got.items() if verdict == "paid"}
    assert paid == {(row["ticket"], row["to"]): (Fraction(row["amount"]), row["currency"]) for row in expect["rebates"]}
    for row in expect.get("verdicts", []):
        assert got[row["ticket"], row["to"]][0] == row["reason"]
