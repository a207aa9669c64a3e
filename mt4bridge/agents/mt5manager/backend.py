"""An MT5 server through the `mt5manager` package (Windows): the Manager API as an agent's backend.

The package's module is handed in, so that this runs anywhere in tests. Functions of the package never raise: they
return False (or None), and `LastError()` says why. Event sinks are called from the package's network thread and may
not ask the server: they only ring the bell."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from mt4bridge.agents.backend import HistoryQuery
from mt4bridge.agents.events import Events
from mt4bridge.agents.mt5manager import rows
from mt4bridge.agents.numbers import DONE_CODES, NOTHING_CODES, UNREACHABLE_CODES, fault_of
from mt4bridge.httpbridge.contract import CAPABILITIES, Fault, Json
from mt4bridge.languages import lcid_of

log = logging.getLogger("mt4bridge.agents")
CONNECT_MS = 30_000
COMMENT_LENGTH = 31
_FIELDS = {
    "group": "Group", "name": "Name", "email": "EMail", "country": "Country", "phone": "Phone", "leverage": "Leverage",
    "agent": "Agent", "comment": "Comment", "token": "ID", "rights": "Rights",
}  # fmt: skip
_KINDS = {
    "balance": "DEAL_BALANCE", "credit": "DEAL_CREDIT", "charge": "DEAL_CHARGE", "correction": "DEAL_CORRECTION",
    "bonus": "DEAL_BONUS",
}  # fmt: skip
_MONEY_ACTIONS = frozenset((2, 3, 4, 5, 6))


class Mt5Manager:
    """One manager session. It connects when first asked and again after the server was lost."""

    platform = "mt5"
    capabilities: Sequence[str] = CAPABILITIES

    def __init__(self, api: ModuleType, *, server: str, login: int, password: str, events: Events) -> None:
        self.name = f"mt5manager {getattr(api, '__version__', '')}".strip()
        self._api = api
        self._server = server
        self._login = login
        self._password = password
        self._manager: Any = api.ManagerAPI()
        self._connected = False
        self._connecting = threading.Lock()
        self._sinks = (DealSink(events), PositionSink(events), OrderSink(events), UserSink(events))
        self._digits: dict[str, int] = {}  # group → digits of its currency
        self._subscribe()

    def connected(self) -> bool:
        try:
            self._ensure()
        except Fault:
            return False
        return True

    def disconnect(self) -> None:
        """End the session."""
        if self._connected:
            self._manager.Disconnect()
        self._connected = False

    def server_ms(self) -> int:
        return int(self._asked(lambda manager: manager.TimeServerRequest())) * 1000

    def groups(self) -> list[Json]:
        found = [rows.group(raw) for raw in self._listed(lambda manager: manager.GroupRequestArray("*"))]
        self._digits = {group["name"]: group["currency_digits"] for group in found}
        return found

    def symbols(self) -> list[Json]:
        total = int(self._asked(lambda manager: manager.SymbolTotal(), empty=0))
        return [rows.symbol(self._asked(partial(_symbol_at, index))) for index in range(total)]

    def users(self, *, group: str, logins: Sequence[int] | None, token: str | None) -> list[Json]:
        if logins is None:
            found = self._listed(lambda manager: manager.UserRequestByGroup(group))
        else:
            visible = set(self._listed(lambda manager: manager.UserLogins(group)))
            wanted = [login for login in logins if login in visible]
            found = self._listed(lambda manager: manager.UserRequestByLogins(wanted)) if wanted else []
        return [self._user(raw) for raw in found if token in (None, raw.ID)]

    def accounts(self, logins: Sequence[int]) -> list[Json]:
        found = self._listed(lambda manager: manager.UserAccountRequestByLogins(list(logins)))
        return [rows.account(raw) for raw in found]

    def positions(self, logins: Sequence[int]) -> list[Json]:
        found = self._listed(lambda manager: manager.PositionRequestByLogins(list(logins)))
        return [rows.position(raw) for raw in found]

    def orders(self, logins: Sequence[int]) -> list[Json]:
        return [rows.order(raw) for raw in self._listed(lambda manager: manager.OrderRequestByLogins(list(logins)))]

    def deals(self, query: HistoryQuery) -> list[Json]:
        found = [rows.deal(raw) for raw in self._history(query)]
        if query.tickets is None:
            found = [row for row in found if query.from_ms <= row["time_ms"] < query.to_ms]
        return sorted(found, key=lambda row: (row["time_ms"], row["deal"]))

    def trades(self, query: HistoryQuery) -> list[Json]:
        raise _not_mt5(query)

    def open_trades(self, logins: Sequence[int]) -> list[Json]:
        raise _not_mt5(logins)

    def ticks(self, symbols: Sequence[str]) -> list[Json]:
        found: list[Json] = []
        for name in symbols:
            symbol = self._asked(partial(_symbol_named, name), empty=None)
            tick = self._asked(partial(_tick_of, name), empty=None)
            if symbol and tick:
                found.append(rows.tick(name, tick, int(symbol.Digits)))
        return found

    def check_margin(self, wanted: Json) -> Json:
        login, kind = wanted["login"], 1 if wanted["action"] == "sell" else 0
        volume = int(wanted["lots"] * rows.EXT_PER_VOLUME)
        now = self._asked(lambda manager: manager.UserAccountRequest(login))
        told = self._asked(
            lambda manager: manager.TradeMarginCheck(login, wanted["symbol"], kind, volume, float(wanted["price"]))
        )
        after = told[0] if isinstance(told, tuple) else told
        return rows.margin(now, after)

    def add_user(self, wanted: Json) -> Json:
        user = self._api.MTUser(self._connected_manager())
        if wanted["login"]:
            user.Login = wanted["login"]
        rights = int(self._api.MTUser.EnUsersRights.USER_RIGHT_DEFAULT)
        self._fill(user, {**wanted, "rights": rights})
        main, investor = wanted["main_password"], wanted["investor_password"]
        self._wrote(lambda manager: manager.UserAdd(user, main, investor))
        return self._user(user)

    def update_user(self, login: int, changes: Json) -> Json:
        user = self._asked(lambda manager: manager.UserRequest(login))
        self._fill(user, changes)
        self._wrote(lambda manager: manager.UserUpdate(user))
        return self._user(self._asked(lambda manager: manager.UserRequest(login)))

    def archive_user(self, login: int) -> None:
        raise Fault("unsupported", f"The Manager API cannot archive accounts; {login} can be disabled.")

    def delete_user(self, login: int) -> None:
        self._wrote(lambda manager: manager.UserDelete(login))

    def set_password(self, login: int, kind: str, password: str) -> None:
        number = self._password_kind(kind)
        self._wrote(lambda manager: manager.UserPasswordChange(number, login, password))

    def check_password(self, login: int, kind: str, password: str) -> bool:
        number = self._password_kind(kind)
        try:
            return bool(self._asked(lambda manager: manager.UserPasswordCheck(number, login, password)))
        except Fault as fault:
            if fault.code == "weak_password":  # the number for "not this password" too
                return False
            raise

    def change_balance(self, wanted: Json) -> Json:
        login, amount, comment = wanted["login"], float(wanted["amount"]), wanted["comment"]
        kind = getattr(self._api.MTDeal.EnDealAction, _KINDS[wanted["kind"]])
        if wanted["check_margin"]:
            ticket = self._wrote(lambda manager: manager.DealerBalance(login, amount, kind, comment))
        else:
            ticket = self._wrote(lambda manager: manager.DealerBalanceRaw(login, amount, kind, comment))
        return {"ticket": int(ticket)}

    def recover(self, path: str, wanted: Json) -> Json | None:
        if path == "/users":
            return next(iter(self.users(group=wanted["group"], logins=None, token=wanted["token"])), None)
        if path != "/balance":
            return None
        now_s = self.server_ms() // 1000
        comment = wanted["comment"][:COMMENT_LENGTH]
        found = self._listed(lambda manager: manager.DealRequest(wanted["login"], now_s - 30 * 86_400, now_s + 86_400))
        mine = (raw for raw in found if int(raw.Action) in _MONEY_ACTIONS and raw.Comment == comment)
        return next(({"ticket": int(raw.Deal)} for raw in mine), None)

    def _history(self, query: HistoryQuery) -> list[Any]:
        """Ask for deals; MT's period has whole seconds and includes its end."""
        if query.tickets is not None:
            tickets = list(query.tickets)
            return self._listed(lambda manager: manager.DealRequestByTickets(tickets))
        start, end = query.from_ms // 1000, -(-query.to_ms // 1000)
        if query.logins is not None:
            logins = list(query.logins)
            return self._listed(lambda manager: manager.DealRequestByLogins(logins, start, end))
        return self._listed(lambda manager: manager.DealRequestByGroup(query.group, start, end))

    def _user(self, raw: Any) -> Json:
        if raw.Group not in self._digits:
            self.groups()
        return rows.user(raw, self._digits.get(raw.Group, 2))

    def _fill(self, user: Any, wanted: Json) -> None:
        """Write the wished fields into a user. `rights` comes before what is a part of it."""
        for name, field in _FIELDS.items():
            if name in wanted:
                setattr(user, field, wanted[name])
        if "name" in wanted:
            first, _, last = wanted["name"].rpartition(" ")
            user.FirstName, user.MiddleName, user.LastName = first or last, "", last if first else ""
        if wanted.get("language"):
            user.Language = lcid_of(wanted["language"])
        rights = int(user.Rights)
        if "enabled" in wanted:
            rights = rights | rows.RIGHT_ENABLED if wanted["enabled"] else rights & ~rows.RIGHT_ENABLED
        if "may_trade" in wanted:
            off = rows.RIGHT_TRADE_DISABLED
            rights = rights & ~off if wanted["may_trade"] else rights | off
        user.Rights = rights

    def _password_kind(self, kind: str) -> Any:
        kinds = self._api.MTUser.EnUsersPasswords
        return kinds.USER_PASS_MAIN if kind == "main" else kinds.USER_PASS_INVESTOR

    def _asked(self, call: Callable[[Any], Any], *, empty: Any = ...) -> Any:
        """Ask the server. `empty` is what stands for nothing found; without it that is a fault."""
        answer = call(self._connected_manager())
        if answer is False or answer is None:
            retcode, text = self._last_error()
            if empty is not ... and retcode in NOTHING_CODES | {0}:
                return empty
            raise self._fault(retcode, text, wrote=False)
        return answer

    def _listed(self, call: Callable[[Any], Any]) -> list[Any]:
        answer: Iterable[Any] = self._asked(call, empty=())
        return list(answer)

    def _wrote(self, call: Callable[[Any], Any]) -> Any:
        """Ask for a change, once."""
        answer = call(self._connected_manager())
        if answer is False or answer is None:
            retcode, text = self._last_error()
            if retcode in DONE_CODES:
                raise Fault("outcome_unknown", f"MT says neither done nor why not: {text}", retcode)
            raise self._fault(retcode, text, wrote=True)
        return answer

    def _fault(self, retcode: int, text: str, *, wrote: bool) -> Fault:
        if retcode in UNREACHABLE_CODES:
            self._connected = False
        return fault_of(retcode, text, wrote=wrote)

    def _last_error(self) -> tuple[int, str]:
        _own, retcode, text = self._api.LastError()
        return int(retcode), str(text)

    def _connected_manager(self) -> Any:
        self._ensure()
        return self._manager

    def _ensure(self) -> None:
        """Connect unless connected.

        :raises Fault: the server is not reached."""
        with self._connecting:
            if self._connected:
                return
            modes = self._api.ManagerAPI.EnPumpModes
            pump = modes.PUMP_MODE_USERS | modes.PUMP_MODE_ORDERS | modes.PUMP_MODE_POSITIONS
            pump |= modes.PUMP_MODE_SYMBOLS | modes.PUMP_MODE_GROUPS
            if not self._manager.Connect(self._server, self._login, self._password, pump, CONNECT_MS):
                retcode, text = self._last_error()
                raise Fault("server_unreachable", text, retcode)
            self._connected = True
            log.info("connected to %s as manager %s", self._server, self._login)

    def _subscribe(self) -> None:
        """Attach the sinks; the package wants this before the connection. Without one, only the bell is silent."""
        manager = self._manager
        calls = (manager.DealSubscribe, manager.PositionSubscribe, manager.OrderSubscribe, manager.UserSubscribe)
        for subscribe, sink in zip(calls, self._sinks, strict=True):
            if not subscribe(sink):
                log.warning("no events of %s: %s", type(sink).__name__, self._last_error()[1])


class _Sink:
    def __init__(self, events: Events) -> None:
        self._events = events


class DealSink(_Sink):
    def OnDealAdd(self, deal: Any) -> None:  # noqa: N802 -- the package's names, here and below
        self._events.add("deal", login=int(deal.Login), ticket=int(deal.Deal))

    OnDealUpdate = OnDealAdd
    OnDealDelete = OnDealAdd


class PositionSink(_Sink):
    def OnPositionAdd(self, position: Any) -> None:  # noqa: N802
        self._events.add("position", login=int(position.Login), ticket=int(position.Position))

    OnPositionUpdate = OnPositionAdd
    OnPositionDelete = OnPositionAdd


class OrderSink(_Sink):
    def OnOrderAdd(self, order: Any) -> None:  # noqa: N802
        self._events.add("order", login=int(order.Login), ticket=int(order.Order))

    OnOrderUpdate = OnOrderAdd
    OnOrderDelete = OnOrderAdd


class UserSink(_Sink):
    def OnUserAdd(self, user: Any) -> None:  # noqa: N802
        self._events.add("user", login=int(user.Login))

    OnUserUpdate = OnUserAdd
    OnUserDelete = OnUserAdd


def _symbol_at(index: int, manager: Any) -> Any:
    return manager.SymbolNext(index)


def _symbol_named(name: str, manager: Any) -> Any:
    return manager.SymbolRequest(name)


def _tick_of(name: str, manager: Any) -> Any:
    return manager.TickLast(name)


def _not_mt5(_asked: object) -> Fault:
    return Fault("unsupported", "An MT5 server has deals: ask for /deals, /positions and /orders.")
