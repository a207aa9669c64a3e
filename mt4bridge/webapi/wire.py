"""The MT5 Web API's words: handshake hashes, request targets, answers. Pure: no socket, no clock, no Django."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mt4bridge.errors import MalformedAnswer, refused

AGENT = "Keel"
CLIENT_BUILD = 3470
COMMENT_LENGTH = 31  # the server cuts longer ones without a word

Scalar = str | int
Params = dict[str, Scalar]
Body = Mapping[str, object]


def password_key(password: str) -> bytes:
    """Return the 16 bytes that stand for the manager's API password in the handshake."""
    inner = hashlib.md5(password.encode("utf-16-le"), usedforsecurity=False).digest()
    return hashlib.md5(inner + b"WebAPI", usedforsecurity=False).digest()


def answer_to(key: bytes, rand_hex: str) -> str:
    """Return the proof of knowing the password for one random challenge (32 hex digits).

    :raises ValueError: the challenge is not hexadecimal."""
    return hashlib.md5(key + bytes.fromhex(rand_hex), usedforsecurity=False).hexdigest()


def same_proof(expected: str, got: object) -> bool:
    """Compare two proofs in constant time."""
    return isinstance(got, str) and hmac.compare_digest(expected.encode(), got.lower().encode())


def target(path: str, params: Params) -> str:
    """Return the request target: everything percent-encoded, a space as %20, a backslash as %5C.

    The server undoes `\\\\`, `\\=`, `\\|` inside values; a lone backslash before another character is literal, so only
    these three are escaped."""
    if not params:
        return path
    pairs = "&".join(f"{quote(name, safe='')}={quote(_escaped(value), safe='')}" for name, value in params.items())
    return f"{path}?{pairs}"


def json_body(values: Mapping[str, object]) -> bytes:
    """Return the body of a POST: JSON in which every scalar is text, as the server writes it itself."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _escaped(value: Scalar) -> str:
    text = str(value)
    if "\\" not in text and "|" not in text:
        return text
    return text.replace("\\", "\\\\").replace("|", "\\|")


def parse_answer(path: str, body: bytes) -> dict[str, Any]:
    """Return the whole answer object of a successful call; every number in it is the text that was sent.

    Numbers are kept as text so that none ever passes through a float.

    :raises MalformedAnswer: not a JSON object with a return code.
    :raises Refused: the return code is neither 0 nor 1."""
    try:
        answer = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(path=path, detail=_short(f"not JSON: {error}")) from None
    if not isinstance(answer, dict):
        raise MalformedAnswer(path=path, detail="not a JSON object")
    retcode, text = parse_retcode(path, answer.get("retcode"))
    if retcode not in (0, 1):
        raise refused(path=path, retcode=retcode, text=text)
    return answer


def parse_retcode(path: str, value: object) -> tuple[int, str]:
    """Split `"0 Done"` into number and text.

    :raises MalformedAnswer: there is no number."""
    number, _, text = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise MalformedAnswer(path=path, detail=_short(f"no return code, but {value!r}"))
    return int(number), _short(text)


def rows_of(path: str, answer: dict[str, Any]) -> list[Any]:
    """Return the list inside an answer; a single object counts as a list of one, nothing as none.

    :raises MalformedAnswer: it is neither."""
    rows = answer.get("answer", [])
    if rows is None:
        return []
    if isinstance(rows, list):
        return rows
    if isinstance(rows, dict):
        return [rows]
    raise MalformedAnswer(path=path, detail="the answer is not a list")


def object_of(path: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the object inside an answer, or the only one of a list.

    :raises MalformedAnswer: there is none."""
    value = answer.get("answer")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise MalformedAnswer(path=path, detail="the answer is not an object")
    return value


def merged_of(path: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer's members as one object; servers put them into one object or a list of objects.

    :raises MalformedAnswer: something else is in it."""
    merged: dict[str, Any] = {}
    for part in rows_of(path, answer):
        if not isinstance(part, dict):
            raise MalformedAnswer(path=path, detail="the answer is not an object")
        merged.update(part)
    return merged


def member(path: str, row: dict[str, Any], name: str) -> Any:
    """Return a member whose letter case servers disagree on (`total`, `Total`).

    :raises MalformedAnswer: it is missing."""
    for spelling in (name, name.lower(), name.capitalize()):
        if spelling in row:
            return row[spelling]
    raise MalformedAnswer(path=path, detail=f"{name} is missing")


def whole(path: str, name: str, value: object) -> int:
    """Return a whole number that came as text.

    :raises MalformedAnswer: it is not one."""
    text = value if isinstance(value, str) else ""
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise MalformedAnswer(path=path, detail=_short(f"{name} is {value!r}"))
    return int(text)


def _short(text: str) -> str:
    """Cut foreign text to what fits a sentence, without characters that cannot be stored or shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])
