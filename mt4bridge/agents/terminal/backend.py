"""One trading account through its terminal (`MetaTrader5` package, Windows): reading alone.

The package talks to an installed terminal that is signed in to one account, and numbers reasons in its own way. Its
functions never raise: None means that `last_error()` says why. Times are the server's wall clock as epoch."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from mt4bridge.agents.backend import HistoryQuery
from mt4bridge.agents.numbers import decimal_text
from mt4bridge.httpbridge.contract import Fault, Json
from mt4bridge.reasons import TERMINAL_REASONS, UNKNOWN_REASON

RES_S_OK = 1
_TRADES = (0, 1)
_IN = 0
_FULL_HISTORY = 4_102_444_800  # 2100-01-01
_PRICE_DIGITS = 8


class Terminal:
    """One account. `deals` reads what the terminal has; right after signing in that may be less than all."""

    platform = "mt5"
    capabilities: Sequence[str] = ("deals", "users", "configuration", "states", "positions", "orders", "ticks")

    def __init__(self, api: ModuleType, *, login: int, password: str, server: str, path: str = "") -> None:
        self.name = f"MetaTrader5 {getattr(api, '__version__', '')}".strip()
        self._api = api
        self._login = login
        self._options: dict[str, Any] = {"login": login, "password": password, "server": server}
        self._path = (path,) if path else ()
        self._ready = False
        self._digits: dict[str, int] = {}

    def connected(self) -> bool:
        try:
            self._account()
        except Fault:
            return False
        return True

    def disconnect(self) -> None:
        """Let the terminal go."""
        if self._ready:
            self._api.shutdown()
        self._ready = False

    def server_ms(self) -> int:
        """Return the newest tick's time: a terminal tells its server's clock in no other way."""
        newest = 0
        for symbol in self._asked(self._terminal().symbols_get()):
            newest = max(newest, int(symbol.time))
        return newest * 1000

    def groups(self) -> list[Json]:
        account = self._account()
        name = f"terminal-{account.currency.lower()}"
        return [{"name": name, "currency": account.currency, "currency_digits": int(account.currency_digits)}]

    def symbols(self) -> list[Json]:
        found = self._asked(self._terminal().symbols_get())
        self._digits |= {symbol.name: int(symbol.digits) for symbol in found}
        return [
            {
                "name": symbol.name,
                "path": symbol.path,
                "contract_size": decimal_text(symbol.trade_contract_size, 8),
                "digits": int(symbol.digits),
                "currency_base": symbol.currency_base,
                "currency_profit": symbol.currency_profit,
            }
            for symbol in found
        ]

    def users(self, *, group: str, logins: Sequence[int] | None, token: str | None) -> list[Json]:
        account = self._account()
        (own_group,) = self.groups()
        hidden = group not in ("*", own_group["name"]) or (logins is not None and account.login not in logins) or token
        if hidden:
            return []
        digits = int(account.currency_digits)
        return [
            {
                "login": int(account.login),
                "group": own_group["name"],
                "name": account.name,
                "email": "",
                "country": "",
                "phone": "",
                "language": "",
                "leverage": int(account.leverage),
                "agent": 0,
                "comment": "",
                "token": "",
                "rights": 1,
                "enabled": True,
                "may_trade": bool(account.trade_allowed),
                "balance": decimal_text(account.balance, digits),
                "credit": decimal_text(account.credit, digits),
                "registered_ms": self._first_deal_ms(),
            }
        ]

    def accounts(self, logins: Sequence[int]) -> list[Json]:
        account = self._account()
        if account.login not in logins:
            return []
        digits = int(account.currency_digits)
        values = (
            ("balance", account.balance), ("credit", account.credit), ("equity", account.equity),
            ("margin", account.margin), ("margin_free", account.margin_free), ("floating", account.profit),
        )  # fmt: skip
        told = {name: decimal_text(value, digits) for name, value in values}
        return [{"login": int(account.login), "currency_digits": digits, **told}]

    def positions(self, logins: Sequence[int]) -> list[Json]:
        account = self._account()
        if account.login not in logins:
            return []
        money = int(account.currency_digits)
        return [
            {
                "position": int(raw.ticket),
                "login": int(account.login),
                "symbol": raw.symbol,
                "action": int(raw.type),
                "lots": decimal_text(raw.volume, 8),
                "price_open": self._price(raw.symbol, raw.price_open),
                "price_current": self._price(raw.symbol, raw.price_current),
                "profit": decimal_text(raw.profit, money),
                "swap": decimal_text(raw.swap, money),
                "opened_ms": int(raw.time_msc),
            }
            for raw in self._asked(self._terminal().positions_get())
        ]

    def orders(self, logins: Sequence[int]) -> list[Json]:
        account = self._account()
        if account.login not in logins:
            return []
        return [
            {
                "order": int(raw.ticket),
                "login": int(account.login),
                "symbol": raw.symbol,
                "kind": int(raw.type),
                "lots": decimal_text(raw.volume_current, 8),
                "price": self._price(raw.symbol, raw.price_open),
                "price_trigger": self._price(raw.symbol, raw.price_stoplimit),
                "stop_loss": self._price(raw.symbol, raw.sl),
                "take_profit": self._price(raw.symbol, raw.tp),
                "placed_ms": int(raw.time_setup_msc),
                "expires_ms": int(raw.time_expiration) * 1000,
                "comment": raw.comment,
            }
            for raw in self._asked(self._terminal().orders_get())
        ]

    def deals(self, query: HistoryQuery) -> list[Json]:
        account, terminal = self._account(), self._terminal()
        if query.logins is not None and account.login not in query.logins:
            return []
        if query.tickets is not None:
            # the package's `ticket` means the order's; a deal is found among all
            wanted = set(query.tickets)
            found = [raw for raw in self._asked(terminal.history_deals_get(0, _FULL_HISTORY)) if raw.ticket in wanted]
        else:
            start, end = query.from_ms // 1000, -(-query.to_ms // 1000)
            every = self._asked(terminal.history_deals_get(start, end))
            found = [raw for raw in every if query.from_ms <= raw.time_msc < query.to_ms]
        told = [self._deal(raw, account) for raw in found]
        return sorted(told, key=lambda row: (row["time_ms"], row["deal"]))

    def trades(self, query: HistoryQuery) -> list[Json]:
        raise _unsupported(query)

    def open_trades(self, logins: Sequence[int]) -> list[Json]:
        raise _unsupported(logins)

    def ticks(self, symbols: Sequence[str]) -> list[Json]:
        terminal = self._terminal()
        told = ((name, terminal.symbol_info_tick(name)) for name in symbols)
        return [
            {
                "symbol": name,
                "bid": self._price(name, tick.bid),
                "ask": self._price(name, tick.ask),
                "time_ms": int(tick.time_msc),
            }
            for name, tick in told
            if tick is not None
        ]

    def check_margin(self, wanted: Json) -> Json:
        raise _unsupported(wanted)

    def add_user(self, wanted: Json) -> Json:
        raise _unsupported(wanted)

    def update_user(self, login: int, changes: Json) -> Json:
        raise _unsupported(login, changes)

    def archive_user(self, login: int) -> None:
        raise _unsupported(login)

    def delete_user(self, login: int) -> None:
        raise _unsupported(login)

    def set_password(self, login: int, kind: str, password: str) -> None:
        raise _unsupported(login, kind, password)

    def check_password(self, login: int, kind: str, password: str) -> bool:
        raise _unsupported(login, kind, password)

    def change_balance(self, wanted: Json) -> Json:
        raise _unsupported(wanted)

    def recover(self, path: str, wanted: Json) -> Json | None:
        raise _unsupported(path, wanted)

    def _deal(self, raw: Any, account: Any) -> Json:
        money, is_trade = int(account.currency_digits), int(raw.type) in _TRADES
        lots = decimal_text(raw.volume, 8)
        return {
            "deal": int(raw.ticket),
            "login": int(account.login),
            "order": int(raw.order),
            "position": int(raw.position_id),
            "position_by": 0,
            "action": int(raw.type),
            "entry": int(raw.entry),
            "reason": TERMINAL_REASONS.get(int(raw.reason), UNKNOWN_REASON),
            "symbol": raw.symbol,
            "digits": self._digits_of(raw.symbol),
            "currency_digits": money,
            "contract_size": "0",
            "lots": lots,
            "lots_closed": lots if is_trade and int(raw.entry) != _IN else "0",
            "price": self._price(raw.symbol, raw.price),
            "bid": None,
            "ask": None,
            "profit": decimal_text(raw.profit, money),
            "swap": decimal_text(raw.swap, money),
            "commission": decimal_text(raw.commission, money),
            "fee": decimal_text(raw.fee, money),
            "time_ms": int(raw.time_msc),
            "comment": raw.comment,
        }

    def _first_deal_ms(self) -> int:
        deals = self._asked(self._terminal().history_deals_get(0, _FULL_HISTORY))
        return min((int(raw.time_msc) for raw in deals), default=0)

    def _digits_of(self, name: str) -> int:
        if name and name not in self._digits:
            symbol = self._terminal().symbol_info(name)
            self._digits[name] = int(symbol.digits) if symbol is not None else _PRICE_DIGITS
        return self._digits.get(name, 0)

    def _price(self, name: str, value: float) -> str:
        return decimal_text(value, self._digits_of(name))

    def _account(self) -> Any:
        account = self._terminal().account_info()
        if account is None:
            raise self._unreachable()
        if int(account.login) != self._login:
            raise Fault("server_unreachable", f"The terminal is signed in to account {account.login}.")
        return account

    def _asked(self, answer: Any) -> Any:
        """Return the rows of an answer; None with a good last error is nothing."""
        if answer is not None:
            return answer
        if self._api.last_error()[0] == RES_S_OK:
            return ()
        raise self._unreachable()

    def _terminal(self) -> Any:
        if not self._ready and not self._api.initialize(*self._path, **self._options):
            raise self._unreachable()
        self._ready = True
        return self._api

    def _unreachable(self) -> Fault:
        self._ready = False
        number, text = self._api.last_error()[:2]
        return Fault("server_unreachable", str(text), int(number) if number >= 0 else None)


def _unsupported(*_asked: object) -> Fault:
    return Fault("unsupported", "A terminal only reads its own account.")
