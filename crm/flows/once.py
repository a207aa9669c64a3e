"""One call of an MT server for a claimed row: sent once, and every way it can end is a move of the row."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mt4bridge.errors import BridgeError, OutcomeUnknown, Refused, SignInRefused, TooFrequent
from trading.operations.models import Outgoing
from trading.operations.moving import detail_of, doubt, put_back

Answer = TypeVar("Answer")
Clock = Callable[[], datetime]
NOT_CARRIED_OUT = (TooFrequent, SignInRefused)  # refusals that say "not now", before anything was done
NEVER = frozenset({"unsupported"})  # this way to the server cannot do it, whatever is tried


class Refuse(Protocol):
    """Note a definite no."""

    def __call__(self, *, reason: str, detail: dict[str, Any], now: datetime) -> object: ...


def call_once(row: Outgoing, call: Callable[[], Answer], *, refuse: Refuse, clock: Clock) -> Answer | None:
    """Return the server's answer, or None after the row has moved to its doubt or its refusal.

    :raises BridgeError: nothing reached the server; the row is planned again."""
    try:
        return call()
    except OutcomeUnknown as error:
        doubt(row=row, reason=error.code, detail=detail_of(error), now=clock())
    except NOT_CARRIED_OUT as error:
        put_back(row=row, error=error, now=clock())
        raise
    except Refused as error:
        refuse(reason=error.code, detail=dict(detail_of(error)), now=clock())
    except BridgeError as error:  # by the protocol's word it was never sent
        if error.code not in NEVER:
            put_back(row=row, error=error, now=clock())
            raise
        refuse(reason=error.code, detail=dict(detail_of(error)), now=clock())
    return None
