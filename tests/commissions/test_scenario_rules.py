"""The scenario files, judged by the pure calculation: every rule that needs no month and no settlement."""

from fractions import Fraction
from typing import Any

import pytest

from tests.commissions.plain_play import Play, documents

DOCUMENTS = {doc["scenario"]: doc for doc in documents()}


def needs_a_month(doc: dict[str, Any]) -> bool:
    """Whether a plan has tiers or CPA, or only statements are expected."""
    versions = [version for versions in doc["plans"].values() for version in versions]
    paid_by_month = any("tiers" in version or "cpa" in version for version in versions)
    return "error" not in doc["expect"] and (paid_by_month or "rebates" not in doc["expect"])


NEED_DELIVERY = {"D07", "D12"}  # when a rate was published, a deal deleted and sent again: plain_play knows the end
NEED_A_MONTH = {name for name, doc in DOCUMENTS.items() if needs_a_month(doc)} | NEED_DELIVERY


@pytest.mark.unit
@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - NEED_A_MONTH))
def test_scenario_pays_what_it_expects(name: str) -> None:
    doc: dict[str, Any] = DOCUMENTS[name]
    expect = doc["expect"]
    if "error" in expect:
        with pytest.raises(ValueError, match="Fault"):
            Play(doc)
        return

    got = Play(doc).run()

    paid = {key: (amount, currency) for key, (verdict, amount, currency) in got.items() if verdict == "paid"}
    assert paid == {(row["ticket"], row["to"]): (Fraction(row["amount"]), row["currency"]) for row in expect["rebates"]}
    for row in expect.get("verdicts", []):
        assert got[row["ticket"], row["to"]][0] == row["reason"]
