"""The least of HTTP/1.1 that an MT5 access server speaks: keep-alive, a body by its length, one answer at a time."""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 8 << 20
IDLE_SECONDS = 180.0
_REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 502: "Bad Gateway",
}  # fmt: skip


class BadRequest(Exception):
    """What arrived is not HTTP as a client of MT5 speaks it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; parameters of query and JSON body in one, names in lower case, the body wins."""

    method: str
    path: str
    params: dict[str, str]
    keep_alive: bool
    body_names: frozenset[str] = frozenset()  # which of the parameters came in the body


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `cut_after` bytes of the body the connection is dropped, when not None."""

    body: str
    status: int = 200
    content_type: str = "application/json"
    cut_after: int | None = None
    cookie: str = ""


FORBIDDEN = Reply("403 Forbidden", 403, "text/html")


async def read_request(reader: asyncio.StreamReader, idle_seconds: float = IDLE_SECONDS) -> Request | None:
    """Read the next request; None when the client is gone or idle for too long.

    :raises BadRequest: not HTTP."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), idle_seconds)
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest("the head is too long") from None
    first, _, rest = head.decode("latin-1").partition("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[0] not in ("GET", "POST") or not parts[2].startswith("HTTP/1."):
        raise BadRequest("not a GET or POST of HTTP/1")
    headers = {}
    for line in rest.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise BadRequest("Content-Length is not usable")
    try:
        body = await reader.readexactly(int(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    path, _, query = parts[1].partition("?")
    in_body = json_params(body)
    keep_alive = headers.get("connection", "").lower() != "close"
    return Request(parts[0], path, {**_query(query), **in_body}, keep_alive, frozenset(in_body))


async def send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Send an answer, or as much of it as its fault allows."""
    body = reply.body.encode("utf-8", errors="surrogatepass")
    head = (
        f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\nServer: MT5 simulator\r\n"
        f"Content-Type: {reply.content_type}\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
    )
    if reply.cookie:
        head += f"Set-Cookie: {reply.cookie}; Secure; HttpOnly\r\n"
    head += "\r\n"
    if reply.cut_after is not None:
        body = body[: reply.cut_after]
    writer.write(head.encode("latin-1") + body)
    await writer.drain()
    if reply.cut_after is not None:
        writer.transport.abort()


def _query(query: str) -> dict[str, str]:
    """Return the parameters of a query string. A `+` is a plus: only percent-encoding counts."""
    params = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if equals:
            params[_plain(name).lower()] = unescaped(_plain(value))
    return params


def _plain(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", errors="replace")


def unescaped(value: str) -> str:
    """Undo the server's own escapes `\\\\=`, `\\\\|`, `\\\\\\\\`, `\\\\<LF>`; a lone backslash is literal."""
    if "\\" not in value:
        return value
    result, index = [], 0
    while index < len(value):
        if value[index] == "\\" and value[index + 1 : index + 2] in ("=", "|", "\\", "\n"):
            index += 1
        result.append(value[index])
        index += 1
    return "".join(result)


def json_params(body: bytes) -> dict[str, str]:
    """Return the parameters of a JSON body, whatever its content type says; lists as comma lists."""
    if not body.strip():
        return {}
    try:
        values = json.loads(body, parse_float=str, parse_int=str)
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(values, dict):
        raise BadRequest("the body is not a JSON object")
    return {name.lower(): _text(value) for name, value in values.items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)
