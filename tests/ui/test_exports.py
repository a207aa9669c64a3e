"""Exports hold every row, and no cell of theirs becomes a formula."""

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lxml import etree

from ui.exports import Column, Sheet, TooManyRows, export_file
from ui.exports.pdf import MOST_ROWS

pytestmark = pytest.mark.unit
COLUMNS = (Column("Ticket"), Column("结算", share=20), Column("Amount", is_number=True), Column("When"))
AT = datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC)


def sheet(*rows: tuple[object, ...], language: str = "en") -> Sheet:
    return Sheet("Statement", [("IB", "=cmd"), ("Total", "1.00 USD")], COLUMNS, rows, language, "Aurora")  # type: ignore[arg-type]


def exported(one: Sheet, kind: str) -> bytes:
    with export_file(one, kind) as file:
        return file.read()


def test_csv_keeps_numbers_and_defuses_formulas() -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1", "a=1", "-"]

    text = exported(sheet(*((1, name, Decimal("-6.50"), AT) for name in names)), "csv").decode("utf-8-sig")

    rows = list(csv.reader(io.StringIO(text)))
    assert rows[:5] == [["Statement"], ["IB", "'=cmd"], ["Total", "1.00 USD"], [], ["Ticket", "结算", "Amount", "When"]]
    assert [row[1] for row in rows[5:]] == [
        "'=1+1", "'+1", "'-1", "'@SUM(A1)", "' =1", "'\t=1", "'＝1", "a=1", "'-",
    ]  # fmt: skip
    assert {(row[0], row[2], row[3]) for row in rows[5:]} == {("1", "-6.50", "2026-03-02 12:00:01")}


def test_xlsx_writes_text_as_text_and_exact_numbers_as_numbers() -> None:
    exact, long = Decimal("12.34567891"), Decimal("12345678901234.12345678")

    file = io.BytesIO(exported(sheet((1, "=1+1", exact, date(2026, 3, 2)), (2, "a", long, None)), "xlsx"))

    page = etree.fromstring(zipfile.ZipFile(file).read("xl/worksheets/sheet2.xml"))
    space = {"x": page.nsmap[None]}
    assert page.xpath("//x:f", namespaces=space) == []
    cells = {cell.get("r"): cell for cell in page.xpath("//x:c", namespaces=space)}
    assert cells["C2"].find("x:v", space).text == "12.34567891"
    assert "".join(cells["B2"].itertext()) == "=1+1"
    assert "".join(cells["C3"].itertext()) == "12345678901234.12345678"
    assert cells["D2"].find("x:v", space).text == "46083"  # days since 1899-12-30: 2026-03-02


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_pdf_holds_every_row_over_its_pages(language: str) -> None:
    rows = [(number, "结算單", Decimal("1.5"), AT) for number in range(100)]

    content = exported(sheet(*rows, language=language), "pdf")

    assert content.startswith(b"%PDF-")
    assert re.findall(rb"/Count (\d+)", content) == [b"4"]
    assert re.search(rb"/BaseFont /[A-Z]+\+NotoSans", content)


def test_pdf_refuses_more_rows_than_it_holds() -> None:
    def rows() -> object:
        for number in range(MOST_ROWS + 1):
            yield (number, "a", Decimal(1), None)

    with pytest.raises(TooManyRows):
        export_file(Sheet("Statement", [], COLUMNS, rows()), "pdf")  # type: ignore[arg-type]
