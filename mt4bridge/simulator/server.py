"""The access server: one port, sessions bound to their connection, commands, and the faults on top."""

import asyncio
import json
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable

from mt4bridge.simulator import outcome
from mt4bridge.simulator.api import USER_WRITES, WRITES, Api
from mt4bridge.simulator.door import Door
from mt4bridge.simulator.faults import Faults
from mt4bridge.simulator.history_faults import strike_history
from mt4bridge.simulator.http import FORBIDDEN, IDLE_SECONDS, BadRequest, Reply, Request, read_request, send
from mt4bridge.simulator.manager import Manager
from mt4bridge.simulator.query import ApiError, Query
from mt4bridge.simulator.raw import RawServant
from mt4bridge.simulator.sessions import VERSION, Forbidden, Reception, Visit

log = logging.getLogger("mt4bridge.simulator")
_DEAL_ANSWERS = frozenset(("/api/deal/get_batch", "/api/deal/get_page"))
_AUTH = ("/api/auth/start", "/api/auth/answer", "/api/quit")
_COMMON_ERROR = 2


class AccessServer:
    """Serves the managers over TLS-HTTP and over the raw protocol."""

    def __init__(
        self,
        api: Api,
        faults: Faults,
        managers: list[Manager],
        *,
        idle_seconds: float = IDLE_SECONDS,
        cookies: bool = False,
    ) -> None:
        self._api = api
        self._faults = faults
        self._reception = Reception(api, faults, managers)
        self._raw = RawServant(self._reception, idle_seconds=idle_seconds)
        self._idle_seconds = idle_seconds
        self._cookies = cookies
        self._writers: set[asyncio.StreamWriter] = set()
        self._aliases = {_alias(path): path for path in (*api.commands, *_AUTH)}
        self._door: Door | None = None
        self.requests = 0

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen. Port 0 takes any free one; returns the port."""
        self._door = Door(context, secure=self._tracked(self._serve), raw=self._tracked(self._serve_raw))
        return await self._door.open(host, port)

    async def stop(self) -> None:
        self.cut_all()
        if self._door is not None:
            await self._door.close()

    def cut_all(self) -> int:
        """Drop every connection at once, as a restart of the server would."""
        for writer in self._writers:
            writer.transport.abort()
        return len(self._writers)

    def close_for(self, seconds: float) -> int:
        """Go into maintenance: drop all connections and hang up on new ones for a while."""
        door = self._door
        if door is not None and not door.is_closed:
            door.is_closed = True
            asyncio.get_running_loop().call_later(seconds, setattr, door, "is_closed", False)
        return self.cut_all()

    def _tracked(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            try:
                await serve(reader, writer)
            except (ConnectionError, ssl.SSLError):
                pass  # the client went away in mid answer
            finally:
                self._writers.discard(writer)

        return tracked

    async def _serve_raw(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._raw.serve(reader, writer, self._count)

    def _count(self) -> None:
        self.requests += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit()
        try:
            while (request := await read_request(reader, self._idle_seconds)) is not None:
                self._count()
                reply = await self._answer(visit, request)
                await send(writer, reply)
                if reply.cut_after is not None or not request.keep_alive:
                    break
        except BadRequest as error:
            await send(writer, Reply(str(error), 400, "text/plain"))

    async def _answer(self, visit: Visit, request: Request) -> Reply:
        path = self._aliases.get(request.path, request.path)
        try:
            if path in _AUTH:
                return self._authenticate(visit, path, Query(request.params))
            if visit.manager is None:
                return FORBIDDEN
            return await self._command(visit, path, Query(request.params, visit.manager, request.body_names))
        except Forbidden:
            return FORBIDDEN
        except ApiError as error:
            return Reply(outcome.refusal(error.code, error.text))
        except Exception:
            log.exception("a command failed", extra={"path": path})
            return Reply(outcome.refusal(_COMMON_ERROR, "Common error"))

    def _authenticate(self, visit: Visit, path: str, query: Query) -> Reply:
        if path == "/api/auth/start":
            start = {"version_access": VERSION, "srv_rand": self._reception.start(visit, query)}
            return Reply(json.dumps({"retcode": "0 Done", **start}))
        if path == "/api/auth/answer":
            proof = self._reception.finish(visit, query)
            cookie = f"mt5session={secrets.token_hex(8)}" if self._cookies else ""
            finish = {"version_access": VERSION, "version_trade": VERSION, "cli_rand_answer": proof}
            return Reply(json.dumps({"retcode": "0 Done", **finish}), cookie=cookie)
        if visit.manager is None:
            return FORBIDDEN
        visit.manager = None
        return Reply(outcome.refusal(0, "Done"))

    async def _command(self, visit: Visit, path: str, query: Query) -> Reply:
        if self._faults.strikes("maintenance"):
            self.close_for(self._faults.maintenance_seconds)
            return Reply("", cut_after=0)
        if path not in WRITES and path != "/api/test/access":
            early = await self._strike_read(visit)
            if early is not None:
                return early
        if path in _DEAL_ANSWERS:
            strike_history(self._api.book, self._faults)
        if path == "/api/trade/balance" or path in USER_WRITES:
            return self._write("balance" if path == "/api/trade/balance" else "user", path, query)
        body = self._reception.run(query.manager, path, query).rest()
        return self._struck_rows(body) if path in _DEAL_ANSWERS else Reply(body)

    def _write(self, kind: str, path: str, query: Query) -> Reply:
        """Carry out a write that a fault may cut off before, or leave without an answer after."""
        if self._faults.strikes(f"{kind}_lost"):
            return Reply("", cut_after=0)
        body = self._reception.run(query.manager, path, query).rest()
        return Reply(body, cut_after=0 if self._faults.strikes(f"{kind}_unanswered") else None)

    async def _strike_read(self, visit: Visit) -> Reply | None:
        """Apply the faults that hit any read."""
        faults = self._faults
        if faults.strikes("flap_403"):
            visit.manager = None
            return FORBIDDEN
        if faults.strikes("slow_answer"):
            await asyncio.sleep(faults.slow_seconds)
        if faults.strikes("busy"):
            raise ApiError(12, "Too frequent")
        if faults.strikes("not_json"):
            return Reply("<html><body>502 Bad Gateway</body></html>", 200, "text/html")
        if faults.strikes("bad_gateway"):
            return Reply("<html><body>502 Bad Gateway</body></html>", 502, "text/html")
        return None

    def _struck_rows(self, body: str) -> Reply:
        """Apply the faults that hit an answer of deals. An answer without rows offers no chance."""
        faults = self._faults
        if body.endswith("[]}"):
            return Reply(body)
        if faults.strikes("duplicate_rows"):
            body = _with_first_row_twice(body)
        if faults.strikes("broken_row"):
            body = body.replace('"Price":', '"Prize":', 1).replace('"Login":"', '"Login":"?', 1)
        if faults.strikes("truncated_json"):
            return Reply(body[: len(body) // 2])
        if faults.strikes("drop_mid_page"):
            return Reply(body, cut_after=len(body) // 2)
        return Reply(body)


def _with_first_row_twice(body: str) -> str:
    """Repeat the first row of an answer at its end."""
    rows = json.loads(body)["answer"]
    return outcome.answer([*rows, rows[0]]).rest()


def _alias(path: str) -> str:
    """Return the old spelling of a path: /api/auth/start is /auth_start."""
    return "/" + path.removeprefix("/api/").replace("/", "_")
