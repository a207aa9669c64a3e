"""How patient the outbox is with one MT server, set by staff. What is on its way follows at its next look."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError
from trading.operations.models import SendingRules

EDIT = "trading.edit_sending_rules"
SHORTEST = {"settle_window": 90, "read_gap": 10, "lease": 60}  # seconds; decision 0021
LONGEST = 3_600  # seconds, of each
MOST_ATTEMPTS = 10


class PatienceOutOfRange(DomainError):
    """A span or a number of attempts with which an operation could be booked twice, or never be decided."""

    code, http_status = "patience_out_of_range", 422
    message = _("From %(least)s to %(most)s.")


@dataclass(frozen=True, slots=True)
class Patience:
    """The rules as staff type them."""

    settle_window_s: int  # how long an operation without an answer may still be carried out
    read_gap_s: int  # between the two readings that find nothing
    lease_s: int  # how long a sender may stay silent
    max_attempts: int  # sendings, all with the same reference


def patience_of(rules: SendingRules) -> Patience:
    """Return the rules in whole seconds."""
    second = timedelta(seconds=1)
    return Patience(rules.settle_window // second, rules.read_gap // second, rules.lease // second, rules.max_attempts)


@transaction.atomic
def set_patience(*, server_id: int, patience: Patience, actor: Actor, now: datetime) -> SendingRules:
    """Set the rules of one server.

    :raises PatienceOutOfRange: a value is not within its bounds."""
    for name, least in SHORTEST.items():
        _check(f"{name}_s", getattr(patience, f"{name}_s"), least, LONGEST)
    _check("max_attempts", patience.max_attempts, 1, MOST_ATTEMPTS)
    row, _created = SendingRules.objects.select_for_update().get_or_create(server_id=server_id)
    before = _plain(patience_of(row))
    row.settle_window = timedelta(seconds=patience.settle_window_s)
    row.read_gap = timedelta(seconds=patience.read_gap_s)
    row.lease = timedelta(seconds=patience.lease_s)
    row.max_attempts = patience.max_attempts
    row.save()
    record_audit(
        actor=actor, action=EDIT, object_type="mt_server", object_id=str(server_id), before=before,
        after=_plain(patience), now=now,
    )  # fmt: skip
    return row


def _check(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise PatienceOutOfRange(field=field, least=least, most=most)


def _plain(patience: Patience) -> dict[str, Any]:
    return {
        "settle_window_s": patience.settle_window_s, "read_gap_s": patience.read_gap_s, "lease_s": patience.lease_s,
        "max_attempts": patience.max_attempts,
    }  # fmt: skip
