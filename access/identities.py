"""Who a portal user is: floors above tell how to find a user's own client and own IB."""

from collections.abc import Callable
from typing import Literal

IdentityName = Literal["client_id", "ib_id"]
IdentityFinder = Callable[[int], int | None]  # user id → id of the own row

_FINDERS: dict[IdentityName, IdentityFinder] = {}


def register_identity(name: IdentityName, finder: IdentityFinder) -> None:
    """Let a floor above find what belongs to a user. Called from its AppConfig.ready.

    :raises ValueError: another finder has the name."""
    if _FINDERS.get(name, finder) is not finder:
        raise ValueError(f"the identity {name} is registered twice")
    _FINDERS[name] = finder


def find_identity(name: IdentityName, *, user_id: int) -> int | None:
    """Return the id of the user's own client or IB, or None."""
    finder = _FINDERS.get(name)
    return finder(user_id) if finder else None
