"""MT4 "Detailed Statement" html to a `History`. The one parser of it in the house.

One table holds everything: the account's head, then the sections Closed Transactions, Open Trades, Working Orders and
Summary, each begun by a row of one cell. Money has a space between thousands and as many decimals as the currency.
Whether a trade was closed by its stop loss or take profit stands only in the `title` of its ticket cell, together with
the expert's magic number and the comment. Times are the server's wall clock."""

import re
from decimal import Decimal
from itertools import pairwise

from mt4bridge.histories.fields import decimals, printed_number, wall_seconds, whole
from mt4bridge.histories.rows import Row
from mt4bridge.histories.types import (
    NO_KIND,
    BalanceOperation,
    History,
    HistoryError,
    HistoryKind,
    Mt4Trade,
    PendingOrder,
    RowName,
    Summary,
)

CLOSED, OPEN, WORKING, SUMMARY = "Closed Transactions", "Open Trades", "Working Orders", "Summary"
_SECTIONS = frozenset((CLOSED, OPEN, WORKING, SUMMARY, "Details"))
_TIME = "%Y.%m.%d %H:%M:%S"
_TITLE = re.compile(r"(?:#(?P<magic>\d+)\s*)?(?P<comment>.*)", re.DOTALL)
_ACTIONS = {"buy": 0, "sell": 1}
_BALANCE_KINDS = {"balance": 2, "credit": 3}
_CLIENT, _EXPERT, _SL, _TP, _SO = 0, 1, 3, 4, 5
_SUMMARY_LABELS = {
    "Deposit/Withdrawal": "deposit",
    "Credit Facility": "credit",
    "Closed Trade P/L": "closed_result",
    "Floating P/L": "floating",
    "Margin": "margin",
    "Balance": "balance",
    "Equity": "equity",
    "Free Margin": "free_margin",
}


def parse_statement(rows: list[Row]) -> History:
    """Read a statement's rows.

    :raises HistoryError: it is not one, or a row of it cannot be understood."""
    sections = _sections(rows)
    head = _head(sections[""])
    closed_rows = _ticket_rows(sections.get(CLOSED, []))
    columns = _columns(sections.get(CLOSED, []) or sections.get(OPEN, []))
    return History(
        kind=HistoryKind.MT4_STATEMENT,
        login=whole(head["Account"], RowName(NO_KIND, column="Account")),
        name=head.get("Name", ""),
        currency=head["Currency"],
        leverage=_leverage(head.get("Leverage", "")),
        printed_s=wall_seconds(head["printed"], "%Y %B %d, %H:%M", RowName("time of printing")),
        closed=tuple(_trade(row, columns, is_open=False) for row in closed_rows if row[2].text in _ACTIONS),
        open=tuple(_trade(row, columns, is_open=True) for row in _ticket_rows(sections.get(OPEN, []))),
        balances=tuple(_balance(row) for row in closed_rows if row[2].text in _BALANCE_KINDS),
        cancelled=tuple(_pending(row) for row in closed_rows if " " in row[2].text),
        working=tuple(_pending(row) for row in _ticket_rows(sections.get(WORKING, []))),
        summary=_summary(sections.get(SUMMARY, [])),
    )


def _sections(rows: list[Row]) -> dict[str, list[Row]]:
    """Split rows by section; the account's head is under ""."""
    sections: dict[str, list[Row]] = {"": []}
    name = ""
    for row in rows:
        title = row[0].text.removesuffix(":")
        if len(row) == 1 and title in _SECTIONS:
            name = title
            sections[name] = []
        else:
            sections[name].append(row)
    missing = [name for name in (CLOSED, OPEN, SUMMARY) if name not in sections]
    if missing:
        raise HistoryError(
            "expected an MT4 statement with the sections %(first)s, %(second)s and %(third)s, found no %(missing)s",
            first=CLOSED, second=OPEN, third=SUMMARY, missing=missing[0],
        )  # fmt: skip
    return sections


def _head(rows: list[Row]) -> dict[str, str]:
    """Return the account's head: Account, Name, Currency, Leverage and the time of printing."""
    head: dict[str, str] = {}
    for cell in (cell for row in rows for cell in row):
        name, colon, value = cell.text.partition(":")
        if colon and name in ("Account", "Name", "Currency", "Leverage"):
            head[name] = value.strip()
        elif re.fullmatch(r"\d{4} \w+ \d{1,2}, \d{1,2}:\d{2}", cell.text):
            head["printed"] = cell.text
    for name in ("Account", "Currency", "printed"):
        if not head.get(name):
            raise HistoryError("expected an MT4 statement that names %(name)s, found none", name=name)
    return head


def _leverage(text: str) -> int | None:
    """Return 100 for "1:100"."""
    ratio = text.rpartition(":")[2]
    return int(ratio) if ratio.isascii() and ratio.isdigit() else None


def _ticket_rows(rows: list[Row]) -> list[Row]:
    return [row for row in rows if len(row) > 4 and row[0].text.isascii() and row[0].text.isdigit()]


def _columns(rows: list[Row]) -> dict[str, int]:
    """Return where the money columns stand; old statements have no Taxes."""
    for row in rows:
        names = [cell.text for cell in row]
        if names[0] == "Ticket" and "Profit" in names:
            return {name: names.index(name) for name in ("Commission", "Taxes", "Swap", "Profit") if name in names}
    raise HistoryError("expected a row of column names from Ticket to Profit, found none")


def _trade(row: Row, columns: dict[str, int], *, is_open: bool) -> Mt4Trade:
    what = RowName("trade %(number)s", row[0].text)
    texts = [cell.text for cell in row]
    if len(row) <= columns["Profit"] or texts[2] not in _ACTIONS:
        raise HistoryError(
            "expected %(cells)s cells, found %(found)s of type %(type)s", where=what,
            cells=columns["Profit"] + 1, found=len(row), type=repr(texts[2][:20]),
        )  # fmt: skip

    def money(name: str) -> Decimal:
        return printed_number(texts[columns[name]], what.at(name)) if name in columns else Decimal(0)

    open_price, close_price = printed_number(texts[5], what), printed_number(texts[9], what)
    magic, comment = _title(row[0].title)
    return Mt4Trade(
        ticket=whole(texts[0], what),
        action=_ACTIONS[texts[2]],
        volume_lots=printed_number(texts[3], what),
        symbol=texts[4],
        digits=max(decimals(open_price), decimals(close_price)),
        opened_s=wall_seconds(texts[1], _TIME, what),
        open_price=open_price,
        sl=printed_number(texts[6], what),
        tp=printed_number(texts[7], what),
        closed_s=None if is_open else wall_seconds(texts[8], _TIME, what),
        close_price=close_price,
        commission=money("Commission"),
        taxes=money("Taxes"),
        swap=money("Swap"),
        profit=money("Profit"),
        magic=magic,
        comment=comment,
        close_reason=_close_reason(comment, magic),
    )


def _title(title: str) -> tuple[int, str]:
    """Split `#2022052714 [sl]` into magic number and comment."""
    match = _TITLE.fullmatch(title)
    assert match is not None  # noqa: S101 -- the pattern fits every text
    return int(match["magic"] or 0), match["comment"].strip()


def _close_reason(comment: str, magic: int) -> int:
    """Return our reason code of a close, from the marks that the server leaves in the comment."""
    lower = comment.lower()
    if "[sl" in lower:
        return _SL
    if "[tp" in lower:
        return _TP
    if lower.startswith("so:") or "[so" in lower:
        return _SO
    return _EXPERT if magic else _CLIENT


def _balance(row: Row) -> BalanceOperation:
    what = RowName("balance operation %(number)s", row[0].text)
    return BalanceOperation(
        ticket=whole(row[0].text, what),
        kind=_BALANCE_KINDS[row[2].text],
        at_s=wall_seconds(row[1].text, _TIME, what),
        amount=printed_number(row[-1].text, what),
        comment=row[3].text,
    )


def _pending(row: Row) -> PendingOrder:
    what = RowName("order %(number)s", row[0].text)
    texts = [cell.text for cell in row]
    if len(row) < 10:
        raise HistoryError("expected %(cells)s cells or more, found %(found)s", where=what, cells=10, found=len(row))
    return PendingOrder(
        ticket=whole(texts[0], what),
        kind=texts[2],
        volume_lots=printed_number(texts[3], what),
        symbol=texts[4],
        price=printed_number(texts[5], what),
        placed_s=wall_seconds(texts[1], _TIME, what),
        cancelled_s=wall_seconds(texts[8], _TIME, what) if texts[8] else None,
    )


def _summary(rows: list[Row]) -> Summary:
    values: dict[str, Decimal] = {}
    for row in rows:
        for label, value in pairwise(row):
            name = _SUMMARY_LABELS.get(label.text.removesuffix(":"))
            if name is not None:
                values[name] = printed_number(value.text, RowName(NO_KIND, column=f"Summary, {label.text}"))
    missing = [label for label, name in _SUMMARY_LABELS.items() if name not in values]
    if missing:
        raise HistoryError("expected a Summary with %(missing)s, found none", missing=missing[0])
    return Summary(**values)
