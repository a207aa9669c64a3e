"""Stands in for the Windows package `MT5Manager`: the names the agent uses, over a server in memory.

Method and attribute names and parameters are those of the package's stub (`names.json` lists them; a test compares).
Like the package, nothing here raises: False or None, and LastError() tells."""

import enum
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

__version__ = "5.0.6231"


class EnMTAPIRetcode(enum.IntFlag):
    MT_RET_OK = 0
    MT_RET_OK_NONE = 1
    MT_RET_ERR_PARAMS = 3
    MT_RET_ERR_NETWORK = 7
    MT_RET_ERR_TIMEOUT = 9
    MT_RET_ERR_NOTFOUND = 13
    MT_RET_USR_LOGIN_EXIST = 3004
    MT_RET_USR_INVALID_PASSWORD = 3006
    MT_RET_USR_HAS_TRADES = 3008
    MT_RET_TRADE_MAX_MONEY = 4005
    MT_RET_REQUEST_NO_MONEY = 10019


class _Record:
    """An object of the package: made with the manager, cleared fields, attributes set freely."""

    FIELDS: dict[str, Any] = {}

    def __init__(self, *args: Any, **_kwargs: Any) -> None:
        assert args, "an object made without a manager cannot be used"
        for name, value in self.FIELDS.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.FIELDS, f"{type(self).__name__} has no {name}"
        object.__setattr__(self, name, value)


class MTUser(_Record):
    class EnUsersRights(enum.IntFlag):
        USER_RIGHT_ENABLED = 1
        USER_RIGHT_TRADE_DISABLED = 4
        USER_RIGHT_DEFAULT = 0x1E3

    class EnUsersPasswords(enum.IntFlag):
        USER_PASS_MAIN = 0
        USER_PASS_INVESTOR = 1

    FIELDS = {
        "Login": 0, "Group": "", "Name": "", "FirstName": "", "MiddleName": "", "LastName": "", "EMail": "",
        "Country": "", "Phone": "", "Leverage": 100, "Agent": 0, "Comment": "", "ID": "", "Rights": 0, "Balance": 0.0,
        "Credit": 0.0, "Registration": 0, "Language": 0,
    }  # fmt: skip


class MTDeal(_Record):
    class EnDealAction(enum.IntFlag):
        DEAL_BUY = 0
        DEAL_SELL = 1
        DEAL_BALANCE = 2
        DEAL_CREDIT = 3
        DEAL_CHARGE = 4
        DEAL_CORRECTION = 5
        DEAL_BONUS = 6

    FIELDS = {
        "Deal": 0, "Login": 0, "Order": 0, "PositionID": 0, "Action": 0, "Entry": 0, "Reason": 0, "Symbol": "",
        "Digits": 5, "DigitsCurrency": 2, "ContractSize": 0.0, "Volume": 0, "VolumeExt": 0, "VolumeClosed": 0,
        "VolumeClosedExt": 0, "Price": 0.0, "MarketBid": 0.0, "MarketAsk": 0.0, "Profit": 0.0, "Storage": 0.0,
        "Commission": 0.0, "Fee": 0.0, "Time": 0, "TimeMsc": 0, "Comment": "",
    }  # fmt: skip


class MTPosition(_Record):
    FIELDS = {
        "Position": 0, "Login": 0, "Symbol": "", "Action": 0, "Digits": 5, "DigitsCurrency": 2, "Volume": 0,
        "VolumeExt": 0, "PriceOpen": 0.0, "PriceCurrent": 0.0, "Profit": 0.0, "Storage": 0.0, "TimeCreate": 0,
        "TimeCreateMsc": 0,
    }  # fmt: skip


class MTOrder(_Record):
    FIELDS = {
        "Order": 0, "Login": 0, "Symbol": "", "Type": 2, "Digits": 5, "VolumeCurrent": 0, "VolumeCurrentExt": 0,
        "PriceOrder": 0.0, "PriceTrigger": 0.0, "PriceSL": 0.0, "PriceTP": 0.0, "TimeSetup": 0, "TimeSetupMsc": 0,
        "TimeExpiration": 0, "Comment": "",
    }  # fmt: skip


class MTAccount(_Record):
    FIELDS = {
        "Login": 0, "CurrencyDigits": 2, "Balance": 0.0, "Credit": 0.0, "Equity": 0.0, "Margin": 0.0, "MarginFree": 0.0,
        "Floating": 0.0,
    }  # fmt: skip


class MTConGroup(_Record):
    FIELDS = {"Group": "", "Currency": "USD", "CurrencyDigits": 2}


class MTConSymbol(_Record):
    FIELDS = {
        "Symbol": "", "Path": "", "ContractSize": 100_000.0, "Digits": 5, "CurrencyBase": "EUR",
        "CurrencyProfit": "USD",
    }  # fmt: skip


class MTTickShort(_Record):
    FIELDS = {"bid": 0.0, "ask": 0.0, "datetime": 0, "datetime_msc": 0}


class Server:
    """What the MT5 server holds; tests fill it and look into it."""

    def __init__(self) -> None:
        self.users: dict[int, MTUser] = {}
        self.passwords: dict[tuple[int, int], str] = {}
        self.deals: dict[int, MTDeal] = {}
        self.positions: dict[int, MTPosition] = {}
        self.orders: dict[int, MTOrder] = {}
        self.groups: list[MTConGroup] = []
        self.symbols: list[MTConSymbol] = []
        self.ticks: dict[str, MTTickShort] = {}
        self.sinks: list[Any] = []
        self.is_up = True
        self.error = (0, EnMTAPIRetcode.MT_RET_OK, "Done")
        self.lose_next_answer = False
        self.connections = 0

    def fail(self, retcode: EnMTAPIRetcode, text: str) -> bool:
        self.error = (-1, retcode, text)
        return False

    def ring(self, method: str, record: Any) -> None:
        for sink in self.sinks:
            if hasattr(sink, method):
                getattr(sink, method)(record)


SERVER = Server()


def reset() -> Server:
    """Start with an empty server."""
    global SERVER  # noqa: PLW0603 -- a module stands for a package
    SERVER = Server()
    return SERVER


def LastError() -> tuple[int, EnMTAPIRetcode, str]:
    return SERVER.error


class ManagerAPI:
    class EnPumpModes(enum.IntFlag):
        PUMP_MODE_USERS = 1
        PUMP_MODE_ORDERS = 8
        PUMP_MODE_POSITIONS = 0x80
        PUMP_MODE_GROUPS = 0x100
        PUMP_MODE_SYMBOLS = 0x200

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self._connected = False

    def Connect(self, server: str, login: int, password: str, pump_mode: int, timeout: int) -> bool:
        if not SERVER.is_up:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NETWORK, "Network error")
        assert (server, password, bool(pump_mode), timeout > 0) == ("mt5.test:443", "manager-pass", True, True)
        SERVER.connections += 1
        self._connected = login == 1000
        return self._connected

    def Disconnect(self) -> bool:
        self._connected = False
        return True

    def DealSubscribe(self, deal_sink: Any) -> bool:
        return self._sink(deal_sink, "OnDeal")

    def PositionSubscribe(self, sink: Any) -> bool:
        return self._sink(sink, "OnPosition")

    def OrderSubscribe(self, sink: Any) -> bool:
        return self._sink(sink, "OnOrder")

    def UserSubscribe(self, user_sink: Any) -> bool:
        return self._sink(user_sink, "OnUser")

    def TimeServerRequest(self) -> Any:
        return int(datetime.now(UTC).timestamp()) + 7200 if self._up() else False

    def GroupRequestArray(self, mask: str) -> Any:
        return [group for group in SERVER.groups if fnmatchcase(group.Group, mask)] if self._up() else False

    def SymbolTotal(self) -> int:
        return len(SERVER.symbols)

    def SymbolNext(self, pos: int) -> Any:
        return SERVER.symbols[pos]

    def SymbolRequest(self, name: str) -> Any:
        found = [symbol for symbol in SERVER.symbols if symbol.Symbol == name]
        return found[0] if found else SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")

    def TickLast(self, symbol: str) -> Any:
        return SERVER.ticks.get(symbol) or SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")

    def UserLogins(self, group: str) -> Any:
        return [user.Login for user in SERVER.users.values() if fnmatchcase(user.Group, group)] if self._up() else False

    def UserRequestByGroup(self, group: str) -> Any:
        return self._some([user for user in SERVER.users.values() if fnmatchcase(user.Group, group)])

    def UserRequestByLogins(self, login_list: list[int]) -> Any:
        return self._some([SERVER.users[login] for login in login_list if login in SERVER.users])

    def UserRequest(self, login: int) -> Any:
        if not self._up():
            return False
        return SERVER.users.get(login) or SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")

    def UserAdd(self, user: MTUser, master: str, investor: str) -> bool:
        if not self._up():
            return False
        if user.Login in SERVER.users:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_USR_LOGIN_EXIST, "Login exists")
        if len(master) < 8 or len(investor) < 8:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_USR_INVALID_PASSWORD, "Invalid password")
        user.Login = user.Login or max(SERVER.users, default=5000) + 1
        SERVER.users[user.Login] = user
        SERVER.passwords |= {(user.Login, 0): master, (user.Login, 1): investor}
        SERVER.ring("OnUserAdd", user)
        return self._answered(True)

    def UserUpdate(self, user: MTUser) -> bool:
        SERVER.users[user.Login] = user
        return self._answered(True)

    def UserDelete(self, login: int) -> bool:
        if any(position.Login == login for position in SERVER.positions.values()):
            return SERVER.fail(EnMTAPIRetcode.MT_RET_USR_HAS_TRADES, "User has trades")
        if login not in SERVER.users:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")
        del SERVER.users[login]
        return True

    def UserPasswordChange(self, type: int, login: int, password: str) -> bool:
        if len(password) < 8:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_USR_INVALID_PASSWORD, "Invalid password")
        SERVER.passwords[login, int(type)] = password
        return True

    def UserPasswordCheck(self, type: int, login: int, password: str) -> bool:
        if SERVER.passwords.get((login, int(type))) == password:
            return True
        return SERVER.fail(EnMTAPIRetcode.MT_RET_USR_INVALID_PASSWORD, "Invalid password")

    def UserAccountRequest(self, login: int) -> Any:
        return (
            _account(login) if login in SERVER.users else SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")
        )

    def UserAccountRequestByLogins(self, logins_list: list[int]) -> Any:
        return self._some([_account(login) for login in logins_list if login in SERVER.users])

    def PositionRequestByLogins(self, login_list: list[int]) -> Any:
        return self._some([row for row in SERVER.positions.values() if row.Login in login_list])

    def OrderRequestByLogins(self, login_list: list[int]) -> Any:
        return self._some([row for row in SERVER.orders.values() if row.Login in login_list])

    def DealRequest(self, login: int, from_date: int, to_date: int) -> Any:
        return self.DealRequestByLogins([login], from_date, to_date)

    def DealRequestByLogins(self, login_list: list[int], from_date: int, to_date: int) -> Any:
        mine = [deal for deal in SERVER.deals.values() if deal.Login in login_list]
        return self._some([deal for deal in mine if from_date <= deal.Time <= to_date])

    def DealRequestByGroup(self, group: str, from_date: int, to_date: int) -> Any:
        logins = [user.Login for user in SERVER.users.values() if fnmatchcase(user.Group, group)]
        return self.DealRequestByLogins(logins, from_date, to_date)

    def DealRequestByTickets(self, ticket_list: list[int]) -> Any:
        return self._some([SERVER.deals[ticket] for ticket in ticket_list if ticket in SERVER.deals])

    def DealerBalance(self, login: int, value: float, type: int, comment: str) -> Any:
        if login in SERVER.users and value < 0 and SERVER.users[login].Balance + value < 0:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_REQUEST_NO_MONEY, "No money")
        return self.DealerBalanceRaw(login, value, type, comment)

    def DealerBalanceRaw(self, login: int, value: float, type: int, comment: str) -> Any:
        if not self._up():
            return False
        if login not in SERVER.users:
            return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")
        deal = MTDeal(self)
        deal.Deal, deal.Login, deal.Action, deal.Profit = max(SERVER.deals, default=2**31) + 1, login, int(type), value
        deal.Time = int(datetime.now(UTC).timestamp()) + 7200
        deal.TimeMsc, deal.Digits, deal.Reason, deal.Comment = deal.Time * 1000, 2, 2, comment[:31]
        SERVER.deals[deal.Deal] = deal
        SERVER.users[login].Balance += value
        SERVER.ring("OnDealAdd", deal)
        return self._answered(deal.Deal)

    def TradeMarginCheck(self, login: int, symbol: str, type: int, volume: int, price: float) -> Any:
        after, now = _account(login), _account(login)
        after.Margin += volume / 10_000 * 100_000 * price / 100
        after.MarginFree -= after.Margin
        return after, now

    def _up(self) -> bool:
        if SERVER.is_up and self._connected:
            return True
        return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NETWORK, "Network error")

    def _some(self, found: list[Any]) -> Any:
        if not self._up():
            return False
        return found or SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_NOTFOUND, "Not found")

    def _answered(self, answer: Any) -> Any:
        """Return an answer, unless the test wants it to get lost after the deed."""
        if not SERVER.lose_next_answer:
            return answer
        SERVER.lose_next_answer = False
        return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_TIMEOUT, "Timeout")

    def _sink(self, sink: Any, prefix: str) -> bool:
        if not any(name.startswith(prefix) for name in dir(sink)):
            return SERVER.fail(EnMTAPIRetcode.MT_RET_ERR_PARAMS, "no method of the sink")
        SERVER.sinks.append(sink)
        return True


def _account(login: int) -> MTAccount:
    account, user = MTAccount(login), SERVER.users[login]
    account.Login, account.Balance, account.Credit = login, user.Balance, user.Credit
    account.Floating = sum(row.Profit + row.Storage for row in SERVER.positions.values() if row.Login == login)
    account.Equity = account.Balance + account.Credit + account.Floating
    account.MarginFree = account.Equity
    return account
