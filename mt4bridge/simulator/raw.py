"""The raw protocol on the same port: frames of UTF-16LE lines, plain or encrypted, one session a connection."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from mt4bridge.simulator import raw_crypt, raw_words
from mt4bridge.simulator.http import BadRequest, json_params
from mt4bridge.simulator.query import EVERYBODY, ApiError, Query
from mt4bridge.simulator.raw_words import BadFrame, Message
from mt4bridge.simulator.sessions import VERSION, Forbidden, Reception, Visit

log = logging.getLogger("mt4bridge.simulator")
PING_SECONDS = 20.0
AES = "AES256OFB"
_WRONG_PASSWORD = 1001
_OTHERWISE = {
    "USER_PASS_CHECK": "/api/user/check_password",
    "USER_PASS_CHANGE": "/api/user/change_password",
    "USER_ACCOUNT_GET": "/api/user/account/get",
    "USER_ARCHIVE": "/api/user/archive/add",
    "USER_DEPOSIT_CHANGE": "/api/trade/balance",
    "TRADE_MARGIN_CHECK": "/api/trade/check_margin",
    "TRADE_PROFIT": "/api/trade/calc_profit",
    "TRADE_RATE_BUY": "/api/trade/calc_rate_buy",
    "TRADE_RATE_SELL": "/api/trade/calc_rate_sell",
}
_SWALLOWED = frozenset(("MAIL_SEND", "NEWS_SEND"))  # answered, and nothing is sent anywhere


@dataclass(slots=True)
class _Talk:
    """One connection of the raw protocol."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    visit: Visit = field(default_factory=Visit)
    encrypts: bool = False
    inward: raw_crypt.KeyStream | None = None
    outward: raw_crypt.KeyStream | None = None
    is_over: bool = False


class RawServant:
    def __init__(self, reception: Reception, *, idle_seconds: float) -> None:
        self._reception = reception
        self._idle_seconds = idle_seconds

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[], None]
    ) -> None:
        """Answer until the client leaves, is idle for too long, or sends what nobody understands."""
        talk = _Talk(reader, writer)
        pings = asyncio.create_task(_ping(writer))
        try:
            if await reader.readexactly(len(raw_words.PREFIX)) != raw_words.PREFIX:
                return
            while not talk.is_over:
                number, body = await asyncio.wait_for(_received(talk), self._idle_seconds)
                if body:
                    count()
                    await self._respond(talk, number, raw_words.parse_message(body))
        except (asyncio.IncompleteReadError, TimeoutError, BadFrame, BadRequest):
            pass  # gone, idle, or not our protocol: a real server hangs up too
        finally:
            pings.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pings

    async def _respond(self, talk: _Talk, number: int, message: Message) -> None:
        if not message.command:
            return  # "|\r\n" is how an old library pings: no answer is read
        turns_on = message.command == "AUTH_ANSWER" and talk.encrypts
        values, text = self._answer(talk, message)
        await _send(talk, number, raw_words.line(message.command, values, text))
        if turns_on and "CRYPT_RAND" in values and talk.visit.manager is not None:
            key = self._reception.key_of(talk.visit.manager)
            talk.inward, talk.outward = raw_crypt.streams(key, bytes.fromhex(values["CRYPT_RAND"]))

    def _answer(self, talk: _Talk, message: Message) -> tuple[dict[str, str], str]:
        """Return the values of the answer's line and the JSON behind it."""
        try:
            return self._outcome(talk, message)
        except Forbidden:
            talk.is_over = True
            return {"RETCODE": f"{_WRONG_PASSWORD} Invalid account"}, ""
        except ApiError as error:
            return {"RETCODE": f"{error.code} {error.text}"}, ""
        except Exception:
            log.exception("a raw command failed", extra={"command": message.command})
            return {"RETCODE": "2 Common error"}, ""

    def _outcome(self, talk: _Talk, message: Message) -> tuple[dict[str, str], str]:
        visit, in_body = talk.visit, json_params(message.body.encode()) if message.body else {}
        query = Query({**message.params, **in_body}, visit.manager or EVERYBODY, in_body.keys())
        done = {"RETCODE": "0 Done"}
        if message.command == "AUTH_START":
            talk.encrypts = query.text("crypt_method", "NONE").upper() == AES
            return {**done, "SRV_RAND": self._reception.start(visit, query)}, ""
        if message.command == "AUTH_ANSWER":
            proof = {"CLI_RAND_ANSWER": self._reception.finish(visit, query)}
            crypt = {"CRYPT_RAND": secrets.token_hex(raw_crypt.RANDOM_BYTES)} if talk.encrypts else {}
            return {**done, **proof, **crypt, "VERSION_ACCESS": VERSION, "VERSION_TRADE": VERSION}, ""
        if visit.manager is None:
            raise Forbidden
        if message.command == "QUIT":
            talk.is_over = True
            return done, ""
        if message.command in _SWALLOWED:
            return done, ""
        outcome = self._reception.run(visit.manager, path_of(message.command), query)
        return {**done, **outcome.keys}, "" if outcome.is_bare else outcome.text


def path_of(command: str) -> str:
    """Return the REST path of a raw command: DEAL_GET_PAGE is /api/deal/get_page."""
    return _OTHERWISE.get(command) or "/api/" + command.lower().replace("_", "/", 1)


async def _received(talk: _Talk) -> tuple[int, bytes]:
    """Return the number and the decrypted body of the next message; a ping has an empty body.

    :raises BadFrame: not a frame, or a message without end."""
    message, number = bytearray(), 0
    while True:
        header = raw_words.parse_header(await talk.reader.readexactly(raw_words.HEADER_LENGTH))
        body = await talk.reader.readexactly(header.length)
        message += talk.inward.apply(body) if talk.inward else body
        number = header.number
        if len(message) > raw_words.MAX_MESSAGE:
            raise BadFrame("the message is too long")
        if not header.more:
            return number, bytes(message)


async def _send(talk: _Talk, number: int, message: bytes) -> None:
    for header, body in raw_words.frames(number, message):
        talk.writer.write(header + (talk.outward.apply(body) if talk.outward else body))
    await talk.writer.drain()


async def _ping(writer: asyncio.StreamWriter) -> None:
    """Send an empty frame every 20 seconds, numbered in the server's range."""
    number = raw_words.FIRST_PING
    while True:
        await asyncio.sleep(PING_SECONDS)
        writer.write(raw_words.frames(number, b"")[0][0])
        number = number + 1 if number < raw_words.LAST_PING else raw_words.FIRST_PING
