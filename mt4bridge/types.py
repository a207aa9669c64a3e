"""What the bridge hands to the floors above: normalised rows and the one protocol of every adapter. Plain Python.

Units: `_e8` is an integer in units of 1e-8 (lots, price, account currency); times are aware UTC datetimes."""

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from mt4bridge.clock import ServerClock

__all__ = [
    "AccountState",
    "BadRow",
    "BalanceReceipt",
    "DealRow",
    "GroupRow",
    "PositionRow",
    "ServerClock",
    "SymbolRow",
    "TradingServer",
    "UserRow",
]


class DealRow(NamedTuple):
    """One deal as the MT server has it now, in our units."""

    ticket: int
    leg: int  # 0 for MT5; 0 the open and 1 the close of an MT4 ticket
    login: int
    symbol: str  # "" when the deal is not a trade
    action: int  # enums.DealAction
    entry: int  # enums.DealEntry
    reason: int  # enums.DealReason, our codes
    position: int  # 0 when the deal is not a trade
    position_by: int  # the opposite position of a close-by; 0 when none, or when the server does not say
    order: int
    volume_e8: int  # lots
    volume_closed_e8: int  # lots of earlier positions that this deal closed
    price_e8: int
    bid_e8: int | None  # market at the deal; None when the server does not say
    ask_e8: int | None
    contract_size_e8: int
    digits: int  # of the price
    currency_digits: int  # of the account currency
    profit_e8: int  # account currency, client's viewpoint; of a balance operation its amount
    swap_e8: int  # account currency, client's viewpoint
    commission_e8: int  # account currency, client's viewpoint: a charge is negative
    fee_e8: int  # account currency, client's viewpoint: a charge is negative
    deal_at: datetime  # UTC
    comment: str


class BadRow(NamedTuple):
    """A deal that the server sent and that cannot be understood, with the reason in words."""

    raw: str  # the row as it came, as JSON text, cut at 4,000 characters
    reason: str  # English sentence for staff
    ticket: int | None
    leg: int
    login: int | None


class GroupRow(NamedTuple):
    name: str
    currency: str
    currency_digits: int


class SymbolRow(NamedTuple):
    name: str
    path: str
    contract_size_e8: int
    digits: int
    currency_base: str
    currency_profit: str  # the quote currency


class UserRow(NamedTuple):
    login: int
    group: str
    name: str
    email: str
    country: str
    leverage: int
    agent: int  # login of the IB's agent account; 0 when none
    balance: Decimal  # account currency
    credit: Decimal  # account currency
    registered_at: datetime  # UTC


class AccountState(NamedTuple):
    """What an account is worth now, in its own currency."""

    login: int
    balance: Decimal
    credit: Decimal
    equity: Decimal
    margin: Decimal
    margin_free: Decimal
    floating: Decimal
    currency_digits: int


class PositionRow(NamedTuple):
    position: int
    login: int
    symbol: str
    action: int  # 0 buy, 1 sell
    volume_e8: int  # lots
    price_open_e8: int
    price_current_e8: int
    profit: Decimal  # account currency, client's viewpoint
    swap: Decimal  # account currency, client's viewpoint
    opened_at: datetime  # UTC


class BalanceReceipt(NamedTuple):
    """The server's word that a balance operation was booked."""

    ticket: int  # of the deal; 0 when the server did not name it


class TradingServer(Protocol):
    """One MT server as every adapter shows it. All calls are serial; each may raise a `BridgeError`.

    Reads may be repeated at will: an adapter re-authenticates and replays a read once. `change_balance` is never
    replayed by anyone below the outbox."""

    def connect(self) -> None:
        """Reach the server and prove both sides know the password. Calls connect by themselves when needed."""

    def close(self) -> None:
        """Say goodbye and free the connection. Never raises."""

    def ping(self) -> None:
        """Check that the server answers."""

    def server_time(self) -> datetime:
        """Return the server's clock as UTC, to the second."""

    def groups(self) -> list[GroupRow]:
        """Return the groups this manager may see."""

    def symbols(self) -> list[SymbolRow]: ...

    def users(self, group_mask: str = "*") -> list[UserRow]: ...

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow | BadRow]]:
        """Yield every deal of the UTC period [since, until), in lists of at most some thousands, oldest slice first.

        Within a list the order is the server's. A ticket comes once a list; a row that cannot be understood is a
        `BadRow` and does not stop the others. The caller's clock says what `until` is: deals that arrive behind it
        are for the overlap of the next round."""

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        """Return one account's deals of [since, until), counted before and after so that none is missed."""

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        """Return those of the deals that the server still has, whatever their time."""

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        """Return how many deals the server has for one account in [since, until)."""

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        """Return the states of the accounts that exist; unknown logins are left out."""

    def positions(self, logins: Collection[int]) -> list[PositionRow]: ...

    def change_balance(
        self, *, login: int, kind: int, amount: Decimal, token: str, note: str = "", check_margin: bool = True
    ) -> BalanceReceipt:
        """Book a balance operation (`kind` = DealAction 2…6, signed amount in account currency).

        The deal's comment starts with `token`, by which it can be found again. Sent once, never repeated.

        :raises Refused: the server said no; nothing was booked.
        :raises OutcomeUnknown: it may or may not have been booked; read the deals back before anything else."""
