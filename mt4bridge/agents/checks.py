"""Reading the parameters and bodies of requests, strictly. Standard library only."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from mt4bridge.httpbridge.contract import Fault, Json

MAX_NUMBERS = 500
MAX_LIMIT = 5_000
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,8})?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TEXTS = {"name": 127, "email": 64, "country": 32, "group": 64, "comment": 63, "token": 32, "language": 16, "phone": 32}
_NUMBERS = ("leverage", "agent", "rights")
_FLAGS = ("enabled", "may_trade")
_PASSWORD = 64


def json_body(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault("invalid", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Fault("invalid", "The body is not a JSON object.")
    return value


def request_id(value: object) -> str:
    if not isinstance(value, str) or not _REQUEST_ID.fullmatch(value):
        raise Fault("invalid", "request_id must be 1 to 64 letters, digits, - or _.")
    return value


def whole(values: Mapping[str, object], name: str, default: int | None = None) -> int:
    """Return a whole number from 0 to 2^63-1, of a query (text) or a body."""
    value = values.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Fault("invalid", f"{name} must be a whole number.")
    return value


def numbers(query: Mapping[str, str], name: str) -> tuple[int, ...] | None:
    """Return a comma list of numbers; None when it is not there."""
    if name not in query:
        return None
    parts = query[name].split(",")
    if len(parts) > MAX_NUMBERS:
        raise Fault("invalid", f"{name} may list {MAX_NUMBERS} numbers.")
    return tuple(whole({name: part}, name) for part in parts)


def needed(values: tuple[int, ...] | None, name: str) -> tuple[int, ...]:
    if values is None:
        raise Fault("invalid", f"{name} is missing.")
    return values


def text(values: Mapping[str, object], name: str, longest: int, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise Fault("invalid", f"{name} must be a text of at most {longest} printable characters.")
    return value


def amount(values: Mapping[str, object], name: str) -> Decimal:
    value = values.get(name)
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise Fault("invalid", f"{name} must be a decimal number as text.")
    return Decimal(value)


def one_of(values: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    value = values.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise Fault("invalid", f"{name} must be one of {', '.join(allowed)}.")
    return value


def flag(values: Mapping[str, object], name: str, default: bool) -> bool:
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise Fault("invalid", f"{name} must be true or false.")
    return value


def new_user(body: Json) -> Json:
    """Return the checked wish for a new account."""
    wanted: Json = {name: text(body, name, longest, "") for name, longest in _TEXTS.items()}
    wanted |= {name: whole(body, name, 0) for name in ("login", "agent")}
    wanted["leverage"] = whole(body, "leverage")
    wanted |= {name: flag(body, name, True) for name in _FLAGS}
    wanted |= {name: text(body, name, _PASSWORD) for name in ("main_password", "investor_password")}
    if not wanted["group"] or not wanted["name"] or not wanted["leverage"]:
        raise Fault("invalid", "group, name and leverage must be given.")
    return wanted


def user_changes(body: Json) -> Json:
    """Return the checked fields that are to change; what is not named stays as it is."""
    changes = body.get("changes")
    if not isinstance(changes, dict) or not changes:
        raise Fault("invalid", "changes must name at least one field.")
    readers: dict[str, Callable[[str], object]] = {
        **{name: lambda field: text(changes, field, _TEXTS[field]) for name in _TEXTS},
        **{name: lambda field: whole(changes, field) for name in _NUMBERS},
        **{name: lambda field: flag(changes, field, False) for name in _FLAGS},
    }
    unknown = sorted(set(changes) - set(readers))
    if unknown:
        raise Fault("invalid", f"{unknown[0]} cannot be changed.")
    return {name: readers[name](name) for name in changes}


def password(body: Json) -> tuple[str, str]:
    """Return kind and password."""
    return one_of(body, "kind", ("main", "investor")), text(body, "password", _PASSWORD)


def balance(body: Json) -> Json:
    """Return the checked wish for a balance operation; its amount is a Decimal."""
    wanted: Json = {
        "login": whole(body, "login"),
        "kind": one_of(body, "kind", ("balance", "credit", "charge", "correction", "bonus")),
        "amount": amount(body, "amount"),
        "comment": text(body, "comment", 31, ""),
        "check_margin": flag(body, "check_margin", True),
    }
    if not wanted["amount"]:
        raise Fault("invalid", "amount must not be 0.")
    return wanted
