"""Masking: what may stand in the audit trail or be shown to somebody who may not know the whole. Pure."""

from collections.abc import Mapping
from typing import Any

SECRET_WORDS = ("password", "secret", "token", "private", "iban", "card_number", "otp")
HIDDEN = "•••"


def mask_email(email: str) -> str:
    """Return "a•••@example.com" for "anna@example.com"."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}{HIDDEN}{at}{domain}" if at else HIDDEN


def mask_name(name: str) -> str:
    """Return the initials, "M••• L•••" for "Maria Lopez"."""
    return " ".join(f"{word[:1]}{HIDDEN}" for word in name.split()) or HIDDEN


def mask_phone(phone: str) -> str:
    """Return the last two digits, "•••42"."""
    return f"{HIDDEN}{phone[-2:]}" if len(phone) > 4 else HIDDEN


def mask_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with secrets hidden and personal contact data shortened, nested mappings included."""
    return {key: _mask(key.lower(), value) for key, value in values.items()}


def _mask(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return mask_fields(value)
    if isinstance(value, list | tuple):
        return [_mask(key, item) for item in value]
    if value in (None, ""):
        return value
    if any(word in key for word in SECRET_WORDS):
        return HIDDEN
    if isinstance(value, str) and key.endswith("email"):
        return mask_email(value)
    if isinstance(value, str) and key.endswith("phone"):
        return mask_phone(value)
    return value
