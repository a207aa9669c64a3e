"""What the sheet is made of: texts as typed, right or wrong, by the names of their inputs."""

from dataclasses import dataclass, field

CELLS = "cell"
LINE_FIELDS = ("kind", "name", "base", "currency", "at", "cap_points", "include_swap")
# Inputs that stand once: name → what a new plan starts with.
SINGLE: dict[str, str] = {
    "effective_from": "",
    "count_on": "close",
    "close_by": "one",
    "min_hold_seconds": "",
    "self_trades": "exclude",
    "upline_mode": "none",
    "upline_percent": "",
    "upline_max_level": "",
    "upline_same_rank": "",
    "upline_inactive": "skip",
    "cap_amount": "",
    "cap_currency": "",
    "budget_of": "",
    "budget_value": "",
    "budget_currency": "",
    "client_percent": "",
    "tiers_measure": "",
    "tiers_scope": "direct",
    "tiers_mode": "whole_period",
    "cpa_currency": "",
    "cpa_min_lots": "",
    "cpa_recover": "",
}
# Lists of steps: name → its two inputs.
STEPS: dict[str, tuple[str, str]] = {
    "percents": ("level", "percent"),
    "tiers": ("from", "factor"),
    "cpa": ("net_deposit", "pay"),
}
MOST = {"line": 200, "column": 12, "level": 20, "percents": 30, "tiers": 30, "cpa": 30}


@dataclass(slots=True)
class Line:
    """One line of the grid: what is traded and of what its rates are. `cells[0]` are its rates by column; `cells[k]`
    those of the sheet's level number k."""

    kind: str = ""  # any, symbol_group, symbol
    name: str = ""
    base: str = "per_lot"
    currency: str = ""
    at: str = "open"
    cap_points: str = ""
    include_swap: str = ""  # "on" or ""
    cells: list[list[str]] = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        return not self.name and not any(text for row in self.cells for text in row)


@dataclass(slots=True)
class Sheet:
    """The whole editor. Column 0 stands for all other MT groups and has no name."""

    single: dict[str, str]
    reasons: list[str]  # codes of the kinds of deals that are left out
    columns: list[str]
    levels: list[str]
    lines: list[Line]
    steps: dict[str, list[tuple[str, str]]]


def cell_name(line: int, level: int, column: int) -> str:
    """Return the name of a cell's input; level 0 is the line's own rate."""
    return f"{CELLS}-{line}-{level}-{column}"


def line_input(line: int, name: str) -> str:
    """Return the name of an input at the head of a line."""
    return f"line-{line}-{name}"


def step_input(group: str, number: int, name: str) -> str:
    """Return the name of an input of a step."""
    return f"{group}-{number}-{name}"
