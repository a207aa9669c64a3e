"""The sheet as the page shows it: each input with its label, its text and what is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sheet.types import LINE_FIELDS, STEPS, Line, Sheet, cell_name, line_input, step_input
from commissions.terms import CountOn, Inactive, TierMeasure, TierMode, TierScope, UplineMode
from commissions.terms.reasons import REASON_CODES
from mt4bridge.enums import DealReason
from ui.explanation import BASES, SPREADS
from ui.plan_words import MEASURES, SCOPES, TIER_MODES

Choices = Iterable[tuple[str, "str | Promise"]]
Errors = Mapping[str, list[str]]
NEW_LINE = "__n__"  # stands for the number of a line that the browser adds

LABELS: dict[str, Promise] = {
    "count_on": gettext_lazy("Counts"),
    "close_by": gettext_lazy("Two positions that close each other"),
    "min_hold_seconds": gettext_lazy("Shortest holding time in seconds"),
    "self_trades": gettext_lazy("An IB’s own trades"),
    "upline_mode": gettext_lazy("IBs above the direct one get"),
    "upline_percent": gettext_lazy("Share of the IB below in percent"),
    "upline_max_level": gettext_lazy("Highest level paid"),
    "upline_same_rank": gettext_lazy("Share for equal rank in percent"),
    "upline_inactive": gettext_lazy("What an inactive IB would get"),
    "cap_amount": gettext_lazy("Most for one deal"),
    "cap_currency": gettext_lazy("Currency"),
    "budget_of": gettext_lazy("All IBs of one deal together get at most"),
    "budget_value": gettext_lazy("Percent, or amount per lot"),
    "budget_currency": gettext_lazy("Currency"),
    "client_percent": gettext_lazy("Share of the direct IB’s pay in percent"),
    "tiers_measure": gettext_lazy("Measured by"),
    "tiers_scope": gettext_lazy("Whose deals"),
    "tiers_mode": gettext_lazy("The factor holds"),
    "cpa_currency": gettext_lazy("Currency"),
    "cpa_min_lots": gettext_lazy("Closed lots needed first"),
    "cpa_recover": gettext_lazy("An advance: rebates make it up first"),
    "kind": gettext_lazy("For"),
    "name": gettext_lazy("Symbol or group"),
    "base": gettext_lazy("Of"),
    "currency": gettext_lazy("Currency"),
    "at": gettext_lazy("Which spread"),
    "cap_points": gettext_lazy("At most, in points"),
    "include_swap": gettext_lazy("Less swap"),
    "level": gettext_lazy("Level"),
    "percent": gettext_lazy("Percent"),
    "from": gettext_lazy("From"),
    "factor": gettext_lazy("Factor"),
    "net_deposit": gettext_lazy("From a net deposit of"),
    "pay": gettext_lazy("Pay in total"),
}
CHOICES: dict[str, Choices] = {
    "count_on": [
        (CountOn.CLOSE.value, gettext_lazy("closing volume")),
        (CountOn.OPEN.value, gettext_lazy("opening volume")),
        (CountOn.BOTH.value, gettext_lazy("both")),
    ],
    "close_by": [("one", gettext_lazy("count once")), ("both", gettext_lazy("count twice"))],
    "self_trades": [("exclude", gettext_lazy("not paid for")), ("pay", gettext_lazy("paid for"))],
    "upline_mode": [
        (UplineMode.NONE.value, gettext_lazy("nothing")),
        (UplineMode.BY_LEVEL.value, gettext_lazy("own rate by level")),
        (UplineMode.DIFFERENCE.value, gettext_lazy("difference to what was paid below")),
        (UplineMode.PERCENT_OF_CHILD.value, gettext_lazy("share of the IB below")),
        (UplineMode.PERCENT_OF_DIRECT.value, gettext_lazy("share of the direct IB")),
        (UplineMode.SPLIT.value, gettext_lazy("split by the agreement of the IB below")),
    ],
    "upline_inactive": [
        (Inactive.SKIP.value, gettext_lazy("is not paid")),
        (Inactive.ROLL_UP.value, gettext_lazy("goes to the next active one above")),
    ],
    "budget_of": [
        ("", gettext_lazy("no limit")),
        ("commission", gettext_lazy("a share of the commission")),
        ("spread", gettext_lazy("a share of the spread")),
        ("per_lot", gettext_lazy("an amount per lot")),
    ],
    "tiers_measure": [("", gettext_lazy("no tiers")), *((each.value, MEASURES[each]) for each in TierMeasure)],
    "tiers_scope": [(each.value, SCOPES[each]) for each in TierScope],
    "tiers_mode": [(each.value, TIER_MODES[each]) for each in TierMode],
    "kind": [
        ("", gettext_lazy("choose")),
        ("any", gettext_lazy("all symbols")),
        ("symbol_group", gettext_lazy("symbol group")),
        ("symbol", gettext_lazy("symbol")),
    ],
    "base": [(base.value, words) for base, words in BASES.items()],
    "at": list(SPREADS.items()),
}
CHECKS = frozenset({"cpa_recover", "include_swap"})
WORDS = frozenset({"name"})  # all other texts are figures or codes


@dataclass(frozen=True, slots=True)
class Box:
    """One input."""

    name: str
    label: str
    text: str
    errors: list[str] = field(default_factory=list)
    choices: list[tuple[str, "str | Promise"]] = field(default_factory=list)
    is_check: bool = False
    suggestions: str = ""  # id of the list of known names


@dataclass(frozen=True, slots=True)
class Column:
    """One cell of a line: its rate, and below it those of the levels."""

    title: str
    boxes: list[Box]


@dataclass(frozen=True, slots=True)
class LineBoxes:
    """One line of the grid."""

    number: "int | str"
    head: dict[str, Box]
    columns: list[Column]


@dataclass(frozen=True, slots=True)
class SheetBoxes:
    """The whole editor as the page shows it."""

    single: dict[str, Box]
    reasons: list[Box]
    columns: list[Box]  # without the one of all other groups
    levels: list[Box]
    lines: list[LineBoxes]
    new_line: LineBoxes
    steps: dict[str, list[list[Box]]]
    errors: list[str]  # of no single input
    count: int  # inputs with something wrong


def boxes_of(sheet: Sheet, errors: Errors) -> SheetBoxes:
    """Return the sheet for the page, with a blank line and a blank step of each kind at the end to go on with."""
    blank = Line(cells=[["" for _column in sheet.columns] for _row in range(len(sheet.levels) + 1)])
    lines = [*sheet.lines, blank] if not sheet.lines or not sheet.lines[-1].is_blank else sheet.lines
    return SheetBoxes(
        single={name: _box(name, name, text, errors) for name, text in sheet.single.items() if name in LABELS},
        reasons=[
            Box(f"reason-{code}", str(DealReason[code.upper()].label), "on" if code in sheet.reasons else "",
                errors.get(f"reason-{code}", []), is_check=True)
            for code in REASON_CODES
        ],
        columns=[
            Box(f"column-{number}", _("MT group"), name, errors.get(f"column-{number}", []), suggestions="mt-groups")
            for number, name in enumerate(sheet.columns) if number
        ],
        levels=[_box(f"level-{k}", "level", text, errors) for k, text in enumerate(sheet.levels, 1)],
        lines=[_line(number, line, sheet, errors) for number, line in enumerate(lines)],
        new_line=_line(NEW_LINE, blank, sheet, {}),
        steps={group: _steps(group, sheet.steps[group], errors) for group in STEPS},
        errors=errors.get("", []),
        count=len(errors),
    )  # fmt: skip


def _box(name: str, kind: str, text: str, errors: Errors) -> Box:
    choices = list(CHOICES.get(kind, ()))
    return Box(
        name, str(LABELS[kind]), text, errors.get(name, []), choices, kind in CHECKS,
        suggestions="traded-names" if kind in WORDS else "",
    )  # fmt: skip


def _line(number: "int | str", line: Line, sheet: Sheet, errors: Errors) -> LineBoxes:
    place: int = number  # type: ignore[assignment] # the name of the browser's own line is filled in there
    head = {name: _box(line_input(place, name), name, getattr(line, name), errors) for name in LINE_FIELDS}
    columns = []
    for column, title in enumerate(sheet.columns):
        shown = title or (_("All MT groups") if len(sheet.columns) == 1 else _("All other MT groups"))
        boxes = []
        for k, row in enumerate(line.cells):
            name = cell_name(place, k, column)
            label = shown if not k else _("Level %(level)s") % {"level": sheet.levels[k - 1]}
            boxes.append(Box(name, label, row[column], errors.get(name, [])))
        columns.append(Column(shown, boxes))
    return LineBoxes(number, head, columns)


def _steps(group: str, steps: list[tuple[str, str]], errors: Errors) -> list[list[Box]]:
    shown = [*steps, ("", "")] if not steps or any(steps[-1]) else steps
    return [
        [
            _box(step_input(group, number, name), name, text, errors)
            for name, text in zip(STEPS[group], pair, strict=True)
        ]
        for number, pair in enumerate(shown)
    ]
