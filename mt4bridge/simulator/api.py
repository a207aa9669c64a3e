"""The Web API's commands over a `Book`: path → handler. Handlers return the text of an answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from mt4bridge.simulator import render, trading
from mt4bridge.simulator.book import Book
from mt4bridge.simulator.query import NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import SimDeal, SimUser

FIRST_LOGIN = 100_001
Item = TypeVar("Item")
_MAX_SECONDS = 4_102_444_800


class Ticker(Protocol):
    """Where current prices come from."""

    def quote(self, symbol: str) -> trading.Quote | None: ...


class Api:
    """Commands of one server. `now_ms` gives the server's wall clock in milliseconds."""

    def __init__(self, book: Book, ticker: Ticker, now_ms: Callable[[], int], manager_login: int) -> None:
        self.book = book
        self._ticker = ticker
        self._now_ms = now_ms
        self._manager_login = manager_login
        self.commands: dict[str, Callable[[Query], str]] = {
            "/api/test/access": lambda _: render.retcode(0, "Done"),
            "/api/time/server": self.time_server,
            "/api/time/get": self.time_get,
            "/api/common/get": self.common_get,
            "/api/user/get": self.user_get,
            "/api/user/get_batch": self.user_get_batch,
            "/api/user/logins": self.user_logins,
            "/api/user/total": lambda _: render.done({"total": str(len(self.book.users))}),
            "/api/user/group": lambda query: render.done({"group": self._user(query).group}),
            "/api/user/add": self.user_add,
            "/api/user/update": self.user_update,
            "/api/user/delete": self.user_delete,
            "/api/user/check_password": self.check_password,
            "/api/user/change_password": self.change_password,
            "/api/user/account/get": self.account_get,
            "/api/user/account/get_batch": self.account_get_batch,
            "/api/group/total": lambda _: render.done({"total": str(len(self.book.groups))}),
            "/api/group/next": self.group_next,
            "/api/group/get": self.group_get,
            "/api/symbol/list": lambda _: render.done(sorted(self.book.symbols)),
            "/api/symbol/total": lambda _: render.done({"total": str(len(self.book.symbols))}),
            "/api/symbol/next": self.symbol_next,
            "/api/symbol/get": self.symbol_get,
            "/api/deal/get": self.deal_get,
            "/api/deal/get_total": self.deal_get_total,
            "/api/deal/get_page": self.deal_get_page,
            "/api/deal/get_batch": self.deal_get_batch,
            "/api/position/get": self.position_get,
            "/api/position/get_total": self.position_get_total,
            "/api/position/get_page": self.position_get_page,
            "/api/position/get_batch": self.position_get_batch,
            "/api/trade/balance": self.trade_balance,
            "/api/tick/last": self.tick_last,
        }

    def time_server(self, _query: Query) -> str:
        seconds = self._now_ms() // 1000
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y.%m.%d %H:%M:%S")
        return render.done({"Time": f"{seconds} {text}"})

    def time_get(self, _query: Query) -> str:
        offset = self.book.clock.offset_seconds(datetime.now(UTC))
        return render.done(
            {"Daylight": "1", "DaylightState": "0", "TimeServer": "", "TimeZone": str(offset), "Days": []}
        )

    def common_get(self, _query: Query) -> str:
        totals = {"TotalUsers": str(len(self.book.users)), "TotalDeals": str(len(self.book.deals))}
        return render.done({"Name": "MT5 simulator", "Owner": "Keel", "LimitAccounts": "100000", **totals})

    def user_get(self, query: Query) -> str:
        return render.done(self._user_fields(self._user(query)))

    def user_get_batch(self, query: Query) -> str:
        users = [self.book.users[login] for login in self._logins(query) if login in self.book.users]
        return render.done([self._user_fields(user) for user in users])

    def user_logins(self, query: Query) -> str:
        return render.done([str(login) for login in self.book.logins_like(query.text("group", "*"))])

    def user_add(self, query: Query) -> str:
        group, name, leverage = query.text("group"), query.text("name"), query.number("leverage")
        if group not in self.book.groups:
            raise ApiError(NOT_FOUND, "Group not found")
        login = query.number("login", 0) or max([*self.book.users, FIRST_LOGIN - 1]) + 1
        if login in self.book.users:
            raise ApiError(3004, "Login exists")
        user = SimUser(login=login, group=group, name=name, leverage=leverage, registered_s=self._now_ms() // 1000)
        for kind, spelling in (("main", "pass_main"), ("investor", "pass_investor")):
            user.passwords[kind] = _strong(query.text(spelling, query.text(spelling.replace("_", ""), "")))
        self._fill(user, query)
        self.book.put_user(user)
        return render.done(self._user_fields(user))

    def user_update(self, query: Query) -> str:
        user = self._user(query)
        group = query.text("group", user.group)
        if group not in self.book.groups:
            raise ApiError(NOT_FOUND, "Group not found")
        user.group, user.name = group, query.text("name", user.name)
        user.leverage = query.number("leverage", user.leverage)
        self._fill(user, query)
        self.book.put_user(user)
        return render.done(self._user_fields(user))

    def user_delete(self, query: Query) -> str:
        user = self._user(query)
        if self.book.positions_of(user.login):
            raise ApiError(3008, "User has trades")
        self.book.remove_user(user.login)
        return render.retcode(0, "Done")

    def check_password(self, query: Query) -> str:
        user = self._user(query)
        kind, given = query.text("type", "main").lower(), query.text("password")
        if not given or user.passwords.get(kind) != given:
            raise ApiError(3006, "Invalid password")
        return render.retcode(0, "Done")

    def change_password(self, query: Query) -> str:
        user = self._user(query)
        user.passwords[query.text("type", "main").lower()] = _strong(query.text("password"))
        self.book.put_user(user)
        return render.retcode(0, "Done")

    def account_get(self, query: Query) -> str:
        return render.done(render.account(self.book.state_of(self._user(query).login)))

    def account_get_batch(self, query: Query) -> str:
        known = [login for login in self._logins(query) if login in self.book.users]
        return render.done([render.account(self.book.state_of(login)) for login in known])

    def group_next(self, query: Query) -> str:
        return render.done(render.group(_nth(sorted(self.book.groups.items()), query.number("index"))))

    def group_get(self, query: Query) -> str:
        names = sorted(self.book.groups_like(query.text("group")))
        if not names:
            raise ApiError(NOT_FOUND, "Not found")
        return render.done(render.group(self.book.groups[names[0]]))

    def symbol_next(self, query: Query) -> str:
        return render.done(render.symbol(_nth(sorted(self.book.symbols.items()), query.number("index"))))

    def symbol_get(self, query: Query) -> str:
        symbol = self.book.symbols.get(query.text("symbol"))
        if symbol is None:
            raise ApiError(NOT_FOUND, "Not found")
        return render.done(render.symbol(symbol))

    def deal_get(self, query: Query) -> str:
        deal = self.book.deals.get(query.number("ticket"))
        if deal is None:
            raise ApiError(NOT_FOUND, "Not found")
        return '{"retcode":"0 Done","answer":' + self._deal_text(deal) + "}"

    def deal_get_total(self, query: Query) -> str:
        return render.done({"total": str(len(self._deals_of_login(query)))})

    def deal_get_page(self, query: Query) -> str:
        first, count = query.number("offset"), query.number("total")
        if first < 0 or count < 0:
            raise ApiError(3, "Invalid parameters")
        return render.done_rows([self._deal_text(deal) for deal in self._deals_of_login(query)[first : first + count]])

    def deal_get_batch(self, query: Query) -> str:
        if sum(query.has(name) for name in ("login", "group", "ticket")) != 1:
            raise ApiError(3, "Invalid parameters: exactly one of login, group, ticket")
        if query.has("ticket"):
            deals = [self.book.deals[ticket] for ticket in query.numbers("ticket") if ticket in self.book.deals]
        elif query.has("group"):
            deals = self.book.deals_of_groups(query.text("group"), query.number("from"), query.number("to"))
        else:
            start, end = query.number("from"), query.number("to")
            deals = [deal for login in query.numbers("login") for deal in self.book.deals_of(login, start, end)]
        if query.has("symbol"):
            wanted = set(query.text("symbol").split(","))
            deals = [deal for deal in deals if deal.symbol in wanted]
        return render.done_rows([self._deal_text(deal) for deal in deals])

    def position_get(self, query: Query) -> str:
        for position in self.book.positions_of(self._user(query).login):
            if position.symbol == query.text("symbol"):
                return render.done(render.position(position, self._digits(position.login)))
        raise ApiError(NOT_FOUND, "Not found")

    def position_get_total(self, query: Query) -> str:
        return render.done({"total": str(len(self.book.positions_of(self._user(query).login)))})

    def position_get_page(self, query: Query) -> str:
        user, first, count = self._user(query), query.number("offset"), query.number("total")
        page = self.book.positions_of(user.login)[first : first + count]
        return render.done([render.position(position, self._digits(user.login)) for position in page])

    def position_get_batch(self, query: Query) -> str:
        if query.has("ticket"):
            numbers = query.numbers("ticket")
            found = [self.book.positions[number] for number in numbers if number in self.book.positions]
        else:
            found = [position for login in self._logins(query) for position in self.book.positions_of(login)]
        return render.done([render.position(position, self._digits(position.login)) for position in found])

    def trade_balance(self, query: Query) -> str:
        deal = trading.book_balance(
            self.book,
            login=query.number("login"),
            kind=query.number("type"),
            amount=query.money("balance"),
            comment=query.text("comment", ""),
            check_margin=query.number("check_margin", 1) != 0,
            at_ms=self._now_ms(),
            dealer=self._manager_login,
        )
        return render.done({"Ticket": str(deal.ticket)})

    def tick_last(self, query: Query) -> str:
        ticks = []
        for name in query.text("symbol").split(","):
            symbol, quote = self.book.symbols.get(name), self._ticker.quote(name)
            if symbol and quote:
                price = f".{symbol.digits}f"
                prices = {"Bid": f"{quote.bid:{price}}", "Ask": f"{quote.ask:{price}}", "Last": f"{0:{price}}"}
                seconds = str(self._now_ms() // 1000)
                ticks.append({"Symbol": name, "Digits": str(symbol.digits), **prices, "Datetime": seconds})
        return render.done(ticks)

    def _user(self, query: Query) -> SimUser:
        user = self.book.users.get(query.number("login"))
        if user is None:
            raise ApiError(NOT_FOUND, "Not found")
        return user

    def _user_fields(self, user: SimUser) -> render.Fields:
        return render.user(user, self.book.state_of(user.login))

    def _logins(self, query: Query) -> list[int]:
        if query.has("login"):
            return query.numbers("login")
        return self.book.logins_like(query.text("group"))

    def _deals_of_login(self, query: Query) -> list[SimDeal]:
        return self.book.deals_of(query.number("login"), query.number("from"), query.number("to", _MAX_SECONDS))

    def _deal_text(self, deal: SimDeal) -> str:
        return deal.text or render.deal_text(deal, self._digits(deal.login))

    def _digits(self, login: int) -> int:
        user = self.book.users.get(login)
        return self.book.groups[user.group].currency_digits if user else 2

    def _fill(self, user: SimUser, query: Query) -> None:
        user.email = query.text("email", user.email)
        user.country = query.text("country", user.country)
        user.comment = query.text("comment", user.comment)[:63]
        user.agent = query.number("agent", user.agent)
        user.rights = query.number("rights", user.rights)
        known = {name.lower(): name for name in ("City", "State", "ZipCode", "Address", "Phone", "ID", "LeadSource")}
        user.more.update({known[name]: value for name, value in query.items() if name in known})


def _strong(password: str) -> str:
    """Return a password that a real server would take: 8 to 16 characters of all four kinds.

    :raises ApiError: 3006."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    if not 8 <= len(password) <= 16 or not all(any(map(kind, password)) for kind in kinds):
        raise ApiError(3006, "Invalid password")
    return password


def _nth(items: list[tuple[str, Item]], index: int) -> Item:
    """Return the item of an index.

    :raises ApiError: 13 when there is none."""
    if not 0 <= index < len(items):
        raise ApiError(NOT_FOUND, "Not found")
    return items[index][1]
