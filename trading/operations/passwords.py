"""Passwords for MT accounts, by the servers' rules: 8 to 16 characters of all four classes. Pure."""

import secrets

LENGTH = 12
# Without characters that people mistake for one another (0 O, 1 l I).
_CLASSES = ("abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#$%*+-=?@")
_ALL = "".join(_CLASSES)


def new_password() -> str:
    """Return a password of 12 characters, at least one of each class, in an order that says nothing."""
    letters = [secrets.choice(one) for one in _CLASSES]
    letters += [secrets.choice(_ALL) for _ in range(LENGTH - len(letters))]
    for place in range(LENGTH - 1, 0, -1):
        other = secrets.randbelow(place + 1)
        letters[place], letters[other] = letters[other], letters[place]
    return "".join(letters)


def is_acceptable(password: str) -> bool:
    """Say whether MT servers take a password: 8 to 16 printable characters, of all four classes."""
    if not 8 <= len(password) <= 16 or not password.isascii() or not password.isprintable():
        return False
    has = (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum() and one != " ")
    return all(any(kind(one) for one in password) for kind in has)
