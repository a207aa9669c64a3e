"""The raw protocol's frames and lines as text and back. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

PREFIX = b"MT5WEBAPI"
HEADER_LENGTH = 9
MAX_FRAME = 0xFFFE  # of at most 0xFFFF, and whole letters of UTF-16
MAX_MESSAGE = 8 << 20
FIRST_PING, LAST_PING = 0x4000, 0x7FFF


class BadFrame(Exception):
    """What arrived is not the raw protocol."""


class Header(NamedTuple):
    length: int  # bytes of the body
    number: int
    more: bool  # the next frame goes on with this one


@dataclass(frozen=True, slots=True)
class Message:
    command: str  # "" for the empty command that some clients ping with
    params: dict[str, str]  # names in lower case
    body: str  # JSON text after the line; "" none


def parse_header(header: bytes) -> Header:
    """Read the nine letters before a body.

    :raises BadFrame: not hexadecimal digits and a flag."""
    try:
        text = header.decode("ascii")
        return Header(int(text[:4], 16), int(text[4:8], 16), {"0": False, "1": True}[text[8]])
    except (ValueError, KeyError, IndexError):
        raise BadFrame("not a header") from None


def frames(number: int, message: bytes) -> list[tuple[bytes, bytes]]:
    """Cut an answer into headers and bodies."""
    pieces = [message[first : first + MAX_FRAME] for first in range(0, len(message), MAX_FRAME)] or [b""]
    last = len(pieces) - 1
    return [(f"{len(piece):04x}{number:04x}{int(index < last)}".encode(), piece) for index, piece in enumerate(pieces)]


def parse_message(body: bytes) -> Message:
    """Split `COMMAND|KEY=VALUE|…|\\r\\n` and what follows.

    :raises BadFrame: not UTF-16LE, or no end of the line."""
    try:
        text = body.decode("utf-16-le")
    except UnicodeDecodeError:
        raise BadFrame("not UTF-16LE") from None
    parts, end = _line(text)
    params = {}
    for part in parts[1:]:
        name, equals, value = _cut(part, "=")
        if equals:
            params[_plain(name).lower()] = _plain(value)
    return Message(_plain(parts[0]).strip().upper(), params, text[end:].strip())


def line(command: str, values: dict[str, str], body: str) -> bytes:
    """Return an answer: the command, its values escaped, and JSON behind the line."""
    pairs = "".join(f"{name}={escaped(value)}|" for name, value in values.items())
    return f"{command}|{pairs}\r\n{body}".encode("utf-16-le", errors="surrogatepass")


def escaped(value: str) -> str:
    for letter in ("\\", "=", "|", "\n"):
        value = value.replace(letter, f"\\{letter}")
    return value


def _line(text: str) -> tuple[list[str], int]:
    """Split the first line at its bars; returns the parts, still escaped, and where the line ends."""
    parts, start, index = [], 0, 0
    while index < len(text):
        letter = text[index]
        if letter == "\\":
            index += 1
        elif letter == "|":
            parts.append(text[start:index])
            start = index + 1
        elif letter == "\n":
            return parts or [text[start:index].rstrip("\r")], index + 1
        index += 1
    raise BadFrame("the line does not end")


def _cut(part: str, letter: str) -> tuple[str, str, str]:
    """Partition at the first letter that is not escaped."""
    index = 0
    while index < len(part):
        if part[index] == "\\":
            index += 1
        elif part[index] == letter:
            return part[:index], letter, part[index + 1 :]
        index += 1
    return part, "", ""


def _plain(value: str) -> str:
    """Undo the escapes of \\\\, \\=, \\| and \\<LF>; a lone backslash is literal."""
    if "\\" not in value:
        return value
    result, index = [], 0
    while index < len(value):
        if value[index] == "\\" and value[index + 1 : index + 2] in ("=", "|", "\\", "\n"):
            index += 1
        result.append(value[index])
        index += 1
    return "".join(result)
