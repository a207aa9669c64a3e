"""What the buttons of the editor do to a sheet: more or fewer lines, columns and levels."""

from dataclasses import replace

from backoffice.sheet.types import MOST, Sheet


def changed(sheet: Sheet, button: str) -> Sheet:
    """Return the sheet after one button, `add_column` or `remove_line:3`; unknown ones change nothing."""
    verb, _sep, number = button.partition(":")
    place = int(number) if number.isascii() and number.isdigit() and len(number) <= 3 else -1
    if verb == "add_column" and len(sheet.columns) < MOST["column"]:
        return _with_column(sheet)
    if verb == "add_level" and len(sheet.levels) < MOST["level"]:
        return _with_level(sheet)
    if verb == "remove_line":
        return replace(sheet, lines=[line for at, line in enumerate(sheet.lines) if at != place])
    if verb == "remove_column" and 0 < place < len(sheet.columns):
        return _without_column(sheet, place)
    if verb == "remove_level" and 0 < place <= len(sheet.levels):
        return _without_level(sheet, place)
    return sheet


def _with_column(sheet: Sheet) -> Sheet:
    lines = [replace(line, cells=[[*row, ""] for row in line.cells]) for line in sheet.lines]
    return replace(sheet, columns=[*sheet.columns, ""], lines=lines)


def _with_level(sheet: Sheet) -> Sheet:
    known = [int(level) for level in sheet.levels if level.isascii() and level.isdigit()]
    blank = ["" for _column in sheet.columns]
    lines = [replace(line, cells=[*line.cells, list(blank)]) for line in sheet.lines]
    return replace(sheet, levels=[*sheet.levels, str(max(known, default=1) + 1)], lines=lines)


def _without_column(sheet: Sheet, place: int) -> Sheet:
    lines = [
        replace(line, cells=[[text for at, text in enumerate(row) if at != place] for row in line.cells])
        for line in sheet.lines
    ]
    return replace(sheet, columns=[name for at, name in enumerate(sheet.columns) if at != place], lines=lines)


def _without_level(sheet: Sheet, place: int) -> Sheet:
    lines = [replace(line, cells=[row for k, row in enumerate(line.cells) if k != place]) for line in sheet.lines]
    return replace(sheet, levels=[level for k, level in enumerate(sheet.levels, 1) if k != place], lines=lines)
