"""Which terms must be refused: the specification's list for plan_invalid, one rule after the other."""

from fractions import Fraction

from tests.reference.positions import number
from tests.reference.world import Row

FIELDS = {
    "per_lot": ("rate", "currency"),
    "per_million": ("rate", "currency"),
    "points": ("points",),
    "spread": ("percent",),
    "commission": ("percent",),
    "profit": ("percent",),
    "revenue": ("percent",),
}
PERCENT_BASES = ("spread", "commission", "profit", "revenue")


def plan_faults(doc: Row) -> list[str]:
    """Return what is wrong with the document's versions; with anything, the plan must be refused when saved."""
    return [fault for versions in (doc.get("plans") or {}).values() for terms in versions for fault in faults(terms)]


def faults(terms: Row) -> list[str]:
    found = _row_faults(terms)
    found += _upline_faults(terms.get("upline") or {})
    found += _tier_faults(terms.get("tiers"))
    shares = [(terms.get("client_rebate") or {}).get("percent"), (terms.get("chain_budget") or {}).get("percent")]
    found += ["a share over 100" for share in shares if share is not None and number(share) > 100]
    for key, amount in (("cap_per_order", "amount"), ("chain_budget", "per_lot"), ("cpa", "steps")):
        if amount in (terms.get(key) or {}) and not terms[key].get("currency"):
            found.append("an amount without its currency")
    return found + ["a negative number" for value in _numbers(terms) if value < 0]


def _row_faults(terms: Row) -> list[str]:
    found, keys = [], set()
    for row in terms.get("rates") or []:
        key = tuple(str(row.get(name)) for name in ("symbol", "symbol_group", "any", "mt_group"))
        if key in keys:
            found.append("the same key as another")
        keys.add(key)
        if row.get("base") not in FIELDS:
            found.append("a row without a base")
            continue
        found += ["without a field its base needs" for name in FIELDS[row["base"]] if row.get(name) is None]
        if row.get("at", "open") != "open" and terms.get("count_on", "close") != "close":
            found.append("at: close or half_and_half without count_on: close")
        if row["base"] in PERCENT_BASES:
            shares = [row.get("percent"), *(row.get("levels") or {}).values()]
            found += ["a share over 100" for share in shares if share is not None and number(share) > 100]
    return found


def _upline_faults(upline: Row) -> list[str]:
    found, mode = [], upline.get("mode", "none")
    if mode == "percent_of_child" and upline.get("percent") is None:
        found.append("a mode without its percent")
    if mode == "percent_of_direct" and not upline.get("percents"):
        found.append("a mode without its percents")
    if "same_rank" in upline and mode != "difference":
        found.append("same_rank without difference")
    shares = [upline.get("percent"), *(upline.get("percents") or {}).values()]
    shares.append((upline.get("same_rank") or {}).get("percent"))
    return found + ["a share over 100" for share in shares if share is not None and number(share) > 100]


def _tier_faults(tiers: Row | None) -> list[str]:
    if not tiers:
        return []
    found = []
    starts = [number(step["from"]) for step in tiers.get("steps") or []]
    if starts[:1] != [0] or starts != sorted(set(starts)):
        found.append("tier steps not rising from 0")
    if tiers.get("mode") == "marginal" and tiers.get("measure") == "active_clients":
        found.append("marginal with active_clients")
    return found


def _numbers(value: object) -> list[Fraction]:
    if isinstance(value, dict):
        return [found for key, inner in value.items() if key != "effective_from" for found in _numbers(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _numbers(inner)]
    try:
        return [] if isinstance(value, bool) else [number(value)]
    except ValueError:
        return []
