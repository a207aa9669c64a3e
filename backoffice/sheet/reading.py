"""Between a sheet and the flat inputs of its form: names like `line-3-base` and `cell-3-0-1`."""

import re
from collections.abc import Mapping

from backoffice.sheet.types import (
    LINE_FIELDS,
    MOST,
    SINGLE,
    STEPS,
    Line,
    Sheet,
    cell_name,
    line_input,
    step_input,
)
from commissions.terms.reasons import REASON_CODES

MOST_CHARACTERS = 200
_NAME = re.compile(r"(line|column|level|percents|tiers|cpa|cell)-(\d{1,3})(?:-.*)?")


def read_sheet(typed: Mapping[str, str]) -> Sheet:
    """Return the sheet that these inputs are. What is missing is as in a new plan; unknown names are left out.

    Numbers in names may have gaps, where a line was taken out; they close."""
    said = {name: _clean(text) for name, text in typed.items() if isinstance(text, str)}
    found = _numbers(said)
    columns = [number for number in sorted(found["column"]) if number > 0]
    levels = sorted(found["level"])
    return Sheet(
        single={name: said.get(name, default) for name, default in SINGLE.items()},
        reasons=[code for code in REASON_CODES if said.get(f"reason-{code}")],
        columns=["", *(said[f"column-{number}"] for number in columns)],
        levels=[said[f"level-{number}"] for number in levels],
        lines=[_line(said, number, [0, *levels], [0, *columns]) for number in sorted(found["line"])],
        steps={group: _steps(said, group, sorted(found[group])) for group in STEPS},
    )


def typed_of(sheet: Sheet) -> dict[str, str]:
    """Return the inputs of a sheet; empty ones that would be missed stand there too."""
    typed = {**sheet.single, **{f"reason-{code}": "on" for code in sheet.reasons}}
    typed |= {f"column-{number}": name for number, name in enumerate(sheet.columns)}
    typed |= {f"level-{number}": text for number, text in enumerate(sheet.levels, 1)}
    for number, line in enumerate(sheet.lines):
        typed |= {line_input(number, name): getattr(line, name) for name in LINE_FIELDS}
        for level, row in enumerate(line.cells):
            typed |= {cell_name(number, level, column): text for column, text in enumerate(row)}
    for group, names in STEPS.items():
        for number, pair in enumerate(sheet.steps[group]):
            typed |= {step_input(group, number, name): text for name, text in zip(names, pair, strict=True)}
    return typed


def _clean(text: str) -> str:
    """Return the text without what spreadsheets put around it; PostgreSQL refuses NUL."""
    return text.replace("\x00", "").replace("\N{NO-BREAK SPACE}", " ").strip()[:MOST_CHARACTERS]


def _numbers(said: Mapping[str, str]) -> dict[str, set[int]]:
    """Return which lines, columns, levels and steps there are; cells make none."""
    found: dict[str, set[int]] = {kind: set() for kind in MOST}
    for name in said:
        parts = _NAME.fullmatch(name)
        if parts and parts[1] in found:
            found[parts[1]].add(int(parts[2]))
    return {kind: set(sorted(numbers)[: MOST[kind]]) for kind, numbers in found.items()}


def _line(said: Mapping[str, str], number: int, levels: list[int], columns: list[int]) -> Line:
    new = Line()
    head = {name: said.get(line_input(number, name), getattr(new, name)) for name in LINE_FIELDS}
    cells = [[said.get(cell_name(number, level, column), "") for column in columns] for level in levels]
    return Line(**head, cells=cells)


def _steps(said: Mapping[str, str], group: str, numbers: list[int]) -> list[tuple[str, str]]:
    first, second = STEPS[group]
    return [(said.get(step_input(group, n, first), ""), said.get(step_input(group, n, second), "")) for n in numbers]
