"""MT5 history reports as a terminal lays them out, made for tests: html with its hidden cells, and xlsx."""

import io
from collections.abc import Sequence

import xlsxwriter

DEAL_NAMES = (
    "Time", "Deal", "Symbol", "Type", "Direction", "Volume", "Price", "Order", "Commission", "Fee", "Swap", "Profit",
    "Balance", "Comment",
)  # fmt: skip
POSITION_NAMES = (
    "Time", "Position", "Symbol", "Type", "Volume", "Price", "S / L", "T / P", "Time", "Price", "Commission", "Swap",
    "Profit",
)  # fmt: skip
HEAD = (
    ("Name:", "Jane Roe"), ("Account:", "70010001 (USD, Sample-Live, real, Hedge)"), ("Company:", "Sample"),
    ("Date:", "2026.02.06 18:00"),
)  # fmt: skip
POSITIONS = (
    ("2026.02.03 10:00:00", "501", "EURUSD", "buy", "0.50", "1.10000", "", "1.10500", "2026.02.03 12:00:00", "1.10500",
     "-3.50", "-0.40", "250.00"),
    ("2026.02.03 10:00:00", "502", "EURUSD", "buy", "0.50", "1.10020", "", "", "2026.02.03 12:00:00", "1.10500",
     "-3.50", "0.00", "240.00"),
    ("2026.02.04 09:00:00", "503", "XAUUSD", "sell", "0.10", "4 106.170", "4 129.590", "", "2026.02.04 09:30:00",
     "4 129.590", "0.00", "0.00", "- 234.20"),
)  # fmt: skip
DEALS = (
    ("2026.02.02 08:00:00", "9001", "", "balance", "", "", "", "", "0.00", "0.00", "0.00", "10 000.00", "10 000.00",
     "Deposit"),
    ("2026.02.03 10:00:00", "9002", "EURUSD", "buy", "in", "0.50", "1.10000", "501", "-3.50", "0.00", "0.00", "0.00",
     "9 996.50", ""),
    ("2026.02.03 10:00:00", "9003", "EURUSD", "buy", "in", "0.50", "1.10020", "502", "-3.50", "0.00", "0.00", "0.00",
     "9 993.00", ""),
    ("2026.02.03 12:00:00", "9004", "EURUSD", "sell", "out", "0.50", "1.10500", "601", "0.00", "0.00", "0.00",
     "240.00", "10 233.00", ""),
    ("2026.02.03 12:00:00", "9005", "EURUSD", "sell", "out", "0.50", "1.10500", "602", "0.00", "0.00", "- 0.40",
     "250.00", "10 482.60", "[tp 1.10500]"),
    ("2026.02.04 09:00:00", "9006", "XAUUSD", "sell", "in", "0.10", "4 106.170", "503", "0.00", "0.00", "0.00",
     "0.00", "10 482.60", ""),
    ("2026.02.04 09:30:00", "9007", "XAUUSD", "buy", "out", "0.10", "4 129.590", "603", "0.00", "0.00", "0.00",
     "- 234.20", "10 248.40", "[sl 4129.590]"),
    ("2026.02.05 11:00:00", "9008", "EURUSD", "buy", "in", "0.20", "1.10100", "504", "-1.40", "0.00", "0.00", "0.00",
     "10 247.00", ""),
)  # fmt: skip
RESULTS = (("Balance:", "10 247.00", "Free Margin:", "10 200.00"), ("Credit Facility:", "0.00", "Equity:", "10 260.00"),
           ("Total Net Profit:", "247.00", "Gross Profit:", "490.00"))  # fmt: skip
Rows = Sequence[Sequence[str]]


def sheet(*, positions: Rows = POSITIONS, deals: Rows = DEALS, results: Rows = RESULTS, head: Rows = HEAD) -> Rows:
    """Return the rows of a report; a section's heading is a row of one cell."""
    return (
        ("Trade History Report",), *head, ("Positions",), POSITION_NAMES, *positions, ("Orders",),
        ("Open Time", "Order", "Symbol", "Type"), ("Deals",), DEAL_NAMES, *deals, *results[:2], ("Results",),
        *results[2:],
    )  # fmt: skip


def report_html(**parts: Rows) -> bytes:
    """Return a report as html in UTF-16: data rows of Positions have a hidden cell that their headings lack."""
    lines = ["<html><head><title>Trade History Report</title></head><body><table>"]
    for row in sheet(**parts):
        if len(row) == 1:
            lines.append(f'<tr align="center"><th colspan="14"><div><b>{row[0]}</b></div></th></tr>')
        elif len(row) == 2:
            lines.append(f'<tr align="left"><th colspan="4">{row[0]}</th><th colspan="10"><b>{row[1]}</b></th></tr>')
        else:
            cells = [f"<td>{text}</td>" for text in row]
            if len(row) == len(POSITION_NAMES) and row[1].isdigit():
                cells.insert(4, '<td class="hidden" colspan="8">a comment</td>')
                cells[-1] = f'<td colspan="2">{row[-1]}</td>'
            lines.append(f'<tr bgcolor="#FFFFFF" align="right">{"".join(cells)}</tr>')
    return "\r\n".join([*lines, "</table></body></html>"]).encode("utf-16")


def report_xlsx(**parts: Rows) -> bytes:
    """Return a report as a workbook: tickets and figures without spaces are numbers, as the terminal writes them."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        page = book.add_worksheet("Sheet1")
        for at, row in enumerate(sheet(**parts)):
            for column, text in enumerate(row):
                if text and text.replace(".", "").replace("-", "").isdigit() and text.count(".") < 2:
                    page.write_number(at, column, float(text))
                elif text:
                    page.write_string(at, column, text)
    return target.getvalue()
