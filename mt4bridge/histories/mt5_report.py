"""MT5 "Trade History Report" (html or xlsx, both as rows of cells) to a `History`. The one parser of it in the house.

The terminal writes one table: the account's head, then the sections Positions, Orders, Deals, Open Positions, Working
Orders and Results, each begun by a row of one cell, most by a row of column names. Numbers have a space between
thousands and after the minus sign ("- 2.50"). Times are the server's wall clock, whole seconds, without a zone.

The section Deals does not say which position a deal closes; Positions does. An opening deal's position is its order's
number. A closing deal is matched with the row of Positions that has its symbol, side, time, volume, price and profit.
A deal
that cannot be matched has position 0 and is named in `History.unmatched`."""

import re
from collections import defaultdict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from mt4bridge.histories.fields import decimals, printed_number, wall_seconds, whole
from mt4bridge.histories.rows import Row, spread
from mt4bridge.histories.types import NO_KIND, History, HistoryError, HistoryKind, Mt5Deal, RowName, Summary
from mt4bridge.reasons import UNKNOWN_REASON

POSITIONS, ORDERS, DEALS, OPEN, WORKING, RESULTS = (
    "Positions", "Orders", "Deals", "Open Positions", "Working Orders", "Results",
)  # fmt: skip
_SECTIONS = frozenset((POSITIONS, ORDERS, DEALS, OPEN, WORKING, RESULTS))
_TIMES = ("%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M")
_ACCOUNT = re.compile(r"(?P<login>\d{1,18})\s*\((?P<currency>[A-Z]{3,8})[,)]")
_ENTRIES = {"in": 0, "out": 1, "in/out": 2, "out by": 3}
_BUY, _SELL, _IN, _INOUT = 0, 1, 0, 2
_ACTIONS = {
    "buy": 0, "sell": 1, "balance": 2, "credit": 3, "charge": 4, "correction": 5, "bonus": 6, "commission": 7,
    "daily commission": 8, "monthly commission": 9, "daily agent commission": 10, "monthly agent commission": 11,
    "interest": 12, "canceled buy": 13, "canceled sell": 14, "dividend": 15, "franked dividend": 16, "tax": 17,
}  # fmt: skip
_SL, _TP, _SO, _DEALER = 3, 4, 5, 2
_NEEDED = ("Time", "Deal", "Symbol", "Type", "Direction", "Volume", "Price", "Order", "Profit")
ZERO = Decimal(0)


def looks_like_report(rows: list[Row]) -> bool:
    """Whether the rows are a report of this kind: it has a section Deals, and a column Deal in it."""
    inside = False
    for row in rows:
        texts = [cell.text for cell in row if cell.text]
        inside = inside or texts == [DEALS]
        if inside and "Deal" in texts and "Direction" in texts:
            return True
    return False


def parse_report(rows: list[Row]) -> History:
    """Read a report's rows.

    :raises HistoryError: it is not one, or a row of it cannot be understood."""
    sections = _sections(spread(rows))
    if DEALS not in sections:
        raise HistoryError("expected an MT5 history report with the section Deals, found none")
    login, currency, name, printed = _head(sections[""])
    deals = _Deals(sections, login).read()
    return History(
        kind=HistoryKind.MT5_REPORT,
        login=login,
        name=name,
        currency=currency,
        printed_s=printed,
        deals=tuple(deals.rows),
        unmatched=tuple(deals.unmatched),
        opening_balance=deals.opening,
        summary=_summary(sections.get(RESULTS, []), deals),
    )


def _sections(rows: list[Row]) -> dict[str, list[Row]]:
    """Split rows by section; the account's head is under "". A section that comes twice is refused."""
    sections: dict[str, list[Row]] = {"": []}
    name = ""
    for row in rows:
        texts = [cell.text for cell in row if cell.text]
        if len(texts) == 1 and texts[0] in _SECTIONS:
            name = texts[0]
            if name in sections and name != RESULTS:
                raise HistoryError("expected one section %(name)s, found two", name=name)
            sections.setdefault(name, [])
        else:
            if name and texts and texts[0].endswith(":"):
                name = RESULTS  # the account's figures stand before the heading of the results
                sections.setdefault(name, [])
            sections[name].append(row)
    return sections


def _head(rows: list[Row]) -> tuple[int, str, str, int | None]:
    """Return login, currency, name and the time of printing."""
    head: dict[str, str] = {}
    for row in rows:
        texts = [cell.text for cell in row if cell.text]
        if len(texts) > 1 and texts[0].endswith(":"):
            head.setdefault(texts[0].removesuffix(":"), texts[1])
    account = _ACCOUNT.match(head.get("Account", ""))
    if account is None:
        raise HistoryError("expected an MT5 history report that names Account with its currency, found none")
    printed = head.get("Date", "")
    return (
        whole(account["login"], RowName(NO_KIND, column="Account")),
        account["currency"],
        head.get("Name", "")[:120],
        _seconds(printed, RowName(NO_KIND, column="Date")) if printed else None,
    )


@dataclass(slots=True)
class _Deals:
    """The section Deals, read with the help of Positions. `rows` in the file's order."""

    sections: dict[str, list[Row]]
    login: int
    rows: list[Mt5Deal] = field(default_factory=list)
    unmatched: list[int] = field(default_factory=list)
    opening: Decimal | None = None  # balance before the first deal
    balance: Decimal | None = None  # balance behind the last one

    def read(self) -> "_Deals":
        columns = _columns(self.sections[DEALS], _NEEDED, DEALS)
        closed = _closed_positions(self.sections.get(POSITIONS, []))
        digits: dict[str, int] = {}
        raw = []
        for row in self.sections[DEALS]:
            texts = [cell.text for cell in row]
            at = columns["Deal"]
            if texts[0] and len(texts) > at and texts[at].isascii() and texts[at].isdigit():
                raw.append(texts)
                symbol = texts[columns["Symbol"]]
                price = texts[columns["Price"]]
                if symbol and price:
                    number = printed_number(price, RowName(NO_KIND, column="Price"))
                    digits[symbol] = max(digits.get(symbol, 0), decimals(number))
        for texts in raw:
            self.rows.append(self._deal(texts, columns, digits, closed))
        return self

    def _deal(self, texts: list[str], columns: dict[str, int], digits: dict[str, int], closed: "_Closed") -> Mt5Deal:
        what = RowName("deal %(number)s", texts[columns["Deal"]])
        if len(texts) <= columns["Profit"]:
            raise HistoryError(
                "expected %(cells)s cells or more, found %(found)s", where=what,
                cells=columns["Profit"] + 1, found=len(texts),
            )  # fmt: skip

        def text(name: str) -> str:
            at = columns.get(name)
            return texts[at] if at is not None and at < len(texts) else ""

        def number(name: str) -> Decimal:
            return printed_number(text(name), what.at(name)) if text(name) else ZERO

        action = _ACTIONS.get(text("Type").lower())
        entry = _ENTRIES.get(text("Direction").lower(), _IN if not text("Direction") else None)
        if action is None or entry is None:
            found = f"{text('Type')} {text('Direction')}"[:40]
            raise HistoryError(
                "expected a type and a direction in English, found %(found)s", where=what, found=repr(found)
            )
        is_trade = action in (_BUY, _SELL)
        order = whole(text("Order") or "0", what.at("Order"))
        at = _seconds(text("Time"), what.at("Time"))
        deal = Mt5Deal(
            ticket=whole(text("Deal"), what),
            login=self.login,
            order=order,
            time_ms=at * 1000,
            action=action,
            entry=entry,
            magic=0,
            position=0,
            reason=_reason(text("Comment"), is_trade=is_trade),
            volume_lots=printed_number(text("Volume").partition("/")[0].strip() or "0", what.at("Volume")),
            price=number("Price"),
            digits=digits.get(text("Symbol"), 2),
            commission=number("Commission"),
            swap=number("Swap"),
            profit=number("Profit"),
            fee=number("Fee"),
            symbol=text("Symbol"),
            comment=text("Comment"),
            external_id="",
        )
        if text("Balance"):
            self._take_balance(deal, number("Balance"))
        return self._placed(deal, closed) if is_trade else deal

    def _take_balance(self, deal: Mt5Deal, balance: Decimal) -> None:
        if self.opening is None and deal.action != _ACTIONS["credit"]:
            self.opening = balance - deal.commission - deal.fee - deal.swap - deal.profit
        self.balance = balance

    def _placed(self, deal: Mt5Deal, closed: "_Closed") -> Mt5Deal:
        """Return a trade with its position."""
        position = deal.order if deal.entry == _IN else closed.position_of(deal)
        if not position:
            self.unmatched.append(deal.ticket)
        return _with_position(deal, position)


_Key = tuple[str, int, int, Decimal, Decimal, Decimal]


class _Closed:
    """The rows of Positions, to be taken once each by the closing deal that they are of."""

    def __init__(self) -> None:
        self._exact: dict[_Key, deque[int]] = defaultdict(deque)

    def add(self, key: _Key, position: int) -> None:
        self._exact[key].append(position)

    def position_of(self, deal: Mt5Deal) -> int:
        side = _SELL if deal.action == _BUY else _BUY
        found = self._exact.get((deal.symbol, side, deal.time_ms // 1000, deal.volume_lots, deal.price, deal.profit))
        return found.popleft() if found else 0


def _closed_positions(rows: list[Row]) -> _Closed:
    """Read the section Positions: its columns Time and Price come twice, for the opening and the closing."""
    closed = _Closed()
    names: list[str] = []
    for row in rows:
        texts = [cell.text for cell in row]
        if "Position" in texts and "Profit" in texts:
            names = texts
            continue
        at = names.index("Position") if names else -1
        if not names or len(texts) < len([name for name in names if name]) or not texts[at].isdigit():
            continue
        what = RowName("position %(number)s", texts[at])
        last = {name: index for index, name in enumerate(names) if name}  # the closing's Time and Price stand last
        side = _ACTIONS.get(texts[last["Type"]].lower())
        if side not in (_BUY, _SELL):
            raise HistoryError("type %(found)s is not known", where=what, found=repr(texts[last["Type"]][:30]))
        key = (
            texts[last["Symbol"]], side, _seconds(texts[last["Time"]], what),
            printed_number(texts[last["Volume"]], what), printed_number(texts[last["Price"]], what),
            printed_number(texts[last["Profit"]], what),
        )  # fmt: skip
        closed.add(key, whole(texts[at], what))
    return closed


def _columns(rows: list[Row], needed: tuple[str, ...], section: str) -> dict[str, int]:
    """Return where each named column of a section stands."""
    for row in rows:
        names = [cell.text for cell in row]
        if needed[1] in names:
            missing = [name for name in needed if name not in names]
            if missing:
                raise HistoryError(
                    "expected the section %(section)s with a column %(missing)s, found none",
                    section=section, missing=missing[0],
                )  # fmt: skip
            return {name: index for index, name in enumerate(names) if name}
    raise HistoryError("expected the section %(section)s with a row of column names, found none", section=section)


def _summary(rows: list[Row], deals: _Deals) -> Summary | None:
    """Return what the file says about itself; None when it says no balance."""
    values: dict[str, str] = {}
    for row in rows:
        texts = [cell.text for cell in row if cell.text]
        for label, value in pairwise(texts):
            if label.endswith(":"):
                values.setdefault(label.removesuffix(":"), value)

    def said(name: str) -> Decimal | None:
        text = values.get(name, "")
        return (
            printed_number(text, RowName(NO_KIND, column=f"Results, {name}"))
            if text and not text.endswith(":")
            else None
        )

    balance = said("Balance")
    balance = deals.balance if balance is None else balance
    if balance is None:
        return None
    return Summary(
        deposit=None,
        credit=said("Credit Facility"),
        closed_result=said("Total Net Profit"),
        floating=said("Floating P/L"),
        margin=said("Margin"),
        balance=balance,
        equity=said("Equity"),
        free_margin=said("Free Margin"),
    )


def _with_position(deal: Mt5Deal, position: int) -> Mt5Deal:
    return Mt5Deal(**{name: getattr(deal, name) for name in Mt5Deal.__slots__} | {"position": position})


def _reason(comment: str, *, is_trade: bool) -> int:
    """Return our reason code: a report says stop loss, take profit and stop out in the comment alone."""
    if not is_trade:
        return _DEALER
    lower = comment.lower()
    for mark, reason in (("[sl", _SL), ("[tp", _TP), ("[so", _SO), ("so:", _SO), ("so ", _SO)):
        if lower.startswith(mark):
            return reason
    return UNKNOWN_REASON


def _seconds(text: str, what: RowName) -> int:
    pattern = _TIMES[0] if text.count(":") == 2 else _TIMES[1]
    return wall_seconds(text, pattern, what)
