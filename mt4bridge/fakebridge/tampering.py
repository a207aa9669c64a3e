"""The faults of the fake bridge: between the socket and the app, seen from outside like the real ones."""

import json
import time
from collections.abc import Callable
from decimal import Decimal

from mt4bridge.agents.app import Reply, Request
from mt4bridge.fakebridge.book import TRADES, Mt4Book
from mt4bridge.httpbridge import signing
from mt4bridge.httpbridge.contract import Fault, Json
from mt4bridge.simulator.faults import Faults

FAULTS: dict[str, tuple[str, int]] = {
    "drop_mid_page": ("the connection is cut in the middle of an answer of trades", 7),
    "truncated_json": ("an answer of trades ends early, signed as it is", 7),
    "slow_answer": ("a read waits, by default 3 s, before it is answered", 11),
    "busy": ("a read is refused: too frequent", 10),
    "server_error": ("a read is answered by a proxy's page, status 502, unsigned", 10),
    "not_json": ("a read is answered by somebody else's page, status 200, unsigned", 10),
    "unreachable": ("a read is answered: the bridge does not reach its MT server", 10),
    "duplicate_rows": ("an answer of trades repeats its first row", 5),
    "broken_row": ("one row of an answer of trades loses its price and its login turns into text", 13),
    "wrong_total": ("an answer of trades says there are more rows than come", 9),
    "late_deal": ("before an answer of trades, a ticket with an older time appears in the history", 6),
    "edited_deal": ("before an answer of trades, a manager edits a closed ticket", 6),
    "deleted_deal": ("before an answer of trades, a manager deletes a closed ticket", 12),
    "impostor": ("answers are signed with another secret", 1),
    "write_lost": ("a write is cut off before it is carried out", 2),
    "write_unanswered": ("a write is carried out and the connection cut before the answer", 2),
    "write_late": (
        "the connection of a write is cut; the write itself arrives when the bridge was next asked about one",
        2,
    ),
    "write_error": ("a write is carried out and a proxy's page, status 502, comes instead of the answer", 2),
    "write_unsure": ("a write is carried out and the bridge says that it does not know", 2),
}
"""Name → what it does, and its usual rate: every n-th chance. Switches as in `mt4bridge.simulator.faults`."""
_PAGE = b"<html><body>502 Bad Gateway</body></html>"


class Tampering:
    """Stands between the server and the app (`agents.server.Tamper`)."""

    def __init__(self, faults: Faults, book: Mt4Book, secret: str) -> None:
        self.faults = faults
        self.requests = 0
        self._book = book
        self._secret = secret
        self._late: list[Callable[[], Reply]] = []

    def __call__(self, request: Request, carry_out: Callable[[], Reply]) -> Reply | None:
        self.requests += 1
        path = request.target.partition("?")[0]
        if request.method == "GET":
            reply = self._read(request, path, carry_out)
        elif path.endswith(("/void", "/check")):
            reply = carry_out()
            while self._late:
                self._late.pop()()
        else:
            reply = self._write(request, carry_out)
        if reply is not None and self.faults.strikes("impostor"):
            return _signed(request, reply.status, reply.body, "another secret")
        return reply

    def _read(self, request: Request, path: str, carry_out: Callable[[], Reply]) -> Reply | None:
        faults = self.faults
        if faults.strikes("slow_answer"):
            time.sleep(faults.slow_seconds)
        if faults.strikes("busy"):
            return self._fault(request, Fault("too_frequent", "Too many requests."))
        if faults.strikes("unreachable"):
            return self._fault(request, Fault("server_unreachable", "The MT server does not answer.", 6))
        if faults.strikes("server_error"):
            return Reply(502, _PAGE)
        if faults.strikes("not_json"):
            return Reply(200, _PAGE)
        if path != "/v1/trades":
            return carry_out()
        self._strike_history()
        return self._struck_rows(request, carry_out())

    def _struck_rows(self, request: Request, reply: Reply) -> Reply:
        """Apply the faults that hit an answer of trades. An answer without rows offers no chance."""
        answer = json.loads(reply.body)
        if reply.status != 200 or not answer["items"]:
            return reply
        faults, items = self.faults, answer["items"]
        if faults.strikes("duplicate_rows"):
            items.append(items[0])
            answer["total"] += answer["next"] is None
        if faults.strikes("broken_row"):
            del items[0]["open_price"]
            items[0]["login"] = f"?{items[0]['login']}"
        if faults.strikes("wrong_total"):
            answer["total"] += 7
        body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        if faults.strikes("truncated_json"):
            body = body[: len(body) // 2]
        signed = _signed(request, reply.status, body, self._secret)
        if faults.strikes("drop_mid_page"):
            return Reply(signed.status, body[: len(body) // 2], {**signed.headers, "Content-Length": str(len(body))})
        return signed

    def _write(self, request: Request, carry_out: Callable[[], Reply]) -> Reply | None:
        faults = self.faults
        if faults.strikes("write_lost"):
            return None
        if faults.strikes("write_late"):
            self._late.append(carry_out)
            return None
        reply = carry_out()
        if faults.strikes("write_unanswered"):
            return None
        if faults.strikes("write_error"):
            return Reply(502, _PAGE)
        if faults.strikes("write_unsure"):
            return self._fault(request, Fault("outcome_unknown", "The MT server did not answer in time."))
        return reply

    def _strike_history(self) -> None:
        """Change history before it is read, as managers do. A chance needs closed tickets."""
        closed = [trade for trade in self._book.trades.values() if trade.cmd in TRADES and not trade.is_open]
        if not closed:
            return
        latest = sorted(closed, key=lambda trade: trade.close_ms)[-50:]
        if self.faults.strikes("late_deal"):
            add_late_trade(self._book, like=latest[0].ticket, earlier_ms=600_000)
        if self.faults.strikes("edited_deal"):
            edit_trade(self._book, self.faults.pick([trade.ticket for trade in latest]), Decimal(1))
        if self.faults.strikes("deleted_deal"):
            self._book.remove_trade(self.faults.pick([trade.ticket for trade in latest]))

    def _fault(self, request: Request, fault: Fault) -> Reply:
        body = json.dumps(fault.as_json()).encode()
        return _signed(request, fault.status, body, self._secret)


def add_late_trade(book: Mt4Book, *, like: int, earlier_ms: int) -> Json:
    """Put a closed ticket into the history, with times before those of another one."""
    model = book.trades[like]
    trade = book.put_trade(
        type(model)(
            book.next_ticket(), model.login, model.cmd, model.open_ms - earlier_ms, book.now_ms(), symbol=model.symbol,
            digits=model.digits, volume=model.volume, open_price=model.open_price,
            close_ms=(model.close_ms or book.now_ms()) - earlier_ms, close_price=model.close_price, profit=model.profit,
            reason=2,
        )
    )  # fmt: skip
    return {"ticket": trade.ticket, "position": trade.ticket}


def edit_trade(book: Mt4Book, ticket: int, profit_change: Decimal) -> None:
    """Change a ticket's profit, as a manager would."""
    trade = book.trades[ticket]
    trade.profit += profit_change
    trade.changed_ms = book.now_ms()
    book.put_trade(trade)


def _signed(request: Request, status: int, body: bytes, secret: str) -> Reply:
    nonce = request.headers.get(signing.NONCE_HEADER, "")
    signature = signing.answer_signature(secret, nonce=nonce, status=status, body=body)
    return Reply(status, body, {"Content-Type": "application/json", signing.SIGNATURE_HEADER: signature})
