"""Random documents whose plans have tiers, over midnight of a month's end."""

from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.commissions.random_documents import START, random_document

LAST_HOUR = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
_STEPS = (
    [{"from": "0", "factor": "1"}, {"from": "2", "factor": "1.5"}, {"from": "4.5", "factor": "2"}],
    [{"from": "0", "factor": "0.3"}, {"from": "1", "factor": "1"}],
    [{"from": "0", "factor": "0"}, {"from": "3", "factor": "1.25"}],
)
_USD_STEPS = [{"from": "0", "factor": "1"}, {"from": "110000", "factor": "1.1"}, {"from": "400000", "factor": "3"}]


def document_with_tiers(random: Random, **options: Any) -> dict[str, Any]:
    """Return a random document with tiers in most plan versions."""
    doc = shifted(random_document(random, **options))
    for versions in doc["plans"].values():
        for version in versions:
            if random.random() < 0.8:
                version["tiers"] = _tiers(random)
    return doc


def _tiers(random: Random) -> dict[str, Any]:
    mode = random.choice(("whole_period", "marginal", "marginal", "next_period"))
    measures = ["lots", "lots", "notional_usd"] + (["active_clients"] if mode != "marginal" else [])
    measure = random.choice(measures)
    steps = _USD_STEPS if measure == "notional_usd" else random.choice(_STEPS)
    return {
        "measure": measure, "scope": random.choice(("direct", "network")), "period": "month", "mode": mode,
        "steps": steps,
    }  # fmt: skip


def shifted(value: Any) -> Any:
    """Return the document with every time moved by as much as its first deals are before the month's end."""
    if isinstance(value, dict):
        return {key: shifted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shifted(inner) for inner in value]
    return value + (LAST_HOUR - START) if isinstance(value, datetime) else value
