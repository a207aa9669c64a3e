"""time/*, common/*, group/*, symbol/*: how the server is set up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from mt4bridge.simulator import outcome, render
from mt4bridge.simulator.commands.desk import Command, Desk, nth
from mt4bridge.simulator.outcome import DONE, Outcome, answer, bare
from mt4bridge.simulator.query import INVALID, NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import SimGroup, SimSymbol

IN_USE = 17


class Configuration:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/test/access": lambda _: DONE,
            "/api/time/server": self.time_server,
            "/api/time/get": self.time_get,
            "/api/common/get": self.common_get,
            "/api/group/total": lambda query: outcome.total(len(self._groups(query))),
            "/api/group/next": lambda query: answer(render.group(nth(self._groups(query), query))),
            "/api/group/get": self.group_get,
            "/api/group/add": self.group_add,
            "/api/group/delete": self.group_delete,
            "/api/symbol/list": lambda _: answer(sorted(self._book.symbols)),
            "/api/symbol/total": lambda _: outcome.total(len(self._book.symbols)),
            "/api/symbol/next": lambda query: answer(render.symbol(nth(self._symbols(), query))),
            "/api/symbol/get": self.symbol_get,
            "/api/symbol/get_group": self.symbol_get_group,
            "/api/symbol/add": self.symbol_add,
            "/api/symbol/delete": self.symbol_delete,
        }

    def time_server(self, _query: Query) -> Outcome:
        seconds = self._desk.now_ms() // 1000
        text = f"{seconds} {datetime.fromtimestamp(seconds, UTC):%Y.%m.%d %H:%M:%S}"
        return bare({"Time": text}, TIME=text)

    def time_get(self, _query: Query) -> Outcome:
        clock, now = self._book.clock, datetime.now(UTC)
        offset = clock.offset_seconds(now)
        january = clock.offset_seconds(datetime(now.year, 1, 1, tzinfo=UTC))
        week = [{str(hour): "1" for hour in range(24)} for _ in range(7)]
        return answer(
            {
                "Daylight": "1", "DaylightState": str(int(offset != january)), "TimeServer": "pool.ntp.org",
                "TimeZone": str(january // 60), "Days": week,
            }
        )  # fmt: skip

    def common_get(self, _query: Query) -> Outcome:
        book = self._book
        return answer(
            {
                "Name": "MT5 simulator", "Owner": "Simulated Broker", "OwnerID": "", "OwnerHost": "",
                "OwnerEmail": "", "Product": "MetaTrader 5", "ExpirationLicense": "0", "ExpirationSupport": "0",
                "LimitTradeServers": "1", "LimitWebServers": "1", "LimitAccounts": "100000", "LimitDeals": "0",
                "LimitSymbols": "1000", "LimitGroups": "1000", "LiveUpdateMode": "0",
                "TotalUsers": str(len(book.users)), "TotalUsersReal": str(len(book.users)),
                "TotalDeals": str(len(book.deals)), "TotalOrders": str(len(book.orders)),
                "TotalOrdersHistory": str(len(book.deals)), "TotalPositions": str(len(book.positions)),
                "AccountURL": "", "AccountAuto": "0",
            }
        )  # fmt: skip

    def group_get(self, query: Query) -> Outcome:
        """Return the group of a name, or the first that fits a mask."""
        name = query.either("group", "name")
        names = sorted(self._desk.groups(query, name)) if name else []
        if not names:
            raise ApiError(NOT_FOUND, "Not found")
        return answer(render.group(self._book.groups[name if name in names else names[0]]))

    def group_add(self, query: Query) -> Outcome:
        """Add a group, or change the one of this name."""
        name = query.text("group")
        before = self._book.groups.get(name) or SimGroup(name)
        group = replace(
            before,
            currency=query.text("currency", before.currency),
            currency_digits=query.number("currencydigits", before.currency_digits),
        )
        self._book.put_group(group)
        return answer(render.group(group))

    def group_delete(self, query: Query) -> Outcome:
        name = query.text("group")
        if name not in self._book.groups:
            raise ApiError(NOT_FOUND, "Not found")
        if any(user.group == name for user in self._book.users.values()):
            raise ApiError(IN_USE, "Group is used")
        self._book.remove_group(name)
        return DONE

    def symbol_get(self, query: Query) -> Outcome:
        """Return the symbol of a name, or the list of those that fit a mask (`mask`)."""
        if query.has("mask"):
            fits = [item for item in self._symbols() if fnmatchcase(item.name, query.text("mask"))]
            return answer([render.symbol(item) for item in fits])
        return answer(render.symbol(self._desk.symbol(query.either("symbol", "name"))))

    def symbol_get_group(self, query: Query) -> Outcome:
        symbol = self._desk.symbol(query.either("symbol", "name"))
        if query.text("group") not in self._desk.groups(query):
            raise ApiError(NOT_FOUND, "Not found")
        return answer(render.symbol(symbol))

    def symbol_add(self, query: Query) -> Outcome:
        """Add a symbol, or change the one of this name."""
        name = query.text("symbol")
        before = self._book.symbols.get(name)
        if before is None and not (query.has("contractsize") and query.has("currencyprofit")):
            raise ApiError(INVALID, "Invalid parameters")
        symbol = SimSymbol(
            name=name,
            path=query.text("path", before.path if before else name),
            description=query.text("description", before.description if before else name),
            contract_size=query.decimal("contractsize", before.contract_size if before else Decimal(0)),
            digits=query.number("digits", before.digits if before else 5),
            currency_base=query.text("currencybase", before.currency_base if before else ""),
            currency_profit=query.text("currencyprofit", before.currency_profit if before else ""),
        )
        self._book.put_symbol(symbol)
        return answer(render.symbol(symbol))

    def symbol_delete(self, query: Query) -> Outcome:
        name = self._desk.symbol(query.either("symbol", "name")).name
        if any(position.symbol == name for position in self._book.positions.values()):
            raise ApiError(IN_USE, "Symbol is used")
        self._book.remove_symbol(name)
        return DONE

    def _groups(self, query: Query) -> list[SimGroup]:
        return [self._book.groups[name] for name in sorted(self._desk.groups(query))]

    def _symbols(self) -> list[SimSymbol]:
        return sorted(self._book.symbols.values(), key=lambda item: item.name)
