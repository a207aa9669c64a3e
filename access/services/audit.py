"""The audit trail: one row per thing done, in the transaction that does it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from access.masking import mask_fields
from access.models import AuditEvent
from access.types import Actor


def record_audit(
    *,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: str | int,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str = "",
    now: datetime,
) -> AuditEvent:
    """Add one event to the trail, secrets masked, inside the caller's transaction.

    :raises TransactionManagementError: there is no transaction, so the event could outlive or miss its change."""
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record_audit belongs into the transaction of the change")
    return AuditEvent.objects.create(
        at=now,
        actor_kind=actor.kind,
        actor_user_id=actor.user_id,
        actor_label=actor.label,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        before=None if before is None else mask_fields(before),
        after=None if after is None else mask_fields(after),
        reason=reason,
        ip=actor.ip,
        request_id=actor.request_id,
    )
