"""What a history file says, as frozen records. Times are server wall-clock seconds, money is account currency."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class HistoryKind(StrEnum):
    MT4_STATEMENT = "mt4_statement"
    MT5_DEALS = "mt5_deals"
    MT5_REPORT = "mt5_report"


Translate = Callable[[str], str]


NO_KIND = ""


class RowName(NamedTuple):
    """What a row of a file is called, and the column of it: trade 12, Commission. Columns keep the file's words."""

    text: str  # its kind with %(number)s; the catalogue holds it
    number: str = ""
    column: str = ""

    def at(self, column: str) -> "RowName":
        return self._replace(column=column)

    def told(self, translate: Translate) -> str:
        kind = translate(self.text) % {"number": self.number} if self.text else ""
        return ", ".join(part for part in (kind, self.column) if part)


class HistoryError(Exception):
    """A file is not a history this parser knows, or is damaged. The sentence says what was expected and found.

    `text` may hold %(name)s fields, filled from the keyword arguments. It stands in the catalogue, so that a page can
    say it in its own language; by itself it is English."""

    def __init__(self, text: str, *, where: RowName | None = None, **values: object) -> None:
        super().__init__(text)
        self.text, self.where, self.values = text, where, values

    def __str__(self) -> str:
        return self.told(str)

    def told(self, translate: Translate) -> str:
        said = translate(self.text) % self.values if self.values else translate(self.text)
        return f"{self.where.told(translate)}: {said}" if self.where else said


@dataclass(frozen=True, slots=True)
class Mt4Trade:
    """One MT4 ticket, open or closed. Prices and money are the client's."""

    ticket: int
    action: int  # 0 buy, 1 sell
    volume_lots: Decimal
    symbol: str
    digits: int  # decimals of its prices
    opened_s: int
    open_price: Decimal
    sl: Decimal
    tp: Decimal
    closed_s: int | None  # None while open
    close_price: Decimal  # while open: the market when the statement was printed
    commission: Decimal
    taxes: Decimal
    swap: Decimal
    profit: Decimal  # without commission, taxes and swap
    magic: int
    comment: str
    close_reason: int  # enums.DealReason


@dataclass(frozen=True, slots=True)
class BalanceOperation:
    ticket: int
    kind: int  # enums.DealAction: BALANCE or CREDIT
    at_s: int
    amount: Decimal  # signed
    comment: str


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """A pending order, working or cancelled."""

    ticket: int
    kind: str  # "buy limit", "sell stop", …
    volume_lots: Decimal
    symbol: str
    price: Decimal
    placed_s: int
    cancelled_s: int | None


@dataclass(frozen=True, slots=True)
class Mt5Deal:
    """One row of the terminal's deal history."""

    ticket: int
    login: int | None
    order: int
    time_ms: int
    action: int
    entry: int
    magic: int
    position: int
    reason: int  # enums.DealReason: the terminal's number is translated
    volume_lots: Decimal
    price: Decimal
    digits: int  # decimals of the symbol's prices in this file
    commission: Decimal
    swap: Decimal
    profit: Decimal
    fee: Decimal
    symbol: str
    comment: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file says about itself; None where it does not."""

    deposit: Decimal | None
    credit: Decimal | None
    closed_result: Decimal | None  # commission, fee, swap, profit and taxes of the closed trades
    floating: Decimal | None
    margin: Decimal | None
    balance: Decimal
    equity: Decimal | None
    free_margin: Decimal | None


@dataclass(frozen=True, slots=True)
class History:
    """One file. `login` and `currency` are None when the file does not say."""

    kind: HistoryKind
    login: int | None = None
    name: str = ""
    currency: str | None = None
    leverage: int | None = None
    printed_s: int | None = None
    closed: tuple[Mt4Trade, ...] = ()
    open: tuple[Mt4Trade, ...] = ()
    balances: tuple[BalanceOperation, ...] = ()
    working: tuple[PendingOrder, ...] = ()
    cancelled: tuple[PendingOrder, ...] = ()
    deals: tuple[Mt5Deal, ...] = ()
    unmatched: tuple[int, ...] = ()  # tickets of closing deals whose position the file does not tell
    opening_balance: Decimal | None = None  # before the first deal of the file; 0 when it begins with the account
    summary: Summary | None = None
