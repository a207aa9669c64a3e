"""MT5 history reports as html and xlsx: rows, positions, totals; and files made to hurt."""

import io
import zipfile
from decimal import Decimal

import pytest
import xlsxwriter

from mt4bridge.histories import rows as rows_module
from mt4bridge.histories.read import parse_history
from mt4bridge.histories.totals import differences
from mt4bridge.histories.types import History, HistoryError, HistoryKind
from tests.mt4bridge.reports import DEALS, HEAD, POSITIONS, report_html, report_xlsx

pytestmark = pytest.mark.unit

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{{}}</sheetData></worksheet>'


def money(history: History) -> list[tuple[int, str]]:
    rows = [(deal.ticket, deal.profit + deal.swap + deal.commission + deal.fee) for deal in history.deals]
    return [(ticket, str(result.normalize())) for ticket, result in rows]


def workbook(*parts: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize("content", [report_html(), report_xlsx()], ids=["html", "xlsx"])
def test_a_report_gives_its_account_deals_positions_and_reasons(content: bytes) -> None:
    history = parse_history(content)

    assert (history.kind, history.login, history.currency, history.name) == (
        HistoryKind.MT5_REPORT, 70010001, "USD", "Jane Roe",
    )  # fmt: skip
    assert [(deal.ticket, deal.action, deal.entry, deal.position, deal.reason) for deal in history.deals] == [
        (9001, 2, 0, 0, 2), (9002, 0, 0, 501, 99), (9003, 0, 0, 502, 99), (9004, 1, 1, 502, 99), (9005, 1, 1, 501, 4),
        (9006, 1, 0, 503, 99), (9007, 0, 1, 503, 3), (9008, 0, 0, 504, 99),
    ]  # fmt: skip
    assert money(history) == [
        (9001, "1E+4"), (9002, "-3.5"), (9003, "-3.5"), (9004, "2.4E+2"), (9005, "249.6"), (9006, "0"),
        (9007, "-234.2"), (9008, "-1.4"),
    ]  # fmt: skip
    assert history.deals[6].price == Decimal("4129.59")
    assert (history.unmatched, history.opening_balance, differences(history)) == ((), 0, [])


def test_html_and_xlsx_of_one_account_say_the_same() -> None:
    html, xlsx = parse_history(report_html()), parse_history(report_xlsx())

    assert [(deal.ticket, deal.price, deal.time_ms) for deal in html.deals] == [
        (deal.ticket, deal.price, deal.time_ms) for deal in xlsx.deals
    ]
    assert html.summary == xlsx.summary


def test_a_changed_row_is_a_difference_from_the_files_own_balance() -> None:
    changed = (*DEALS[:3], (*DEALS[3][:11], "241.00", *DEALS[3][12:]), *DEALS[4:])
    row = (*POSITIONS[1][:12], "241.00")

    history = parse_history(report_html(deals=changed, positions=(POSITIONS[0], row, POSITIONS[2])))

    assert differences(history) == [
        ("Total Net Profit", "247.00", "248.00"),
        ("Balance", "10247.00", "10248.00"),
    ]


def test_a_report_of_a_part_of_the_accounts_life_begins_with_the_balance_before_it() -> None:
    history = parse_history(report_html(deals=DEALS[5:], positions=POSITIONS[2:]))

    assert history.opening_balance == Decimal("10482.60")
    assert differences(history) == [("Total Net Profit", "247.00", "-235.60")]


def test_a_closing_deal_without_its_position_is_named_and_not_guessed() -> None:
    history = parse_history(report_html(positions=POSITIONS[:2]))

    assert history.unmatched == (9007,)
    assert history.deals[6].position == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (report_html(head=(("Account:", "70010001"),)), "names Account with its currency"),
        (report_html(deals=((*DEALS[1][:3], "achat", *DEALS[1][4:]),)), "expected a type and a direction in English"),
        (report_html(deals=((*DEALS[1][:5], "half", *DEALS[1][6:]),)), "deal 9002, Volume: expected a number"),
        (report_html(deals=(("03.02.2026", *DEALS[1][1:]),)), "deal 9002, Time: expected a time"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "expected an MT4 statement (html), an MT5 history report"),
        (b"", "an empty file"),
        (b"PK\x03\x04 this is no zip", "damaged or encrypted zip file"),
        (workbook(("hello.txt", b"hello")), "found a zip file without one"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(HistoryError) as caught:
        parse_history(content)

    assert sentence in str(caught.value)


def test_another_language_is_refused_with_a_sentence() -> None:
    page = report_html().decode("utf-16").replace("Deals", "Сделки").replace("Trade History Report", "Отчёт")

    with pytest.raises(HistoryError, match="expected an MT4 statement with the sections"):
        parse_history(page.encode("utf-16"))


def test_a_zip_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = workbook(("xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * (30 << 20)))

    assert len(bomb) < 100_000
    with pytest.raises(HistoryError, match="unpacks to far more"):
        parse_history(bomb)


def test_entities_are_refused_before_they_expand() -> None:
    lol = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>' + SHEET.format("&b;")

    with pytest.raises(HistoryError, match="declaration of entities"):
        parse_history(workbook(("xl/worksheets/sheet1.xml", lol.encode())))


def test_an_outside_entity_is_never_read() -> None:
    outside = '<!DOCTYPE w SYSTEM "file:///etc/passwd">' + SHEET.format("")

    with pytest.raises(HistoryError, match="declaration of entities"):
        parse_history(workbook(("xl/worksheets/sheet1.xml", outside.encode())))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ('<row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row>', "a cell with a formula"),
        ('<row r="1"><c r="A1" t="s"><v>7</v></c></row>', "the number of a text of the workbook"),
        ('<row r="1"><c r="A1" t="e"><v>#REF!</v></c></row>', "found the error '#REF!'"),
        ('<row r="1"><c r="ZZZ1"><v>1</v></c></row>', "rows of at most 200 cells"),
        ('<row r="1"><c r="A1"><v>nan</v></c></row>', "expected a number in a cell of numbers"),
        ('<row r="1"><c r="A1"><v>1e99</v></c></row>', "expected a number in a cell of numbers"),
        ('<row r="1"><c r="A1"><v>1</c></row>', "found broken XML"),
    ],
)
def test_a_hostile_cell_is_refused_with_a_sentence(cells: str, sentence: str) -> None:
    with pytest.raises(HistoryError) as caught:
        parse_history(workbook(("xl/worksheets/sheet1.xml", SHEET.format(cells).encode())))

    assert sentence in str(caught.value)


def test_a_formula_written_by_a_real_writer_is_refused() -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        book.add_worksheet().write_formula(0, 0, '=HYPERLINK("http://evil.example")')

    with pytest.raises(HistoryError, match="a cell with a formula"):
        parse_history(target.getvalue())


def test_macros_are_refused() -> None:
    with pytest.raises(HistoryError, match="without macros"):
        parse_history(workbook(("xl/vbaProject.bin", b"x"), ("xl/worksheets/sheet1.xml", b"<worksheet/>")))


def test_a_huge_cell_and_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HistoryError, match="cells of at most 20000 letters"):
        parse_history(b"<html><table><tr><td>" + b"a" * 30_000 + b"</td></tr></table>")
    monkeypatch.setattr(rows_module, "MOST_ROWS", 50)
    with pytest.raises(HistoryError, match="at most 50 rows"):
        parse_history(b"<html><table>" + b"<tr><td>a</td></tr>" * 60 + b"</table>")
    with pytest.raises(HistoryError, match="rows of at most 200 cells"):
        parse_history(b"<html><table><tr>" + b"<td>a</td>" * 300 + b"</tr></table>")


def test_the_name_in_the_head_may_be_any_text() -> None:
    head = (("Name:", "&lt;b&gt;O'Neil&lt;/b&gt;"), *HEAD[1:])

    assert parse_history(report_html(head=head)).name == "<b>O'Neil</b>"
