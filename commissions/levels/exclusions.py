"""The exclusion list: IBs that no evaluation touches, why, and until when."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from access.services import record_audit
from access.types import Actor
from commissions.levels.errors import AlreadyExcluded
from commissions.levels.ladders import lock_ladders
from commissions.levels.models import LevelExclusion
from ib.models import IB


@transaction.atomic
def exclude_ib(*, ib: IB, reason: str, until: datetime | None, actor: Actor, now: datetime) -> LevelExclusion:
    """Put an IB on the exclusion list from now on; `until` None: without an end.

    :raises AlreadyExcluded: it is on the list during that time."""
    lock_ladders()
    overlapping = LevelExclusion.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=now), ib=ib)
    if overlapping.exists():
        raise AlreadyExcluded(field="ib", ib=ib.code)
    row = LevelExclusion.objects.create(ib=ib, reason=reason, active_from=now, active_to=until, excluded_by=actor.label)
    record_audit(
        actor=actor, action="commissions.exclude_ib", object_type="ib", object_id=ib.pk, before=None,
        after={"until": until}, reason=reason, now=now,
    )  # fmt: skip
    return row


@transaction.atomic
def end_exclusion(*, exclusion: LevelExclusion, actor: Actor, now: datetime) -> LevelExclusion:
    """Take an IB from the list now; the row stays as history. One that has ended is returned as it is."""
    row = LevelExclusion.objects.select_for_update(of=("self",)).get(pk=exclusion.pk)
    if row.active_to is not None and row.active_to <= now:
        return row
    before, row.active_to = row.active_to, now
    row.save(update_fields=["active_to"])
    record_audit(
        actor=actor, action="commissions.exclude_ib", object_type="ib", object_id=row.ib_id,
        before={"until": before}, after={"until": now}, reason=row.reason, now=now,
    )  # fmt: skip
    return row
