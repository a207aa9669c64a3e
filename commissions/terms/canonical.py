"""One writing of equal terms: sorted keys, plain decimals, defaults left out. Its hash names the terms for good."""

import hashlib
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from commissions.terms.types import (
    PERCENT_BASES,
    Base,
    BudgetOf,
    ChainBudget,
    Cpa,
    Rate,
    SpreadAt,
    Terms,
    Tiers,
    Upline,
    UplineMode,
)


def number_text(number: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros."""
    text = format(number.normalize(), "f")
    return "0" if text == "-0" else text


def canonical_json(terms: Terms) -> str:
    """Return the terms as JSON; equal terms give equal text, and it parses back to the same terms."""
    return json.dumps(terms_as_dict(terms), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def terms_hash(terms: Terms) -> UUID:
    """Return the first 128 bits of SHA-256 over the canonical JSON. Source: decision 0012."""
    return UUID(bytes=hashlib.sha256(canonical_json(terms).encode()).digest()[:16])


def terms_as_dict(terms: Terms) -> dict[str, Any]:
    """Return the terms as plain data in the words of the specification, defaults written out for the main keys."""
    plain: dict[str, Any] = {
        "count_on": terms.count_on.value,
        "close_by": terms.close_by.value,
        "rates": [_rate(row) for row in terms.rates],
        "upline": _upline(terms.upline),
        "min_hold_seconds": terms.min_hold_seconds,
        "exclude_reasons": sorted(terms.exclude_reasons),
        "self_trades": "pay" if terms.self_trades_pay else "exclude",
    }
    if terms.cap_per_order:
        plain["cap_per_order"] = {
            "amount": number_text(terms.cap_per_order.amount),
            "currency": terms.cap_per_order.currency,
        }
    if terms.chain_budget:
        plain["chain_budget"] = _budget(terms.chain_budget)
    if terms.client_rebate_percent is not None:
        plain["client_rebate"] = {"percent": number_text(terms.client_rebate_percent), "from": "own"}
    if terms.tiers:
        plain["tiers"] = _tiers(terms.tiers)
    if terms.cpa:
        plain["cpa"] = _cpa(terms.cpa)
    return plain


def _value_key(base: Base) -> str:
    if base in PERCENT_BASES:
        return "percent"
    return "points" if base is Base.POINTS else "rate"


def _rate(row: Rate) -> dict[str, Any]:
    plain: dict[str, Any] = {"base": row.base.value, _value_key(row.base): number_text(row.value)}
    if row.symbol is not None:
        plain["symbol"] = row.symbol
    elif row.symbol_group is not None:
        plain["symbol_group"] = row.symbol_group
    else:
        plain["any"] = True
    if row.mt_group is not None:
        plain["mt_group"] = row.mt_group
    if row.currency is not None:
        plain["currency"] = row.currency
    if row.at is not SpreadAt.OPEN:
        plain["at"] = row.at.value
    if row.cap_points is not None:
        plain["cap_points"] = number_text(row.cap_points)
    if row.include_swap:
        plain["include_swap"] = True
    if row.levels:
        plain["levels"] = {str(level): number_text(value) for level, value in row.levels}
    return plain


def _upline(upline: Upline) -> dict[str, Any]:
    plain: dict[str, Any] = {"mode": upline.mode.value, "inactive": upline.inactive.value}
    if upline.percent is not None:
        plain["percent"] = number_text(upline.percent)
    if upline.mode is UplineMode.PERCENT_OF_DIRECT:
        plain["percents"] = {str(level): number_text(value) for level, value in upline.percents}
    if upline.max_level is not None:
        plain["max_level"] = upline.max_level
    if upline.same_rank_percent is not None:
        plain["same_rank"] = {"percent": number_text(upline.same_rank_percent)}
    return plain


def _budget(budget: ChainBudget) -> dict[str, Any]:
    if budget.of is BudgetOf.PER_LOT:
        return {"per_lot": number_text(budget.value), "currency": budget.currency}
    return {"percent_of": budget.of.value, "percent": number_text(budget.value)}


def _tiers(tiers: Tiers) -> dict[str, Any]:
    steps = [{"from": number_text(step.start), "factor": number_text(step.factor)} for step in tiers.steps]
    return {
        "measure": tiers.measure.value,
        "scope": tiers.scope.value,
        "period": "month",
        "mode": tiers.mode.value,
        "steps": steps,
    }


def _cpa(cpa: Cpa) -> dict[str, Any]:
    steps = [{"net_deposit": number_text(step.net_deposit), "pay": number_text(step.pay)} for step in cpa.steps]
    return {
        "steps": steps,
        "currency": cpa.currency,
        "min_lots": number_text(cpa.min_lots),
        "recover": cpa.recover,
    }
