"""The access server: TLS, sessions bound to their connection, commands, and the faults on top."""

import asyncio
import json
import logging
import secrets
import ssl
from dataclasses import dataclass, field

from mt4bridge.simulator import render
from mt4bridge.simulator.api import Api
from mt4bridge.simulator.faults import Faults
from mt4bridge.simulator.history_faults import strike_history
from mt4bridge.simulator.http import FORBIDDEN, BadRequest, Reply, Request, read_request, send
from mt4bridge.simulator.query import ApiError, Query
from mt4bridge.webapi import wire

log = logging.getLogger("mt4bridge.simulator")
VERSION = "3661"
_DEAL_ANSWERS = frozenset(("/api/deal/get_batch", "/api/deal/get_page"))
_WRITES = frozenset(
    ("/api/trade/balance", "/api/user/add", "/api/user/update", "/api/user/delete", "/api/user/change_password")
)


@dataclass(slots=True)
class _Visit:
    """One connection and who it is."""

    srv_rand: str = ""
    signed_in: bool = False
    writer: asyncio.StreamWriter | None = field(default=None, repr=False)


class AccessServer:
    """Serves one manager login. A session dies with its connection."""

    def __init__(self, api: Api, faults: Faults, *, login: int, password: str) -> None:
        self._api = api
        self._faults = faults
        self._login = login
        self._key = wire.password_key(password)
        self._visits: set[int] = set()
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._aliases = {
            _alias(path): path for path in (*api.commands, "/api/auth/start", "/api/auth/answer", "/api/quit")
        }
        self.requests = 0

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> asyncio.Server:
        """Listen. Port 0 takes any free one."""
        return await asyncio.start_server(self._serve, host, port, ssl=context, limit=65_536)

    def cut_all(self) -> int:
        """Drop every connection at once, as a restart of the server would."""
        writers = list(self._writers.values())
        for writer in writers:
            writer.transport.abort()
        return len(writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = _Visit()
        self._writers[id(visit)] = writer
        try:
            while (request := await read_request(reader)) is not None:
                self.requests += 1
                reply = await self._answer(visit, request)
                await send(writer, reply)
                if reply.cut_after is not None or not request.keep_alive:
                    break
        except BadRequest as error:
            await send(writer, Reply(str(error), 400, "text/plain"))
        except (ConnectionError, ssl.SSLError):
            pass  # the client went away in mid answer
        finally:
            del self._writers[id(visit)]
            writer.close()

    async def _answer(self, visit: _Visit, request: Request) -> Reply:
        path = self._aliases.get(request.path, request.path)
        query = Query(request.params)
        try:
            if path == "/api/auth/start":
                return self._start(visit, query)
            if path == "/api/auth/answer":
                return self._finish(visit, query)
            if not visit.signed_in:
                return FORBIDDEN
            if path == "/api/quit":
                visit.signed_in = False
                return Reply(render.retcode(0, "Done"))
            return await self._command(visit, path, query)
        except ApiError as error:
            return Reply(render.retcode(error.code, error.text))
        except Exception:
            log.exception("a command failed", extra={"path": path})
            return Reply(render.retcode(2, "Common error"))

    def _start(self, visit: _Visit, query: Query) -> Reply:
        """First half of the handshake: hand out a challenge, whoever asks."""
        if query.number("login") != self._login or query.text("type", "manager").lower() != "manager":
            raise ApiError(1001, "Invalid account")
        visit.srv_rand, visit.signed_in = secrets.token_hex(16), False
        return Reply(json.dumps({"retcode": "0 Done", "version_access": VERSION, "srv_rand": visit.srv_rand}))

    def _finish(self, visit: _Visit, query: Query) -> Reply:
        """Second half: the client proves the password, then we do."""
        challenge, visit.srv_rand = visit.srv_rand, ""
        if not challenge or not wire.same_proof(wire.answer_to(self._key, challenge), query.text("srv_rand_answer")):
            return FORBIDDEN
        try:
            proof = wire.answer_to(self._key, query.text("cli_rand"))
        except ValueError:
            raise ApiError(3, "Invalid parameters: cli_rand") from None
        if self._faults.strikes("impostor"):
            proof = secrets.token_hex(16)
        visit.signed_in = True
        versions = {"version_access": VERSION, "version_trade": VERSION}
        return Reply(json.dumps({"retcode": "0 Done", **versions, "cli_rand_answer": proof}))

    async def _command(self, visit: _Visit, path: str, query: Query) -> Reply:
        command = self._api.commands.get(path)
        if command is None:
            raise ApiError(12000, "Not implemented")
        if path == "/api/trade/balance":
            return self._balance(query)
        if path not in _WRITES and path != "/api/test/access":
            early = await self._strike_read(visit)
            if early is not None:
                return early
        if path not in _DEAL_ANSWERS:
            return Reply(command(query))
        strike_history(self._api.book, self._faults)
        return self._struck_rows(command(query))

    def _balance(self, query: Query) -> Reply:
        if self._faults.strikes("balance_lost"):
            return Reply("", cut_after=0)
        body = self._api.trade_balance(query)
        return Reply(body, cut_after=0 if self._faults.strikes("balance_unanswered") else None)

    async def _strike_read(self, visit: _Visit) -> Reply | None:
        """Apply the faults that hit any read."""
        faults = self._faults
        if faults.strikes("flap_403"):
            visit.signed_in = False
            return FORBIDDEN
        if faults.strikes("slow_answer"):
            await asyncio.sleep(faults.slow_seconds)
        if faults.strikes("busy"):
            raise ApiError(12, "Too frequent")
        if faults.strikes("not_json"):
            return Reply("<html><body>502 Bad Gateway</body></html>", 200, "text/html")
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
    answer = json.loads(body)
    return render.done([*answer["answer"], answer["answer"][0]])


def _alias(path: str) -> str:
    """Return the old spelling of a path: /api/auth/start is /auth_start."""
    return "/" + path.removeprefix("/api/").replace("/", "_")
