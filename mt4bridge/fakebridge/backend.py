"""The fake MT4 server as an agent's backend: what an agent on the MT4 Manager API would answer."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from mt4bridge.agents.backend import HistoryQuery
from mt4bridge.fakebridge.book import BALANCE, CREDIT, FIRST_LOGIN, MONEY, FakeTrade, FakeUser, Mt4Book
from mt4bridge.httpbridge.contract import CAPABILITIES, Fault, Json
from mt4bridge.simulator.market import Market
from mt4bridge.simulator.records import SimSymbol

MONEY_LIMIT = Decimal(1_000_000_000)
# Numbers of the MT4 Manager API
RET_INVALID_DATA, RET_BAD_ACCOUNT, RET_NO_MONEY = 3, 65, 134
_RIGHT_ENABLED, _RIGHT_TRADE_DISABLED = 1, 4
_KINDS = {"balance": BALANCE, "credit": CREDIT}


class FakeMt4:
    """Answers out of a book."""

    platform = "mt4"
    name = "fake MT4 bridge"
    capabilities: Sequence[str] = CAPABILITIES

    def __init__(self, book: Mt4Book, market: Market) -> None:
        self.book = book
        self._market = market
        self.is_connected = True

    def connected(self) -> bool:
        return self.is_connected

    def server_ms(self) -> int:
        return self.book.now_ms()

    def groups(self) -> list[Json]:
        return [
            {"name": group.name, "currency": group.currency, "currency_digits": group.currency_digits}
            for group in self.book.groups.values()
        ]

    def symbols(self) -> list[Json]:
        return [
            {
                "name": symbol.name,
                "path": symbol.path.rpartition("\\")[0],
                "contract_size": str(symbol.contract_size),
                "digits": symbol.digits,
                "currency_base": symbol.currency_base,
                "currency_profit": symbol.currency_profit,
            }
            for symbol in self.book.symbols.values()
        ]

    def users(self, *, group: str, logins: Sequence[int] | None, token: str | None) -> list[Json]:
        visible = self.book.logins_like(group)
        return [
            self._user(user)
            for login, user in sorted(self.book.users.items())
            if login in visible and (logins is None or login in logins) and (token is None or user.token == token)
        ]

    def accounts(self, logins: Sequence[int]) -> list[Json]:
        return [self._account(login) for login in logins if login in self.book.users]

    def positions(self, logins: Sequence[int]) -> list[Json]:
        raise _not_mt4(logins)

    def orders(self, logins: Sequence[int]) -> list[Json]:
        raise _not_mt4(logins)

    def deals(self, query: HistoryQuery) -> list[Json]:
        raise _not_mt4(query)

    def trades(self, query: HistoryQuery) -> list[Json]:
        return [self._trade(trade) for trade in sorted(self._asked(query), key=lambda trade: trade.ticket)]

    def open_trades(self, logins: Sequence[int]) -> list[Json]:
        return [self._trade(trade) for login in logins for trade in self.book.trades_of(login) if trade.is_open]

    def ticks(self, symbols: Sequence[str]) -> list[Json]:
        quotes = ((name, self._market.quote(name)) for name in symbols if name in self.book.symbols)
        return [
            {"symbol": name, "bid": str(quote.bid), "ask": str(quote.ask), "time_ms": self.server_ms()}
            for name, quote in quotes
            if quote is not None
        ]

    def check_margin(self, wanted: Json) -> Json:
        user, symbol = self.book.user(wanted["login"]), self._symbol(wanted["symbol"])
        state = self.book.state_of(user.login)
        more = self.book.margin_of(user.login, symbol, int(wanted["lots"] * 100), wanted["price"])
        return {
            "margin_now": str(state.margin),
            "margin_after": str(state.margin + more),
            "free_now": str(state.margin_free),
            "free_after": str(state.margin_free - more),
        }

    def add_user(self, wanted: Json) -> Json:
        book = self.book
        login = wanted["login"] or max((*book.users, *book.archive, FIRST_LOGIN - 1)) + 1
        if login in book.users or login in book.archive:
            raise Fault("login_taken", "There is an account with this login.", RET_BAD_ACCOUNT)
        if wanted["group"] not in book.groups:
            raise Fault("not_found", "There is no such group.")
        passwords = {kind: _strong(wanted[f"{kind}_password"]) for kind in ("main", "investor")}
        names = ("group", "name", "email", "country", "phone", "leverage", "agent", "comment", "token", "enabled")
        fields = {name: wanted[name] for name in (*names, "may_trade")}
        user = FakeUser(login=login, registered_ms=book.now_ms(), passwords=passwords, **fields)
        book.put_user(user)
        return self._user(user)

    def update_user(self, login: int, changes: Json) -> Json:
        user = self.book.user(login)
        if changes.get("group", user.group) not in self.book.groups:
            raise Fault("not_found", "There is no such group.")
        rights = changes.pop("rights", None)
        if rights is not None:
            user.enabled = bool(rights & _RIGHT_ENABLED)
            user.may_trade = not rights & _RIGHT_TRADE_DISABLED
        changes.pop("language", None)  # MT4 has no field for it
        for name, value in changes.items():
            setattr(user, name, value)
        self.book.put_user(user)
        return self._user(user)

    def archive_user(self, login: int) -> None:
        self.book.user(login)
        self.book.remove_user(login, keep=True)

    def delete_user(self, login: int) -> None:
        self.book.user(login)
        if any(trade.is_open for trade in self.book.trades_of(login)):
            raise Fault("account_in_use", "The account has open trades or orders.")
        self.book.remove_user(login, keep=False)

    def set_password(self, login: int, kind: str, password: str) -> None:
        self.book.user(login).passwords[kind] = _strong(password)

    def check_password(self, login: int, kind: str, password: str) -> bool:
        return self.book.user(login).passwords.get(kind) == password

    def change_balance(self, wanted: Json) -> Json:
        login, cmd, amount = self.book.user(wanted["login"]).login, _KINDS.get(wanted["kind"]), wanted["amount"]
        if cmd is None:
            raise Fault("unsupported", "MT4 books balance and credit alone.")
        if abs(amount) > MONEY_LIMIT:
            raise Fault("amount_too_large", "The amount is above the limit.", RET_INVALID_DATA)
        state = self.book.state_of(login)
        funds = state.credit if cmd == CREDIT else state.balance
        if amount < 0 and (-amount > funds or (wanted["check_margin"] and -amount > state.margin_free)):
            raise Fault("not_enough_money", "Not enough money.", RET_NO_MONEY)
        return {"ticket": self.book.book_money(login=login, cmd=cmd, amount=amount, comment=wanted["comment"]).ticket}

    def recover(self, path: str, wanted: Json) -> Json | None:
        if path == "/balance":
            mine = (trade for trade in self.book.trades_of(wanted["login"]) if trade.cmd in MONEY)
            found = next((trade for trade in mine if trade.comment == wanted["comment"]), None)
            return {"ticket": found.ticket} if found else None
        if path == "/users":
            return next(iter(self.users(group="*", logins=None, token=wanted["token"])), None)
        return None

    def _asked(self, query: HistoryQuery) -> Iterable[FakeTrade]:
        book = self.book
        if query.tickets is not None:
            return [book.trades[ticket] for ticket in query.tickets if ticket in book.trades]
        logins = book.logins_like(query.group)
        if query.logins is not None:
            logins &= set(query.logins)
        start, end = query.from_ms, query.to_ms
        return [
            trade
            for trade in book.trades.values()
            if trade.login in logins
            and (start <= trade.open_ms < end or start <= trade.close_ms < end or start <= trade.changed_ms < end)
        ]

    def _symbol(self, name: str) -> SimSymbol:
        if name not in self.book.symbols:
            raise Fault("not_found", "There is no such symbol.")
        return self.book.symbols[name]

    def _digits(self, login: int) -> int:
        return self.book.groups[self.book.users[login].group].currency_digits

    def _user(self, user: FakeUser) -> Json:
        state = self.book.state_of(user.login)
        rights = _RIGHT_ENABLED * user.enabled + _RIGHT_TRADE_DISABLED * (not user.may_trade)
        return {
            "login": user.login,
            "group": user.group,
            "name": user.name,
            "email": user.email,
            "country": user.country,
            "phone": user.phone,
            "language": "",
            "leverage": user.leverage,
            "agent": user.agent,
            "comment": user.comment,
            "token": user.token,
            "rights": rights,
            "enabled": user.enabled,
            "may_trade": user.may_trade,
            "balance": str(state.balance),
            "credit": str(state.credit),
            "registered_ms": user.registered_ms,
        }

    def _account(self, login: int) -> Json:
        state = self.book.state_of(login)
        return {
            "login": login,
            "currency_digits": self._digits(login),
            "balance": str(state.balance),
            "credit": str(state.credit),
            "equity": str(state.equity),
            "margin": str(state.margin),
            "margin_free": str(state.margin_free),
            "floating": str(state.floating),
        }

    def _trade(self, trade: FakeTrade) -> Json:
        return {
            "ticket": trade.ticket,
            "login": trade.login,
            "cmd": trade.cmd,
            "symbol": trade.symbol,
            "digits": trade.digits,
            "currency_digits": self._digits(trade.login),
            "volume": trade.volume,
            "open_ms": trade.open_ms,
            "open_price": f"{trade.open_price:f}",
            "close_ms": trade.close_ms,
            "close_price": f"{trade.close_price:f}",
            "stop_loss": f"{trade.stop_loss:f}",
            "take_profit": f"{trade.take_profit:f}",
            "expires_ms": trade.expires_ms,
            "commission": str(trade.commission),
            "taxes": str(trade.taxes),
            "swap": str(trade.swap),
            "profit": str(trade.profit),
            "reason": trade.reason,
            "magic": trade.magic,
            "comment": trade.comment,
            "changed_ms": trade.changed_ms,
        }


def _strong(password: str) -> str:
    """Return a password that MT4 would take: 5 to 15 characters with letters and digits."""
    if not (5 <= len(password) <= 15 and any(map(str.isalpha, password)) and any(map(str.isdigit, password))):
        raise Fault("weak_password", "The password needs 5 to 15 characters, letters and digits.", RET_INVALID_DATA)
    return password


def _not_mt4(_asked: object) -> Fault:
    return Fault("unsupported", "An MT4 server has trades: ask for /trades and /open-trades.")
