"""Reads: which servers to talk to now, and what went wrong last, in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext

from access.types import Actor
from mt4bridge.errors import BY_CODE, BridgeError, SignInRefused
from mt4bridge.models import HistoryUpload, MtServer

FIRST_WAIT = timedelta(seconds=2)
FIRST_WAIT_LOCKED_OUT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=2)
_LOCKED_OUT = frozenset(
    (
        "wrong_password", "key_refused", "impostor_server", "untrusted_certificate", "access_denied",
        *(code for code, kind in BY_CODE.items() if issubclass(kind, SignInRefused)),
    )
)  # fmt: skip
"""After these a person has to act; trying often only fills the broker's log."""


def servers_visible_to(actor: Actor) -> QuerySet[MtServer]:
    """Return the MT servers that the actor may see."""
    rows = MtServer.objects.all()
    return rows if actor.sees_all and actor.has("mt4bridge.view_server") else rows.none()


def uploads_visible_to(actor: Actor) -> QuerySet[HistoryUpload]:
    """Return the uploaded histories that the actor may see."""
    rows = HistoryUpload.objects.select_related("server")
    return rows if actor.sees_all and actor.has("mt4bridge.view_server") else rows.none()


def servers_to_contact(*, now: datetime) -> list[int]:
    """Return the ids of the active servers that are not waiting out a failure."""
    return [server.pk for server in MtServer.objects.filter(is_active=True).order_by("pk") if not _waits(server, now)]


def wait_after(*, failures: int, code: str, server_id: int) -> timedelta:
    """Return how long to leave a server alone after so many failures in a row.

    Doubles up to two minutes. Up to a quarter longer, by server, so that many servers behind one broken line do not
    all come back in the same second."""
    first = FIRST_WAIT_LOCKED_OUT if code in _LOCKED_OUT else FIRST_WAIT
    wait: timedelta = min(first * 2 ** min(failures - 1, 10), LONGEST_WAIT)
    return wait + wait / 4 * (server_id * 7919 % 100) / 100


def last_error_in_words(server: MtServer) -> str:
    """Return the last failure as a sentence in the reader's language; "" when there was none."""
    if not server.last_error_code:
        return ""
    return error_in_words(code=server.last_error_code, fields=server.last_error_fields)


def error_in_words(*, code: str, fields: Mapping[str, object]) -> str:
    """Return the sentence of an error code in the reader's language, whatever release wrote its fields."""
    return gettext(BY_CODE.get(code, BridgeError).message) % _Lenient(fields)


class _Lenient(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "?"


def _waits(server: MtServer, now: datetime) -> bool:
    if not server.failures or server.last_error_at is None:
        return False
    wait = wait_after(failures=server.failures, code=server.last_error_code, server_id=server.pk)
    return now < server.last_error_at + wait
