r"""The control port for tests: plain HTTP on loopback, only with `--control`. JSON in, JSON out. The commands that the
MT5 simulator has too take and give the same.

| POST | body | answer |
|---|---|---|
| /sim/trade | login, symbol, lots, [side: buy or sell], [keep_open: 1] | login, symbol, position; and unless kept \
open closed_at (UTC) |
| /sim/close | ticket, [lots] | ticket, rest (0 when it was closed whole) |
| /sim/close-by | ticket, opposite | ticket |
| /sim/late | ticket to copy, [minutes earlier, default 40] | ticket, position |
| /sim/edit | ticket, [profit_change, default 1] | ticket |
| /sim/delete | ticket | ticket |
| /sim/balance | login, amount, [comment] | ticket |
| /sim/order | login, symbol, lots, price, [kind: 2 buy limit … 5 sell stop] | order |
| /sim/faults | [on: list of switches], [off: list of names or "all"], [slow_seconds] | active, injected |
| /sim/connected | yes: 1 or 0 | – |
| /sim/totals | – | deals (legs), accounts, positions, requests, per login: deals, balance, equity, closed_profit, \
swap, open |
| /sim/deals | [login] | tickets, ascending, one for each leg |
"""

import http.server
import json
import threading
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from mt4bridge.fakebridge.backend import FakeMt4
from mt4bridge.fakebridge.book import BALANCE, BUY, SELL, TRADES, ZERO, FakeTrade
from mt4bridge.fakebridge.tampering import Tampering, add_late_trade, edit_trade
from mt4bridge.httpbridge.contract import Fault, Json
from mt4bridge.simulator.faults import UnknownFault
from mt4bridge.simulator.market import Market


class Control:
    def __init__(self, backend: FakeMt4, market: Market, tampering: Tampering, turn: threading.Lock) -> None:
        self._backend = backend
        self._book = backend.book
        self._market = market
        self._tampering = tampering
        self._turn = turn
        self._commands: dict[str, Callable[[Json], Json]] = {
            "/sim/trade": self._trade,
            "/sim/close": self._close,
            "/sim/close-by": self._close_by,
            "/sim/late": self._late,
            "/sim/edit": self._edit,
            "/sim/delete": lambda body: {"ticket": self._book.remove_trade(int(body["ticket"])).ticket},
            "/sim/balance": self._balance,
            "/sim/order": self._order,
            "/sim/faults": self._switch,
            "/sim/connected": self._connect,
            "/sim/totals": self._totals,
            "/sim/deals": self._deals,
        }

    def start(self, port: int) -> str:
        """Listen on loopback in a thread; returns the address as a URL."""
        control = self

        class Visit(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, answer = control.answer(self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Visit)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    def answer(self, path: str, body: bytes) -> tuple[int, Json]:
        """Carry out one command; returns status and answer."""
        command = self._commands.get(path)
        if command is None:
            return 404, {"error": "no such command"}
        try:
            with self._turn:
                return 200, command(json.loads(body or b"{}"))
        except (Fault, UnknownFault, KeyError, ValueError, InvalidOperation) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    def _trade(self, body: Json) -> Json:
        login, name = int(body["login"]), str(body["symbol"])
        self._book.user(login)
        symbol, quote = self._book.symbols[name], self._market.quote(name)
        cmd = SELL if body.get("side", "buy") == "sell" else BUY
        bid, ask = (quote.bid, quote.ask) if quote else (Decimal(1), Decimal(1))
        opening, closing = (ask, bid) if cmd == BUY else (bid, ask)
        volume = int(Decimal(str(body["lots"])) * 100)
        trade = self._book.open_trade(login=login, symbol=symbol, cmd=cmd, volume=volume, price=opening)
        answer: Json = {"login": login, "symbol": name, "position": trade.ticket}
        if int(body.get("keep_open", 0)):
            return answer
        closed = self._book.close_trade(trade.ticket, price=closing)
        return {**answer, "closed_at": self._book.clock.to_utc_ms(closed.close_ms).isoformat()}

    def _close(self, body: Json) -> Json:
        trade = self._book.trades[int(body["ticket"])]
        volume = int(Decimal(str(body["lots"])) * 100) if "lots" in body else None
        before = set(self._book.trades)
        self._book.close_trade(trade.ticket, price=trade.close_price, volume=volume)
        return {"ticket": trade.ticket, "rest": next(iter(set(self._book.trades) - before), 0)}

    def _close_by(self, body: Json) -> Json:
        return {"ticket": self._book.close_by(int(body["ticket"]), int(body["opposite"])).ticket}

    def _late(self, body: Json) -> Json:
        return add_late_trade(self._book, like=int(body["ticket"]), earlier_ms=int(body.get("minutes", 40)) * 60_000)

    def _edit(self, body: Json) -> Json:
        edit_trade(self._book, int(body["ticket"]), Decimal(str(body.get("profit_change", 1))))
        return {"ticket": int(body["ticket"])}

    def _balance(self, body: Json) -> Json:
        amount, comment = Decimal(str(body["amount"])), str(body.get("comment", "manual"))
        trade = self._book.book_money(login=int(body["login"]), cmd=BALANCE, amount=amount, comment=comment)
        return {"ticket": trade.ticket}

    def _order(self, body: Json) -> Json:
        """Place a pending order that no price ever reaches by itself."""
        trade = self._book.open_trade(
            login=int(body["login"]), symbol=self._book.symbols[str(body["symbol"])], cmd=int(body.get("kind", 2)),
            volume=int(Decimal(str(body["lots"])) * 100), price=Decimal(str(body["price"])),
        )  # fmt: skip
        return {"order": trade.ticket}

    def _switch(self, body: Json) -> Json:
        faults = self._tampering.faults
        for switch in filter(None, str(body.get("on", "")).split(",")):
            faults.turn_on(switch)
        for name in filter(None, str(body.get("off", "")).split(",")):
            faults.turn_off(name)
        if "slow_seconds" in body:
            faults.slow_seconds = float(body["slow_seconds"])
        return {"active": faults.active(), "injected": faults.report()}

    def _connect(self, body: Json) -> Json:
        self._backend.is_connected = bool(int(body["yes"]))
        return {}

    def _totals(self, _body: Json) -> Json:
        trades = self._book.trades.values()
        return {
            "deals": sum(map(_legs, trades)),
            "accounts": len(self._book.users),
            "positions": sum(trade.cmd in TRADES and trade.is_open for trade in trades),
            "requests": self._tampering.requests,
            "logins": {str(login): self._totals_of(login) for login in sorted(self._book.users)},
        }

    def _totals_of(self, login: int) -> Json:
        trades = self._book.trades_of(login)
        closed = [trade for trade in trades if trade.cmd in TRADES and not trade.is_open]
        state = self._book.state_of(login)
        return {
            "deals": sum(map(_legs, trades)),
            "closing": len(closed),
            "closed_lots": str(Decimal(sum(trade.volume for trade in closed)) / 100),
            "balance": str(state.balance),
            "equity": str(state.equity),
            "closed_profit": str(sum((trade.profit for trade in closed), ZERO)),
            "swap": str(sum((trade.swap for trade in closed), ZERO)),
            "open": sum(trade.cmd in TRADES and trade.is_open for trade in trades),
        }

    def _deals(self, body: Json) -> Json:
        login = int(body.get("login", 0))
        mine = [trade for trade in self._book.trades.values() if login in (0, trade.login)]
        return {"tickets": sorted(trade.ticket for trade in mine for _ in range(_legs(trade)))}


def _legs(trade: FakeTrade) -> int:
    if trade.cmd in TRADES:
        return 1 if trade.is_open else 2
    return int(trade.cmd >= BALANCE)
