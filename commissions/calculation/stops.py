"""What an explanation says beside a verdict: the facts that stopped the deal, so that a reader sees what lacked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

from commissions.calculation.entitlement import Turn
from commissions.calculation.facts import ZERO, Part, PartKind
from commissions.calculation.verdicts import HELD, Verdict

_MICROSECOND = timedelta(microseconds=1)


def stop_values(turn: Turn, verdict: Verdict, *, counted: Sequence[Part] = (), missing: str = "") -> dict[str, Any]:
    """Return the values of the step `stopped`: always `verdict`, and what decided it.

    `missing`: what `no_fx_rate` and `missing_data` lack: a currency, `quote` or `opening_deal`."""
    found: dict[str, Any] = {"verdict": verdict.code, "level": turn.level}
    if verdict in HELD:
        found["missing"] = missing
    found.update(_FACTS.get(verdict, _nothing)(turn, counted))
    return found


def counted_values(parts: Sequence[Part], lot_factor: Fraction | None) -> dict[str, Any]:
    """Return the values of the step `counted`: the parts that the plan counts and their lots by the lot factor."""
    total = sum((part.lots for part in parts), ZERO)
    return {
        "parts": [{"part": part.kind.value, "lots": part.lots, "held_seconds": _held(part)} for part in parts],
        "server_lots": total,
        "lot_factor": lot_factor,
        "lots": None if lot_factor is None else total * lot_factor,
    }


def _held(part: Part) -> Fraction | None:
    return None if part.held_for is None else Fraction(part.held_for // _MICROSECOND, 1_000_000)


def _nothing(_turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {}


def _too_short(turn: Turn, counted: Sequence[Part]) -> Mapping[str, Any]:
    held = [_held(part) for part in counted if part.kind is not PartKind.OPENING and part.held_for is not None]
    return {"held_seconds": held[0] if held else None, "min_hold_seconds": turn.terms.min_hold_seconds}


def _no_rate(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    symbol = turn.deal.symbol
    return {
        "has_version": turn.member.terms is not None,
        "symbol": symbol.name,
        "symbol_group": symbol.group,
        "mt_group": turn.deal.mt_group,
    }


def _not_covered(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"max_level": turn.terms.upline.max_level, "mode": turn.terms.upline.mode.value}


def _reason(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"reason": turn.deal.reason, "excluded": sorted(turn.terms.exclude_reasons)}


def _mode(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"mode": turn.terms.upline.mode.value}


def _base(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"base": turn.row.base.value if turn.row else None}


def _counts(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"count_on": turn.terms.count_on.value}


def _factor(turn: Turn, _counted: Sequence[Part]) -> Mapping[str, Any]:
    return {"mt_group": turn.deal.mt_group}


_FACTS: dict[Verdict, Callable[[Turn, Sequence[Part]], Mapping[str, Any]]] = {
    Verdict.NOT_COUNTED: _counts,
    Verdict.BELOW_MIN_HOLD: _too_short,
    Verdict.NO_RATE: _no_rate,
    Verdict.LEVEL_NOT_COVERED: _not_covered,
    Verdict.EXCLUDED_REASON: _reason,
    Verdict.NOT_ENTITLED: _mode,
    Verdict.ZERO_BASE: _base,
    Verdict.UNKNOWN_LOT_FACTOR: _factor,
}
