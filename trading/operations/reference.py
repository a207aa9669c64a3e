"""The reference that an operation carries in its comment on the MT server. Pure.

Twelve characters of Crockford's base 32 and a check character: 20 bits for the broker's schema, so that brokers that
share an MT server never write the same reference, then 40 bits of the operation's id."""

import hashlib

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13
_DIGITS = 12
_ID_BITS = 40
_VALUE = {character: value for value, character in enumerate(ALPHABET)}


def reference_of(*, schema: str, operation_id: int) -> str:
    """Return the reference of an operation of a broker.

    :raises ValueError: the id is not between 1 and 2^40 - 1."""
    if not 0 < operation_id < 1 << _ID_BITS:
        raise ValueError(f"{operation_id} cannot be the id of an operation")
    number = _salt(schema) << _ID_BITS | operation_id
    digits = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(_DIGITS)))
    return digits + _check_character(digits)


def find_reference(comment: str) -> str | None:
    """Return the well-formed reference that a comment begins with, or None."""
    text = comment[:LENGTH]
    if len(text) < LENGTH or any(character not in _VALUE for character in text):
        return None
    return text if _check_character(text[:_DIGITS]) == text[_DIGITS] else None


def is_of_schema(reference: str, schema: str) -> bool:
    """Say whether a reference was made by the broker with this schema."""
    number = 0
    for character in reference[:_DIGITS]:
        number = number << 5 | _VALUE[character]
    return number >> _ID_BITS == _salt(schema)


def _salt(schema: str) -> int:
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:3]) >> 4


def _check_character(digits: str) -> str:
    """Luhn's rule with 32 values: it notices every single wrong character and nearly every swap of two neighbours."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = _VALUE[character] * (2 if place % 2 == 0 else 1)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]
