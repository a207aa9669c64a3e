"""Documents as PDF: a title, facts, tables and text. Pure; the same input gives the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.fonts import FontFace

TYPEFACE = "Noto"
FONTS = {
    "zh-hans": ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
    "zh-hant": ("pylopdf_fonts_zh_tw", "NotoSansTC-Regular.otf"),
}
GREY = (90, 96, 110)


@dataclass(frozen=True, slots=True)
class Part:
    """One section: pairs of label and text, a table with its head, paragraphs; in this order."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    text: Sequence[str] = field(default_factory=tuple)


def document(*, title: str, sub: str, parts: Sequence[Part], foot: str, at: datetime, language: str) -> bytes:
    """Return the document; `at` stands in it as the time it was made."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(at)
    pdf.set_title(title)
    pdf.set_margin(18)
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf.add_font(TYPEFACE, fname=_typeface(language))
    pdf.add_page()
    _line(pdf, title, size=18)
    _line(pdf, sub, size=10, grey=True)
    for part in parts:
        _part(pdf, part)
    pdf.ln(4)
    _line(pdf, foot, size=8, grey=True)
    return bytes(pdf.output())


@cache
def _typeface(language: str) -> str:
    """Return the file of the typeface with the language's letters; the Simplified one has Latin ones too."""
    package, name = FONTS.get(language, FONTS["zh-hans"])
    with as_file(files(package) / name) as path:
        return str(path)


def _line(pdf: FPDF, text: str, *, size: int, grey: bool = False) -> None:
    pdf.set_font(TYPEFACE, size=size)
    pdf.set_text_color(*(GREY if grey else (0, 0, 0)))
    pdf.multi_cell(0, size * 0.55, text, new_x="LMARGIN", new_y="NEXT")


def _part(pdf: FPDF, part: Part) -> None:
    pdf.ln(4)
    _line(pdf, part.title, size=12)
    pdf.ln(1)
    if part.facts:
        _table(pdf, (), part.facts, widths=(1, 2))
    if part.rows:
        _table(pdf, part.head, part.rows, widths=(1,) * len(part.rows[0]))
    for text in part.text:
        _line(pdf, text, size=9)


def _table(pdf: FPDF, head: Sequence[str], rows: Sequence[Sequence[str]], *, widths: tuple[int, ...]) -> None:
    pdf.set_font(TYPEFACE, size=9)
    pdf.set_text_color(0, 0, 0)
    plain = FontFace(emphasis="", color=GREY)
    with pdf.table(
        col_widths=widths, borders_layout="HORIZONTAL_LINES", text_align="LEFT", first_row_as_headings=bool(head),
        headings_style=plain, line_height=5, padding=1,
    ) as table:  # fmt: skip
        for cells in [*([head] if head else []), *rows]:
            row = table.row()
            for cell in cells:
                row.cell(cell)
