"""Write a sheet as PDF, in a typeface that has Latin and Chinese letters; only the letters used are embedded."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from itertools import islice
from typing import IO

from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import TextMode

from ui.exports.sheet import Cell, Column, Sheet, Table, TooManyRows, shown

MOST_ROWS = 20_000
_FAMILY = "Noto"
_FONTS = {
    "zh-hans": ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
    "zh-hant": ("pylopdf_fonts_zh_tw", "NotoSansTC-Regular.otf"),
}
_LINE_MM, _TEXT_PT, _HEAD_PT, _TITLE_PT = 5, 8, 10, 16
_MARGIN_MM, _GAP_MM = 12, 8
_GREY, _RULE, _STRONG = 110, 205, 0.09  # grey of words and rules; the outline in mm that makes letters bold


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
        self.set_auto_page_break(True, margin=1.6 * _MARGIN_MM)
        self.set_font(_FAMILY, size=_TEXT_PT)
        self.set_draw_color(_RULE)

    def header(self) -> None:
        if self.in_table:
            self.head(self.sheet.columns, self.epw)

    def footer(self) -> None:
        self.set_y(-1.2 * _MARGIN_MM)
        self.set_font_size(_TEXT_PT - 1)
        self.set_text_color(_GREY)
        page = _("Page %(page)s of %(pages)s") % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(self.epw * 0.8, _LINE_MM, " · ".join(filter(None, (self.sheet.brand, self.sheet.title))))
        self.cell(self.epw * 0.2, _LINE_MM, page, align="R")
        self.set_font_size(_TEXT_PT)
        self.set_text_color(0)

    def strong(self) -> AbstractContextManager[None]:
        """Make letters bold by an outline: the typeface comes in one weight. No page may end meanwhile."""
        return self.local_context(text_mode=TextMode.FILL_STROKE, line_width=_STRONG, draw_color=0)

    def rule(self, width: float) -> None:
        self.line(self.get_x(), self.get_y(), self.get_x() + width, self.get_y())

    def head(self, columns: Sequence[Column], width: float) -> None:
        self.set_text_color(_GREY)
        self.row([column.label for column in columns], columns, width)
        self.set_text_color(0)
        self.rule(width)

    def row(self, cells: Sequence[Cell], columns: Sequence[Column], width: float) -> None:
        """Write one line of a table from the current place on; the next begins below it at the same place."""
        left, whole = self.get_x(), sum(column.share for column in columns)
        for column, cell in zip(columns, cells, strict=True):
            wide = width * column.share / whole
            self.cell(wide, _LINE_MM, self.fitted(shown(cell, column), wide, column),
                      align="R" if column.is_number else "L")  # fmt: skip
        self.ln(_LINE_MM)
        self.set_x(left)

    def total(self, cells: Sequence[Cell], columns: Sequence[Column], width: float) -> None:
        if self.will_page_break(_LINE_MM):
            self.add_page()
        self.rule(width)
        left, top = self.get_x(), self.get_y()
        with self.strong():
            self.row(cells, columns, width)
        self.set_xy(left, top + _LINE_MM)

    def short_table(self, table: Table, width: float) -> None:
        """Write a short table with its title; rows go on over pages."""
        self.part(table.title)
        self.head(table.columns, width)
        for row in table.rows:
            self.row(row, table.columns, width)
        if table.total:
            self.total(table.total, table.columns, width)

    def part(self, title: str) -> None:
        left = self.get_x()
        if self.will_page_break(4 * _LINE_MM):  # a title stands with its table
            self.add_page()
        top = self.get_y()
        self.set_font_size(_HEAD_PT)
        with self.strong():
            self.cell(0, 1.4 * _LINE_MM, title)
        self.set_font_size(_TEXT_PT)
        self.set_xy(left, top + 1.4 * _LINE_MM)

    def fitted(self, text: str, width: float, column: Column) -> str:
        """Return the text as wide as the column; numbers are never cut, since half a number is a wrong one."""
        room = width - 2 * self.c_margin
        if column.is_number or self.get_string_width(text) <= room:
            return text
        while text and self.get_string_width(f"{text}…") > room:
            text = text[:-1]
        return f"{text}…"


def write_pdf(sheet: Sheet, out: IO[bytes]) -> None:
    """Write title, facts, the short tables and the long one, each page with the table's head.

    :raises TooManyRows: there are more rows than a PDF of ours holds; nothing is left out silently."""
    rows = list(islice(sheet.rows, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise TooManyRows(most=MOST_ROWS)
    paper = _Paper(sheet)
    paper.set_title(sheet.title)
    paper.add_page()
    _write_front(paper, sheet)
    if sheet.rows_title:
        paper.part(sheet.rows_title)
    paper.head(sheet.columns, paper.epw)
    paper.in_table = True
    for row in rows:
        paper.row(row, sheet.columns, paper.epw)
    if sheet.total:
        paper.total(sheet.total, sheet.columns, paper.epw)
    paper.in_table = False
    if sheet.foot:
        paper.ln(_LINE_MM)
        paper.set_text_color(_GREY)
        paper.multi_cell(0, _LINE_MM, sheet.foot)
        paper.set_text_color(0)
    out.write(bytes(paper.output()))


def _write_front(paper: _Paper, sheet: Sheet) -> None:
    """Write the title, the facts with the figures beside them, and the short tables two in a line."""
    paper.set_text_color(_GREY)
    paper.cell(0, _LINE_MM, sheet.brand, new_x="LMARGIN", new_y="NEXT")
    paper.set_text_color(0)
    paper.set_font_size(_TITLE_PT)
    paper.multi_cell(0, 2 * _LINE_MM, sheet.title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font_size(_TEXT_PT)
    paper.ln(_LINE_MM / 2)
    half = (paper.epw - _GAP_MM) / 2
    top = paper.get_y()
    for label, value in sheet.facts:
        paper.set_text_color(_GREY)
        paper.cell(half * 0.2, _LINE_MM, label)
        paper.set_text_color(0)
        paper.multi_cell(half * 0.8, _LINE_MM, value, new_x="LMARGIN", new_y="NEXT")
    bottom = paper.get_y()
    if sheet.aside:
        paper.set_xy(paper.l_margin + half + _GAP_MM, top - 0.4 * _LINE_MM)
        paper.short_table(sheet.aside, half)
        bottom = max(bottom, paper.get_y())
    paper.set_xy(paper.l_margin, bottom + _LINE_MM)
    for table in sheet.tables:
        paper.short_table(table, paper.epw)
        paper.ln(_LINE_MM)
