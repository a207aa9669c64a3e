"""The bridge contract on top of a backend: requests in, signed answers out. No socket, no MT. Standard library only."""

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from mt4bridge.agents import checks, operations
from mt4bridge.agents.backend import Backend, HistoryQuery
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate, Pass
from mt4bridge.agents.operations import Operations
from mt4bridge.agents.pages import Pages
from mt4bridge.httpbridge import signing
from mt4bridge.httpbridge.contract import CERTAIN_FAULTS, PREFIX, VERSION, Fault, Json

log = logging.getLogger("mt4bridge.agents")
VOID_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]  # names in their usual letter case
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Call(NamedTuple):
    """A request that was let in, taken apart."""

    path: str
    parts: tuple[str, ...]  # what the route's groups matched
    query: dict[str, str]
    body: Json
    signed_ms: int


Handler = Callable[[Call], Json]


class Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    handle: Handler
    writes: bool = False
    asks_mt: bool = True  # then it takes its turn


class App:
    """One bridge. Backend calls come one at a time, since MT's interfaces are not made for more."""

    def __init__(self, backend: Backend, *, gate: Gate, writes: Operations, events: Events) -> None:
        self.backend = backend
        self._gate = gate
        self._writes = writes
        self._events = events
        self._pages = Pages()
        self.turn = threading.Lock()
        self._routes = self._routing()

    def answer(self, request: Request) -> Reply:
        """Answer one request. Never raises."""
        visitor: Pass | None = None
        try:
            visitor = self._gate.check(
                method=request.method, target=request.target, headers=request.headers, body=request.body
            )
            status, answer = 200, self._carried_out(request, visitor)
        except Fault as fault:
            status, answer = fault.status, fault.as_json()
        except Exception:
            log.exception("a request failed", extra={"method": request.method})
            own = Fault("internal", "The bridge met an error of its own; its log says which.")
            status, answer = own.status, own.as_json()
        return self._signed(status, answer, request, visitor)

    def _signed(self, status: int, answer: Json, request: Request, visitor: Pass | None) -> Reply:
        body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        secret = visitor.secret if visitor else self._gate.secret_of(request.headers.get(signing.KEY_HEADER, ""))
        nonce = visitor.nonce if visitor else request.headers.get(signing.NONCE_HEADER, "")
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers[signing.SIGNATURE_HEADER] = signing.answer_signature(secret, nonce=nonce, status=status, body=body)
        return Reply(status, body, headers)

    def _carried_out(self, request: Request, visitor: Pass) -> Json:
        url = urlsplit(request.target)
        path = url.path.removeprefix(PREFIX)
        for route in self._routes:
            match = route.pattern.fullmatch(path) if route.method == request.method else None
            if match is None:
                continue
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            body = checks.json_body(request.body) if request.method in ("POST", "PATCH") else {}
            call = Call(path, tuple(unquote(part) for part in match.groups()), query, body, visitor.timestamp_ms)
            if route.writes:
                return self._written(route, call, request, visitor)
            if not route.asks_mt:
                return route.handle(call)
            with self.turn:
                return route.handle(call)
        raise Fault("not_found", "There is no such path.")

    def _written(self, route: Route, call: Call, request: Request, visitor: Pass) -> Json:
        """Carry a write out once, whatever is asked how often, and keep what became of it."""
        request_id = checks.request_id(call.body.get("request_id"))
        mark = signing.body_mark(visitor.secret, method=request.method, path=call.path, body=request.body)
        with self.turn:
            before = self._writes.begin(
                request_id=request_id, path=call.path, mark=mark, signed_ms=visitor.timestamp_ms
            )
            if before is not None and before.state == operations.DONE:
                return before.answer
            try:
                answer = self.backend.recover(call.path, call.body) if before is not None else None
                answer = route.handle(call) if answer is None else answer
            except Fault as fault:
                self._keep_failure(request_id, fault)
                raise
            except Exception:
                log.exception("a write failed", extra={"path": call.path})
                doubt = Fault("outcome_unknown", "The bridge met an error of its own.")
                self._keep_failure(request_id, doubt)
                raise doubt from None
            self._writes.finish(request_id=request_id, state=operations.DONE, status=200, answer=answer)
            return answer

    def _keep_failure(self, request_id: str, fault: Fault) -> None:
        state = operations.REFUSED if fault.code in CERTAIN_FAULTS else operations.UNKNOWN
        self._writes.finish(request_id=request_id, state=state, status=fault.status, answer=fault.as_json())

    def _routing(self) -> list[Route]:
        def route(method: str, path: str, handle: Handler, *, writes: bool = False, asks_mt: bool = True) -> Route:
            return Route(method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handle, writes, asks_mt)

        backend = self.backend
        return [
            route("GET", "/health", self._health, asks_mt=False),
            route("GET", "/time", lambda _: {"server_ms": backend.server_ms(), "utc_ms": time.time_ns() // 1_000_000}),
            route("GET", "/groups", lambda call: self._listed(call, backend.groups)),
            route("GET", "/symbols", lambda call: self._listed(call, backend.symbols)),
            route("GET", "/users", lambda call: self._listed(call, lambda: self._users(call.query))),
            route("GET", "/accounts", lambda call: self._of_logins(call, backend.accounts)),
            route("GET", "/positions", lambda call: self._of_logins(call, backend.positions)),
            route("GET", "/orders", lambda call: self._of_logins(call, backend.orders)),
            route("GET", "/open-trades", lambda call: self._of_logins(call, backend.open_trades)),
            route("GET", "/deals", lambda call: self._listed(call, lambda: backend.deals(_history(call.query)))),
            route("GET", "/deals/count", lambda call: {"count": len(backend.deals(_history(call.query)))}),
            route("GET", "/trades", lambda call: self._listed(call, lambda: backend.trades(_history(call.query)))),
            route("GET", "/ticks", lambda call: {"items": backend.ticks(_names(call.query))}),
            route("POST", "/margin/check", lambda call: backend.check_margin(_margin(call.body))),
            route("POST", "/users", lambda call: backend.add_user(checks.new_user(call.body)), writes=True),
            route("PATCH", "/users/{login}", self._update_user, writes=True),
            route("POST", "/users/{login}/archive", self._archive_user, writes=True),
            route("POST", "/users/{login}/delete", self._delete_user, writes=True),
            route("POST", "/users/{login}/password", self._set_password, writes=True),
            route("POST", "/users/{login}/password/check", self._check_password),
            route("POST", "/balance", lambda call: backend.change_balance(checks.balance(call.body)), writes=True),
            route("GET", "/operations/{request_id}", self._operation, asks_mt=False),
            route("POST", "/operations/{request_id}/void", self._void, asks_mt=False),
            route("GET", "/events", self._wait, asks_mt=False),
        ]

    def _health(self, _call: Call) -> Json:
        backend = self.backend
        return {
            "contract": VERSION,
            "platform": backend.platform,
            "agent": backend.name,
            "server_connected": backend.connected(),
            "capabilities": list(backend.capabilities),
        }

    def _listed(self, call: Call, read: Callable[[], list[Json]]) -> Json:
        limit = min(max(checks.whole(call.query, "limit", 1_000), 1), checks.MAX_LIMIT)
        if "cursor" in call.query:
            return self._pages.next(call.path, call.query["cursor"], limit)
        return self._pages.first(call.path, read(), limit)

    def _of_logins(self, call: Call, read: Callable[[tuple[int, ...]], list[Json]]) -> Json:
        return self._listed(call, lambda: read(checks.needed(checks.numbers(call.query, "login"), "login")))

    def _users(self, query: dict[str, str]) -> list[Json]:
        return self.backend.users(
            group=query.get("group", "*"), logins=checks.numbers(query, "login"), token=query.get("token")
        )

    def _update_user(self, call: Call) -> Json:
        return self.backend.update_user(_login(call), checks.user_changes(call.body))

    def _set_password(self, call: Call) -> Json:
        kind, password = checks.password(call.body)
        self.backend.set_password(_login(call), kind, password)
        return {}

    def _archive_user(self, call: Call) -> Json:
        self.backend.archive_user(_login(call))
        return {}

    def _delete_user(self, call: Call) -> Json:
        self.backend.delete_user(_login(call))
        return {}

    def _check_password(self, call: Call) -> Json:
        kind, password = checks.password(call.body)
        return {"matches": self.backend.check_password(_login(call), kind, password)}

    def _operation(self, call: Call) -> Json:
        found = self._writes.find(checks.request_id(call.parts[0]))
        if found is None:
            raise Fault("not_found", "No operation has this request_id.")
        return found.as_json()

    def _void(self, call: Call) -> Json:
        """Declare earlier requests void. An operation that is being carried out is waited for a little."""
        if self.turn.acquire(timeout=VOID_WAIT_SECONDS):
            self.turn.release()
        return self._writes.void(request_id=checks.request_id(call.parts[0]), signed_ms=call.signed_ms).as_json()

    def _wait(self, call: Call) -> Json:
        wait = checks.whole(call.query, "wait_seconds", 0)
        return self._events.after(checks.whole(call.query, "after", 0), float(wait))


def _login(call: Call) -> int:
    return checks.whole({"login": call.parts[0]}, "login")


def _history(query: dict[str, str]) -> HistoryQuery:
    tickets = checks.numbers(query, "ticket")
    if tickets is not None:
        return HistoryQuery(tickets=tickets)
    from_ms, to_ms = checks.whole(query, "from_ms"), checks.whole(query, "to_ms")
    return HistoryQuery(from_ms, to_ms, query.get("group", "*"), checks.numbers(query, "login"))


def _names(query: dict[str, str]) -> list[str]:
    names = [name for name in query.get("symbol", "").split(",") if name]
    if not names or len(names) > checks.MAX_NUMBERS:
        raise Fault("invalid", f"symbol must list 1 to {checks.MAX_NUMBERS} names.")
    return names


def _margin(body: Json) -> Json:
    return {
        "login": checks.whole(body, "login"),
        "symbol": checks.text(body, "symbol", 64),
        "action": checks.one_of(body, "action", ("buy", "sell")),
        "lots": checks.amount(body, "lots"),
        "price": checks.amount(body, "price"),
    }
