"""Between a sheet and the terms that it says. Only `commissions.terms` judges what is right; here every fault finds
the input that caused it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from backoffice.sheet.types import SINGLE, STEPS, Line, Sheet, cell_name, line_input, step_input
from commissions.errors import fault_sentence
from commissions.terms import Fault

Plain = dict[str, Any]
_VALUE_KEYS = {"per_lot": "rate", "per_million": "rate", "points": "points"}  # all others: percent
_PER_AMOUNT = frozenset({"per_lot", "per_million"})
_LEVEL = re.compile(r"[1-9]\d{0,2}")


@dataclass(slots=True)
class Written:
    """Terms as a sheet says them. `places`: path of the terms → name of the input; `problems`: what cannot even be
    said in terms, by input."""

    terms: Plain = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, name: str, sentence: str) -> None:
        self.problems.setdefault(name, []).append(sentence)


def write_terms(sheet: Sheet) -> Written:
    """Return the terms that the sheet says, each value as text, nothing checked but what would be lost unseen."""
    said, written = sheet.single, Written()
    written.terms = {
        "count_on": said["count_on"],
        "close_by": said["close_by"],
        "self_trades": said["self_trades"],
        "exclude_reasons": sheet.reasons,
        "rates": _rates(sheet, written),
        "upline": _upline(sheet, written),
    }
    written.places |= {name: name for name in ("count_on", "close_by", "self_trades")}
    _once(written, "min_hold_seconds", "min_hold_seconds", said["min_hold_seconds"])
    if said["cap_amount"] or said["cap_currency"]:
        _table(written, "cap_per_order", {"amount": "cap_amount", "currency": "cap_currency"}, said)
    if said["budget_of"] == "per_lot":
        _table(written, "chain_budget", {"per_lot": "budget_value", "currency": "budget_currency"}, said)
    elif said["budget_of"]:
        _table(written, "chain_budget", {"percent_of": "budget_of", "percent": "budget_value"}, said)
    if said["client_percent"]:
        _table(written, "client_rebate", {"percent": "client_percent"}, said)
    _tiers(sheet, written)
    _cpa(sheet, written)
    return written


def errors_by_input(written: Written, faults: Iterable[Fault]) -> dict[str, list[str]]:
    """Return the sentences of all faults by the name of the input that each stands beside; "" has none."""
    errors = {name: list(sentences) for name, sentences in written.problems.items()}
    for fault in faults:
        name = _place(written.places, fault.field)
        if name in written.problems:
            continue
        sentence = fault_sentence(fault) if name else f"{fault.field}: {fault_sentence(fault)}"
        if sentence not in errors.setdefault(name, []):
            errors[name].append(sentence)
    return errors


def _place(places: Mapping[str, str], path: str) -> str:
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places.get(path, "")


def _once(written: Written, key: str, name: str, text: str) -> None:
    written.places[key] = name
    if text:
        written.terms[key] = text


def _table(written: Written, key: str, inputs: Mapping[str, str], said: Mapping[str, str]) -> Plain:
    """Say one table of the terms from single inputs; an empty one is left out, so that it counts as missing."""
    table = {inner: said[name] for inner, name in inputs.items() if said[name]}
    written.places |= {f"{key}.{inner}": name for inner, name in inputs.items()}
    written.terms[key] = table
    return table


def _rates(sheet: Sheet, written: Written) -> list[Plain]:
    rates: list[Plain] = []
    for column, name in enumerate(sheet.columns):
        if column and not name and any(line.cells[k][column] for line in sheet.lines for k in range(len(line.cells))):
            written.refuse(f"column-{column}", _("Name the MT group of this column, or empty its cells."))
    for number, line in enumerate(sheet.lines):
        if line.is_blank:
            continue
        used = [c for c in range(len(sheet.columns)) if any(row[c] for row in line.cells)] or [0]
        for column in used:
            _rate_places(written, f"rates[{len(rates)}]", number, column)
            rates.append(_rate(sheet, line, number, column, written, len(rates)))
    return rates


def _rate(sheet: Sheet, line: Line, number: int, column: int, written: Written, place: int) -> Plain:
    rate: Plain = {"base": line.base} if line.base else {}
    if line.kind == "any":
        rate["any"] = True
        if line.name:
            written.refuse(
                line_input(number, "name"), _("All symbols have no name. Empty this, or choose another kind.")
            )
    elif line.kind in ("symbol", "symbol_group"):
        rate[line.kind] = line.name
        if not line.name:
            written.refuse(line_input(number, "name"), _("Say which symbol or symbol group this line is for."))
    if sheet.columns[column]:
        rate["mt_group"] = sheet.columns[column]
    if line.cells[0][column]:
        rate[_VALUE_KEYS.get(line.base, "percent")] = line.cells[0][column]
    rate |= _of_base(line)
    levels = _levels(sheet, line, number, column, written, place)
    if levels:
        rate["levels"] = levels
    return rate


def _of_base(line: Line) -> Plain:
    """Return what belongs to the line's base beside its value; inputs of other bases are not shown, and not said."""
    more: Plain = {}
    if line.base in _PER_AMOUNT and line.currency:
        more["currency"] = line.currency
    if line.base == "spread" and line.at:
        more["at"] = line.at
    if line.base in ("spread", "revenue") and line.cap_points:
        more["cap_points"] = line.cap_points
    if line.base == "revenue" and line.include_swap:
        more["include_swap"] = True
    return more


def _levels(sheet: Sheet, line: Line, number: int, column: int, written: Written, place: int) -> dict[str, str]:
    levels: dict[str, str] = {}
    for k, level in enumerate(sheet.levels, 1):
        text = line.cells[k][column]
        if not text:
            continue
        if level in levels:
            written.problems[f"level-{k}"] = [_("This level stands twice.")]
        levels[level] = text
        here = cell_name(number, k, column) if _LEVEL.fullmatch(level) and level != "1" else f"level-{k}"
        written.places[f"rates[{place}].levels.{level}"] = here
        if not level:
            written.problems[f"level-{k}"] = [_("Say which level this is, or empty its cells.")]
    return levels


def _rate_places(written: Written, path: str, number: int, column: int) -> None:
    cell = cell_name(number, 0, column)
    head = {key: line_input(number, key) for key in ("base", "currency", "at", "cap_points", "include_swap")}
    named = line_input(number, "name")
    written.places |= {path: cell, f"{path}.mt_group": cell, f"{path}.any": line_input(number, "kind")}
    written.places |= {f"{path}.symbol": named, f"{path}.symbol_group": named}
    written.places |= {f"{path}.{key}": name for key, name in head.items()}


def _upline(sheet: Sheet, written: Written) -> Plain:
    """Return how IBs above are paid: only the inputs of the chosen mode are shown, and said."""
    said = sheet.single
    mode = said["upline_mode"]
    upline: Plain = {"mode": mode, "inactive": said["upline_inactive"]}
    written.places |= {
        "upline": "upline_mode", "upline.percent": "upline_percent", "upline.max_level": "upline_max_level",
        "upline.same_rank": "upline_same_rank", "upline.inactive": "upline_inactive",
        "upline.percents": step_input("percents", 0, "percent"),
    }  # fmt: skip
    if said["upline_max_level"]:
        upline["max_level"] = said["upline_max_level"]
    if mode == "percent_of_child" and said["upline_percent"]:
        upline["percent"] = said["upline_percent"]
    if mode == "difference" and said["upline_same_rank"]:
        upline["same_rank"] = {"percent": said["upline_same_rank"]}
    if mode == "percent_of_direct":
        upline["percents"] = _percents(sheet, written)
    return upline


def _percents(sheet: Sheet, written: Written) -> dict[str, str]:
    percents: dict[str, str] = {}
    for number, (level, percent) in enumerate(sheet.steps["percents"]):
        if not level and not percent:
            continue
        if level in percents:
            written.refuse(step_input("percents", number, "level"), _("This level stands twice."))
        percents[level] = percent
        wrong_level = not _LEVEL.fullmatch(level) or level == "1"
        written.places[f"upline.percents.{level}"] = step_input(
            "percents", number, "level" if wrong_level else "percent"
        )
    return percents


def _tiers(sheet: Sheet, written: Written) -> None:
    if sheet.single["tiers_measure"]:
        inputs = {"measure": "tiers_measure", "scope": "tiers_scope", "mode": "tiers_mode"}
        table = _table(written, "tiers", inputs, sheet.single)
        table["steps"] = _steps(sheet, written, "tiers")


def _cpa(sheet: Sheet, written: Written) -> None:
    said = sheet.single
    if not any([said["cpa_currency"], said["cpa_min_lots"], said["cpa_recover"], *map("".join, sheet.steps["cpa"])]):
        return
    table = _table(written, "cpa", {"currency": "cpa_currency", "min_lots": "cpa_min_lots"}, said)
    table |= {"recover": bool(said["cpa_recover"]), "steps": _steps(sheet, written, "cpa")}


def _steps(sheet: Sheet, written: Written, group: str) -> list[Plain]:
    first, second = STEPS[group]
    steps: list[Plain] = []
    written.places[f"{group}.steps"] = step_input(group, 0, first)
    for number, pair in enumerate(sheet.steps[group]):
        if not any(pair):
            continue
        path = f"{group}.steps[{len(steps)}]"
        written.places |= {f"{path}.{name}": step_input(group, number, name) for name in (first, second)}
        steps.append({name: text for name, text in zip((first, second), pair, strict=True) if text})
    return steps


def sheet_of(terms: Mapping[str, Any]) -> Sheet:
    """Return the sheet of canonical terms. Rates keep their order: `write_terms` gives the same terms again."""
    rates = list(terms.get("rates", ()))
    columns = ["", *dict.fromkeys(rate["mt_group"] for rate in rates if rate.get("mt_group"))]
    levels = sorted({int(level) for rate in rates for level in rate.get("levels", {})})
    return Sheet(
        single=_single(terms),
        reasons=list(terms.get("exclude_reasons", ())),
        columns=columns,
        levels=[str(level) for level in levels],
        lines=_lines(rates, columns, [str(level) for level in levels]),
        steps={
            "percents": [(str(level), text) for level, text in (terms.get("upline") or {}).get("percents", {}).items()],
            "tiers": [(step["from"], step["factor"]) for step in (terms.get("tiers") or {}).get("steps", ())],
            "cpa": [(step["net_deposit"], step["pay"]) for step in (terms.get("cpa") or {}).get("steps", ())],
        },
    )


def _single(terms: Mapping[str, Any]) -> dict[str, str]:
    upline, cap = terms.get("upline") or {}, terms.get("cap_per_order") or {}
    budget, tiers, cpa = terms.get("chain_budget") or {}, terms.get("tiers") or {}, terms.get("cpa") or {}
    known = {
        "count_on": terms.get("count_on"), "close_by": terms.get("close_by"), "self_trades": terms.get("self_trades"),
        "min_hold_seconds": terms.get("min_hold_seconds") or "", "upline_mode": upline.get("mode"),
        "upline_percent": upline.get("percent"), "upline_max_level": upline.get("max_level"),
        "upline_same_rank": (upline.get("same_rank") or {}).get("percent"), "upline_inactive": upline.get("inactive"),
        "cap_amount": cap.get("amount"), "cap_currency": cap.get("currency"),
        "budget_of": "per_lot" if "per_lot" in budget else budget.get("percent_of"),
        "budget_value": budget.get("per_lot", budget.get("percent")), "budget_currency": budget.get("currency"),
        "client_percent": (terms.get("client_rebate") or {}).get("percent"), "tiers_measure": tiers.get("measure"),
        "tiers_scope": tiers.get("scope"), "tiers_mode": tiers.get("mode"), "cpa_currency": cpa.get("currency"),
        "cpa_min_lots": cpa.get("min_lots"), "cpa_recover": "on" if cpa.get("recover") else None,
    }  # fmt: skip
    return {name: default if known.get(name) is None else str(known[name]) for name, default in SINGLE.items()}


def _lines(rates: list[Mapping[str, Any]], columns: list[str], levels: list[str]) -> list[Line]:
    """Put rates into lines: one joins the line before when all but the column is equal and stands further right."""
    lines: list[Line] = []
    last: tuple[Plain, int] | None = None
    for rate in rates:
        head, column = _head(rate), columns.index(rate.get("mt_group", ""))
        if last is None or last[0] != head or column <= last[1]:
            lines.append(Line(**head, cells=[["" for _column in columns] for _row in range(len(levels) + 1)]))
        last = (head, column)
        cells = lines[-1].cells
        cells[0][column] = rate.get(_VALUE_KEYS.get(rate["base"], "percent"), "")
        for k, level in enumerate(levels, 1):
            cells[k][column] = rate.get("levels", {}).get(level, "")
    return lines


def _head(rate: Mapping[str, Any]) -> Plain:
    kind = next((key for key in ("symbol", "symbol_group") if rate.get(key)), "any")
    return {
        "kind": kind, "name": rate.get(kind, "") if kind != "any" else "", "base": rate["base"],
        "currency": rate.get("currency", ""), "at": rate.get("at", "open"), "cap_points": rate.get("cap_points", ""),
        "include_swap": "on" if rate.get("include_swap") else "",
    }  # fmt: skip
