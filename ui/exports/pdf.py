"""Write a sheet as PDF, in a typeface that has Latin and Chinese letters; only the letters used are embedded."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from itertools import islice
from typing import IO

from fpdf import FPDF

from ui.exports.sheet import Cell, Column, Sheet, TooManyRows, plain

MOST_ROWS = 20_000
_FAMILY = "Noto"
_FONTS = {
    "zh-hans": ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
    "zh-hant": ("pylopdf_fonts_zh_tw", "NotoSansTC-Regular.otf"),
}
_LINE_MM, _TEXT_PT, _TITLE_PT = 5, 8, 14
_MARGIN_MM = 10
_GREY = 120


class _Paper(FPDF):
    """A landscape A4 document whose pages repeat the table's head and count themselves."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(orientation="landscape", format="A4")
        self.sheet = sheet
        self.in_table = False
        package, name = _FONTS.get(sheet.language, _FONTS["zh-hans"])
        with as_file(files(package) / name) as path:
            self.add_font(_FAMILY, fname=str(path))
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, margin=2 * _MARGIN_MM)
        self.set_font(_FAMILY, size=_TEXT_PT)
        whole = sum(column.share for column in sheet.columns)
        self.widths = [self.epw * column.share / whole for column in sheet.columns]

    def header(self) -> None:
        if self.in_table:
            self.head()

    def footer(self) -> None:
        self.set_y(-1.5 * _MARGIN_MM)
        self.set_text_color(_GREY)
        self.cell(self.epw / 2, _LINE_MM, self.sheet.brand)
        self.cell(self.epw / 2, _LINE_MM, str(self.page_no()), align="R")
        self.set_text_color(0)

    def head(self) -> None:
        self.set_text_color(_GREY)
        self.line_of([column.label for column in self.sheet.columns])
        self.set_text_color(0)
        self.line(self.l_margin, self.get_y(), self.l_margin + self.epw, self.get_y())

    def line_of(self, cells: Sequence[Cell]) -> None:
        for width, column, cell in zip(self.widths, self.sheet.columns, cells, strict=True):
            self.cell(width, _LINE_MM, self.fitted(cell, width, column), align="R" if column.is_number else "L")
        self.ln(_LINE_MM)

    def fitted(self, cell: Cell, width: float, column: Column) -> str:
        """Return the text as wide as the column; numbers are never cut, since half a number is a wrong one."""
        text = plain(cell)
        room = width - 2 * self.c_margin
        if column.is_number or self.get_string_width(text) <= room:
            return text
        while text and self.get_string_width(f"{text}…") > room:
            text = text[:-1]
        return f"{text}…"


def write_pdf(sheet: Sheet, out: IO[bytes]) -> None:
    """Write title, facts and the table, each page with the table's head.

    :raises TooManyRows: there are more rows than a PDF of ours holds; nothing is left out silently."""
    rows = list(islice(sheet.rows, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise TooManyRows(most=MOST_ROWS)
    paper = _Paper(sheet)
    paper.set_title(sheet.title)
    paper.add_page()
    paper.set_font_size(_TITLE_PT)
    paper.multi_cell(0, 2 * _LINE_MM, sheet.title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font_size(_TEXT_PT)
    for label, value in sheet.facts:
        paper.cell(paper.epw / 4, _LINE_MM, label)
        paper.cell(0, _LINE_MM, value, new_x="LMARGIN", new_y="NEXT")
    paper.ln(_LINE_MM)
    paper.head()
    paper.in_table = True
    for row in rows:
        paper.line_of(row)
    out.write(bytes(paper.output()))
