"""What all commands share: the book, prices, the clock, and who may see whom."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from mt4bridge.simulator import trading
from mt4bridge.simulator.book import Book
from mt4bridge.simulator.outcome import Outcome
from mt4bridge.simulator.query import INVALID, NOT_FOUND, NOT_PERMITTED, ApiError, Query
from mt4bridge.simulator.records import SimSymbol, SimUser

Command = Callable[[Query], Outcome]
Item = TypeVar("Item")


class Ticker(Protocol):
    """Where current prices come from."""

    def quote(self, symbol: str) -> trading.Quote | None: ...


class Desk:
    """`now_ms` gives the server's wall clock in milliseconds. `update_clears`: user/update with a JSON body empties
    the fields that the body does not name, as some builds do."""

    def __init__(self, book: Book, ticker: Ticker, now_ms: Callable[[], int], *, update_clears: bool = False) -> None:
        self.book = book
        self.ticker = ticker
        self.now_ms = now_ms
        self.update_clears = update_clears

    def groups(self, query: Query, masks: str = "*") -> set[str]:
        """Return the groups of the masks that the manager may see: a partial list looks like success."""
        return self.book.groups_like(masks) & self.book.groups_like(query.manager.group_masks)

    def user(self, query: Query) -> SimUser:
        """Return the account of `login`.

        :raises ApiError: 13 when there is none, 8 when its group is not the manager's."""
        user = self.book.users.get(query.number("login"))
        if user is None:
            raise ApiError(NOT_FOUND, "Not found")
        return self.permitted(query, user)

    def permitted(self, query: Query, user: SimUser) -> SimUser:
        """Return the account.

        :raises ApiError: 8 when its group is not the manager's."""
        if user.group not in self.groups(query):
            raise ApiError(NOT_PERMITTED, "Not enough permissions")
        return user

    def sees(self, query: Query, login: int) -> bool:
        user = self.book.users.get(login)
        return user is not None and user.group in self.groups(query)

    def logins(self, query: Query) -> list[int]:
        """Return the existing accounts of a `login` list or of `group` masks that the manager may see.

        :raises ApiError: 3 when not exactly one of them is given."""
        if query.has("login") == query.has("group"):
            raise ApiError(INVALID, "Invalid parameters: either login or group")
        groups = self.groups(query, query.text("group", "*") or "*")
        if query.has("login"):
            users = self.book.users
            return [login for login in query.numbers("login") if login in users and users[login].group in groups]
        return self.logins_in(groups)

    def logins_in(self, groups: set[str]) -> list[int]:
        return sorted(user.login for user in self.book.users.values() if user.group in groups)

    def symbol(self, name: str) -> SimSymbol:
        """Return a symbol.

        :raises ApiError: 13 when there is none."""
        symbol = self.book.symbols.get(name)
        if symbol is None:
            raise ApiError(NOT_FOUND, "Not found")
        return symbol

    def digits(self, login: int) -> int:
        """Return the digits of an account's currency."""
        user = self.book.users.get(login)
        return self.book.groups[user.group].currency_digits if user else 2


def page(query: Query, items: list[Item]) -> list[Item]:
    """Cut out `total` items from `offset` on.

    :raises ApiError: 3 for negative numbers."""
    first, count = query.number("offset"), query.number("total")
    if first < 0 or count < 0:
        raise ApiError(INVALID, "Invalid parameters")
    return items[first : first + count]


def nth(items: Iterable[Item], query: Query) -> Item:
    """Return the item of the request's `index`.

    :raises ApiError: 13 when there is none."""
    kept, index = list(items), query.number("index")
    if not 0 <= index < len(kept):
        raise ApiError(NOT_FOUND, "Not found")
    return kept[index]


def of_symbols(query: Query, items: list[Item], symbol_of: Callable[[Item], str]) -> list[Item]:
    """Keep the items of the request's `symbol` list, when there is one."""
    if not query.has("symbol"):
        return items
    wanted = set(query.text("symbol").split(","))
    return [item for item in items if symbol_of(item) in wanted]


def one_of(query: Query, *names: str) -> str:
    """Return which one of the parameters is given.

    :raises ApiError: 3 unless exactly one is."""
    given = [name for name in names if query.has(name)]
    if len(given) != 1:
        raise ApiError(INVALID, f"Invalid parameters: exactly one of {', '.join(names)}")
    return given[0]
