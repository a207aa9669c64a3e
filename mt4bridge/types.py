"""What the bridge hands to the floors above: normalised rows and the one protocol of every adapter. Plain Python.

Units: `_e8` is an integer in units of 1e-8 (lots, price, account currency); times are aware UTC datetimes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from mt4bridge.clock import ServerClock

__all__ = [
    "AccountState",
    "BadRow",
    "BalanceReceipt",
    "Capability",
    "DealRow",
    "GroupRow",
    "MarginCheck",
    "NewUser",
    "OrderRow",
    "PasswordKind",
    "PositionRow",
    "ServerClock",
    "SymbolRow",
    "TickRow",
    "TradingServer",
    "UserChanges",
    "UserRow",
]


class Capability(StrEnum):
    """What a way to a server can do. Asking for more raises `Unsupported`."""

    DEALS = "deals"
    USERS = "users"
    CONFIGURATION = "configuration"  # groups and symbols
    STATES = "states"  # balance, equity, margin of accounts now
    POSITIONS = "positions"
    ORDERS = "orders"  # working orders
    TICKS = "ticks"
    MARGIN_CHECK = "margin_check"
    BALANCE = "balance"  # book balance operations
    EDIT_USERS = "edit_users"  # open, change, archive, delete accounts
    PASSWORDS = "passwords"


class PasswordKind(StrEnum):
    MAIN = "main"  # trades
    INVESTOR = "investor"  # only looks
    API = "api"  # of a manager


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
    rights: int = 0  # the server's own flags; MT5: 1 enabled, 4 trade disabled, 0x200 read only
    enabled: bool = True  # may sign in
    may_trade: bool = True
    comment: str = ""
    token: str = ""  # what `NewUser.token` wrote (MT5 field ID)
    phone: str = ""
    language: str = ""  # "en", "zh-hans"; "" when the server does not say or it is not known


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to open. Passwords are in clear and never shown."""

    group: str
    name: str
    leverage: int
    main_password: str = field(repr=False)
    investor_password: str = field(repr=False)
    token: str  # 1 to 31 letters and digits, unique; finds the account again when the outcome is unknown
    login: int = 0  # 0: the server chooses
    email: str = ""
    country: str = ""
    language: str = ""  # "en", "zh-hans"; "": the server's default
    phone: str = ""
    agent: int = 0  # login of the IB's agent account; 0 none
    comment: str = ""
    enabled: bool = True
    may_trade: bool = True


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What to change of an account; None leaves as it is."""

    group: str | None = None
    name: str | None = None
    leverage: int | None = None
    email: str | None = None
    country: str | None = None
    language: str | None = None
    phone: str | None = None
    agent: int | None = None
    comment: str | None = None
    token: str | None = None
    rights: int | None = None  # the server's own flags; before `enabled` and `may_trade`
    enabled: bool | None = None
    may_trade: bool | None = None


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


class OrderRow(NamedTuple):
    """One working order."""

    order: int
    login: int
    symbol: str
    kind: int  # 0 buy, 1 sell, 2 buy limit, 3 sell limit, 4 buy stop, 5 sell stop, 6 buy stop limit, 7 sell stop limit
    volume_e8: int  # lots that are not filled yet
    price_e8: int
    trigger_e8: int  # of a stop limit; 0 else
    stop_loss_e8: int  # 0 none
    take_profit_e8: int  # 0 none
    placed_at: datetime  # UTC
    expires_at: datetime | None  # UTC
    comment: str


class TickRow(NamedTuple):
    symbol: str
    bid_e8: int
    ask_e8: int
    quoted_at: datetime | None  # UTC; None when the server does not say


class MarginCheck(NamedTuple):
    """What a trade would do to an account, in account currency."""

    margin_now: Decimal
    margin_after: Decimal
    free_now: Decimal
    free_after: Decimal

    @property
    def margin_needed(self) -> Decimal:
        return self.margin_after - self.margin_now

    @property
    def is_enough(self) -> bool:
        return self.free_after >= 0


class BalanceReceipt(NamedTuple):
    """The server's word that a balance operation was booked."""

    ticket: int  # of the deal; 0 when the server did not name it


class TradingServer(Protocol):
    """One MT server as every adapter shows it. All calls are serial; each may raise a `BridgeError`.

    Reads may be repeated at will: an adapter re-authenticates and replays a read once. Writes (`change_balance`,
    `open_account`, `update_user`, `set_password`, `archive_user`, `delete_user`) are sent once and never replayed by
    anyone below the outbox: after `OutcomeUnknown` read back first. What is not in `capabilities` raises
    `Unsupported`."""

    @property
    def capabilities(self) -> frozenset[Capability]: ...

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

    def user(self, login: int) -> UserRow | None:
        """Return one account; None when the server does not have it (any more)."""

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:
        """Return the accounts that were opened with a token: none, or one unless somebody copied it.

        Reads all accounts of the mask: give the group in which it was to be opened."""

    def deals(self, *, since: datetime, until: datetime) -> Iterator[Sequence[DealRow | BadRow]]:
        """Yield every deal of the UTC period [since, until), in lists of at most some thousands, oldest slice first.

        A list may be `columns.DealColumns`: the same rows, cheaper by the thousand.
        An MT4 ticket that the period closed or changed may bring its opening from before the period.
        Within a list the order is the server's. A ticket comes once a list; a row that cannot be understood is a
        `BadRow` and does not stop the others. The caller's clock says what `until` is: deals that arrive behind it
        are for the overlap of the next round."""

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        """Return one account's deals of [since, until), counted before and after so that none is missed."""

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        """Return those of the deals that the server still has, whatever their time."""

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        """Return one account's balance operations (DealAction 2…6) of [since, until), and rows that are not readable.

        Complete like `deals_of_login`, so what is not here was not booked in the period."""

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        """Return how many deals the server has for one account in [since, until)."""

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        """Return the states of the accounts that exist; unknown logins are left out."""

    def positions(self, logins: Collection[int]) -> list[PositionRow]: ...

    def orders(self, logins: Collection[int]) -> list[OrderRow]:
        """Return the working orders of accounts."""

    def ticks(self, symbols: Collection[str]) -> list[TickRow]:
        """Return the last prices of the symbols that have one."""

    def margin_check(self, *, login: int, symbol: str, action: int, volume_e8: int, price_e8: int) -> MarginCheck:
        """Return what a trade (0 buy, 1 sell; lots in 1e-8) at a price would do to an account's margin.

        :raises NotFound: no such account or symbol."""

    def check_password(self, *, login: int, kind: PasswordKind, password: str) -> bool:
        """Say whether a password is the account's."""

    def change_balance(
        self, *, login: int, kind: int, amount: Decimal, token: str, note: str = "", check_margin: bool = True
    ) -> BalanceReceipt:
        """Book a balance operation (`kind` = DealAction 2…6, signed amount in account currency).

        The deal's comment starts with `token`, by which it can be found again. Sent once, never repeated.

        :raises Refused: the server said no; nothing was booked.
        :raises OutcomeUnknown: it may or may not have been booked; read the deals back before anything else."""

    def open_account(self, spec: NewUser) -> UserRow:
        """Open an account and return it as the server has it.

        :raises Refused: nothing was opened (`LoginTaken`, `WeakPassword`, `NotFound` for the group…).
        :raises OutcomeUnknown: look for it by its login or `users_by_token` before anything else."""

    def update_user(self, *, login: int, changes: UserChanges) -> UserRow:
        """Change only the given fields, by reading the account, changing and writing it whole.

        :raises NotFound: no such account. :raises OutcomeUnknown: read it again."""

    def set_password(self, *, login: int, kind: PasswordKind, password: str) -> None:
        """Set a password.

        :raises WeakPassword: by the server's or the group's rules. :raises OutcomeUnknown: `check_password` tells."""

    def archive_user(self, login: int) -> None:
        """Move an account with its history out of the live base.

        :raises NotFound: no such account. :raises OutcomeUnknown: `user` tells."""

    def delete_user(self, login: int) -> None:
        """Delete an account for good.

        :raises AccountInUse: it has open positions or orders. :raises OutcomeUnknown: `user` tells."""
