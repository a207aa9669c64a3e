"""Random documents with everything in them: tiers, CPA, settlements, and knowledge that comes late."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.commissions.random_documents import CURRENCIES, _terms
from tests.commissions.random_tiers import LAST_HOUR, document_with_tiers

SETTLEMENTS = (
    {"period": "2026-03", "at": datetime(2026, 4, 1, 0, 10, tzinfo=UTC)},
    {"period": "2026-04", "at": datetime(2026, 5, 2, tzinfo=UTC)},
    {"period": "2026-05", "at": datetime(2026, 6, 1, 0, 0, 1, tzinfo=UTC)},
)
DEPTH = 30


def random_play(random: Random, *, deals: int = 10) -> dict[str, Any]:
    """Return a document without expectations; its deals lie around midnight of 31 March."""
    doc = document_with_tiers(random, deals=deals)
    doc["settle"] = [dict(row) for row in SETTLEMENTS]
    if random.random() < 0.3:
        _deepen(random, doc)
    for versions in doc["plans"].values():
        for version in versions:
            if random.random() < 0.5:
                version["cpa"] = _cpa(random)
        if random.random() < 0.4:
            late = {"effective_from": _moment(random), "published_at": _later(random), **_terms(random, False)}
            versions.append(late)
    for row in doc["fx"]:
        if random.random() < 0.25:
            row["published_at"] = row["at"] + timedelta(hours=random.choice((1, 30, 24 * 20)))
    doc["deposits"] = _deposits(random, doc)
    doc["changes"] += _later_changes(random, doc)
    return doc


def _moment(random: Random) -> datetime:
    return LAST_HOUR + timedelta(minutes=random.randint(-5, 60))


def _later(random: Random) -> datetime:
    return datetime(2026, 4, 2, tzinfo=UTC) + timedelta(hours=random.randint(0, 24 * 50))


def _deepen(random: Random, doc: dict[str, Any]) -> None:
    """Put a line of IBs above the topmost first one, up to a depth that people do not draw."""
    below = doc["ibs"][0]
    plans = list(doc["plans"])
    for number in range(random.randint(5, DEPTH - 6)):
        above = {"code": f"up{number}", "currency": random.choice(CURRENCIES), "plan": random.choice(plans)}
        if random.random() < 0.5:
            above["rank"] = random.randint(1, 3)
        doc["ibs"].append(above)
        below["parent"] = above["code"]
        below = above


def _cpa(random: Random) -> dict[str, Any]:
    cpa: dict[str, Any] = {
        "steps": random.choice(
            (
                [{"net_deposit": "100", "pay": "3"}, {"net_deposit": "500", "pay": "7.5"}],
                [{"net_deposit": "0", "pay": "1"}, {"net_deposit": "250.5", "pay": "20"}],
            )
        ),
        "currency": random.choice(("USD", "USD", "EUR")),
    }
    if random.random() < 0.4:
        cpa["min_lots"] = random.choice(("0.5", "2"))
    if random.random() < 0.6:
        cpa["recover"] = True
    return cpa


def _deposits(random: Random, doc: dict[str, Any]) -> list[dict[str, Any]]:
    deposits = []
    for client in doc["clients"]:
        currency = doc["mt_groups"][client["group"]]["currency"]
        for _number in range(random.randint(0, 4)):
            amount = random.choice(("100.00", "99.99", "300.00", "800.00", "-150.00", "-0.01"))
            at = LAST_HOUR + timedelta(minutes=random.randint(-3000, 60))
            deposits.append({"login": client["login"], "amount": amount, "currency": currency, "at": at})
    return deposits


def _later_changes(random: Random, doc: dict[str, Any]) -> list[dict[str, Any]]:
    """What the server does to its history after it was settled; also twice to one deal."""
    changes: list[dict[str, Any]] = []
    for _number in range(random.randint(0, 4)):
        deal = random.choice(doc["deals"])
        what = random.choice(
            ({"lots": "0.7"}, {"lots": "5"}, {"commission": "-8.00"}, {"deleted": True}, {"profit": "31.00"})
        )
        changes.append({"at": _later(random), "ticket": deal["ticket"], **what})
    return changes
