r"""The control port for tests and the demo: plain HTTP on loopback, only with `--control`. JSON in, JSON out.

| POST | body | answer |
|---|---|---|
| /sim/trade | login, symbol, lots, [side: buy or sell], [keep_open: 1] | login, symbol, position, open_ticket; and \
unless kept open close_ticket, closed_at (UTC), time_msc |
| /sim/late | ticket to copy, [minutes earlier, default 40] | ticket, position |
| /sim/edit | ticket, [profit_change, default 1] | ticket |
| /sim/delete | ticket | ticket |
| /sim/balance | login, amount, [comment] | ticket |
| /sim/order | login, symbol, lots, price, [kind: 2 buy limit … 5 sell stop] | order |
| /sim/faults | [on: list of switches], [off: list of names or "all"], [slow_seconds], [maintenance_seconds] | active, \
injected |
| /sim/totals | – | deals, accounts, positions, requests, per login: deals, balance, equity, closed_profit, swap, open |
| /sim/deals | [login] | tickets, ascending |
| /sim/users | [login] | accounts: login, group, name, rights, token, archived |
| /sim/cut | – | connections dropped |
| /sim/maintenance | [seconds, default 5] | connections dropped; new ones are hung up on until then |
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from mt4bridge.simulator import trading
from mt4bridge.simulator.book import E8, Book
from mt4bridge.simulator.faults import Faults, UnknownFault
from mt4bridge.simulator.history_faults import add_late_deal, edit_deal
from mt4bridge.simulator.http import BadRequest, Reply, Request, read_request, send
from mt4bridge.simulator.live import close_at_market, now_ms, open_at_market
from mt4bridge.simulator.market import Market
from mt4bridge.simulator.query import ApiError, Query
from mt4bridge.simulator.records import BUY, OUT, SELL, ZERO, SimOrder
from mt4bridge.simulator.server import AccessServer

Answer = dict[str, object]


class Control:
    def __init__(self, book: Book, market: Market, faults: Faults, server: AccessServer) -> None:
        self._book = book
        self._market = market
        self._faults = faults
        self._server = server
        self._commands: dict[str, Callable[[Query], Answer]] = {
            "/sim/trade": self._trade,
            "/sim/late": self._late,
            "/sim/edit": self._edit,
            "/sim/delete": self._delete,
            "/sim/balance": self._balance,
            "/sim/faults": self._switch,
            "/sim/totals": self._totals,
            "/sim/deals": self._deals,
            "/sim/order": self._order,
            "/sim/users": self._users,
            "/sim/cut": lambda _: {"dropped": self._server.cut_all()},
            "/sim/maintenance": lambda query: {"dropped": self._server.close_for(query.number("seconds", 5))},
        }

    async def start(self, port: int) -> str:
        """Listen on loopback; returns the address as a URL."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=65_536)
        return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                await send(writer, self._answer(request))
                if not request.keep_alive:
                    break
        except BadRequest as error:
            await send(writer, Reply(json.dumps({"error": str(error)}), 400))
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, request: Request) -> Reply:
        command = self._commands.get(request.path)
        if command is None:
            return Reply(json.dumps({"error": "no such command"}), 404)
        try:
            return Reply(json.dumps(command(Query(request.params))))
        except (ApiError, UnknownFault, KeyError, ValueError) as error:
            return Reply(json.dumps({"error": f"{type(error).__name__}: {error}"}), 400)

    def _trade(self, query: Query) -> Answer:
        """Open a trade and, unless it is to stay open, close it at once."""
        login, symbol = query.number("login"), query.text("symbol")
        action = SELL if query.text("side", "buy") == "sell" else BUY
        lots_e8 = int(query.money("lots") * E8)
        if login not in self._book.users or lots_e8 <= 0:
            raise ApiError(13, "no such login, or no lots")
        position = open_at_market(self._book, self._market, login=login, symbol=symbol, action=action, lots_e8=lots_e8)
        opened = next(deal for deal in reversed(self._book.deals.values()) if deal.position == position.position)
        answer: Answer = {"position": position.position, "login": login, "symbol": symbol, "open_ticket": opened.ticket}
        if query.number("keep_open", 0):
            return answer
        deal = self._book.deals[close_at_market(self._book, self._market, position)]
        closed_at = self._book.clock.to_utc_ms(deal.time_ms).isoformat()
        return {**answer, "close_ticket": deal.ticket, "time_msc": deal.time_ms, "closed_at": closed_at}

    def _late(self, query: Query) -> Answer:
        earlier_ms = query.number("minutes", 40) * 60_000
        deal = add_late_deal(self._book, like=query.number("ticket"), earlier_ms=earlier_ms)
        return {"ticket": deal.ticket, "position": deal.position}

    def _edit(self, query: Query) -> Answer:
        change = query.money("profit_change") if query.has("profit_change") else Decimal(1)
        return {"ticket": edit_deal(self._book, ticket=query.number("ticket"), profit_change=change).ticket}

    def _delete(self, query: Query) -> Answer:
        return {"ticket": self._book.remove_deal(query.number("ticket")).ticket}

    def _balance(self, query: Query) -> Answer:
        deal = trading.book_balance(
            self._book,
            login=query.number("login"),
            kind=2,
            amount=query.money("amount"),
            comment=query.text("comment", "manual"),
            check_margin=False,
            at_ms=now_ms(self._book),
            dealer=0,
        )
        return {"ticket": deal.ticket}

    def _switch(self, query: Query) -> Answer:
        for switch in filter(None, query.text("on", "").split(",")):
            self._faults.turn_on(switch)
        for name in filter(None, query.text("off", "").split(",")):
            self._faults.turn_off(name)
        if query.has("slow_seconds"):
            self._faults.slow_seconds = float(query.money("slow_seconds"))
        if query.has("maintenance_seconds"):
            self._faults.maintenance_seconds = float(query.money("maintenance_seconds"))
        return {"active": self._faults.active(), "injected": self._faults.report()}

    def _order(self, query: Query) -> Answer:
        """Place a pending order that no price ever reaches by itself."""
        symbol = self._book.symbols[query.text("symbol")]
        order = SimOrder(
            order=self._book.next_ticket(),
            login=query.number("login"),
            symbol=symbol.name,
            kind=query.number("kind", 2),
            volume_e8=int(query.money("lots") * E8),
            price=query.money("price"),
            placed_ms=self._book.clock.from_utc_ms(datetime.now(UTC)),
            digits=symbol.digits,
            contract_size=symbol.contract_size,
        )
        self._book.put_order(order)
        return {"order": order.order}

    def _users(self, query: Query) -> Answer:
        kept = [*self._book.users.values(), *(user for user, _ in self._book.archive.values())]
        wanted = query.number("login", 0)
        accounts = [
            {
                "login": user.login, "group": user.group, "name": user.name, "rights": user.rights,
                "token": user.more.get("ID", ""), "archived": user.login in self._book.archive,
            }
            for user in kept
            if wanted in (0, user.login)
        ]  # fmt: skip
        return {"accounts": accounts}

    def _totals(self, _query: Query) -> Answer:
        book = self._book
        return {
            "deals": len(book.deals),
            "accounts": len(book.users),
            "positions": len(book.positions),
            "requests": self._server.requests,
            "logins": {str(login): self._totals_of(login) for login in sorted(book.users)},
        }

    def _totals_of(self, login: int) -> Answer:
        deals = [deal for deal in self._book.deals.values() if deal.login == login]
        closing = [deal for deal in deals if deal.action in (BUY, SELL) and deal.entry == OUT]
        state = self._book.state_of(login)
        return {
            "deals": len(deals),
            "closing": len(closing),
            "closed_lots": str(Decimal(sum(deal.closed_e8 for deal in closing)) / E8),
            "balance": str(state.balance),
            "equity": str(state.equity),
            "closed_profit": str(sum((deal.profit for deal in closing), ZERO)),
            "swap": str(sum((deal.swap for deal in deals), ZERO)),
            "open": len(self._book.positions_of(login)),
        }

    def _deals(self, query: Query) -> Answer:
        login = query.number("login", 0)
        return {"tickets": sorted(deal.ticket for deal in self._book.deals.values() if login in (0, deal.login))}
