"""Dated changes on an MT server: what is not what it was, and whether that waits for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading.sync.enums import ChangedField, ChangeOf, ChangeState
from trading.sync.models import ServerChange

NAME_LENGTH = 64
VALUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is not what it was."""

    of: ChangeOf
    name: str
    field: ChangedField
    before: object = ""
    after: object = ""
    waits: bool = False


def note_changes(server_id: int, changes: Sequence[Change], now: datetime) -> None:
    """Write the changes; one that waits already, or was decided with the same outcome, is not written again."""
    waiting = [change for change in changes if change.waits]
    decided = (
        set(
            ServerChange.objects.filter(server_id=server_id)
            .exclude(state=ChangeState.TAKEN)
            .filter(name__in={change.name for change in waiting})
            .values_list("of", "name", "field", "before", "after")
        )
        if waiting
        else set()
    )
    ServerChange.objects.bulk_create(
        [
            ServerChange(
                server_id=server_id, seen_at=now, of=change.of, name=change.name[:NAME_LENGTH], field=change.field,
                before=str(change.before)[:VALUE_LENGTH], after=str(change.after)[:VALUE_LENGTH],
                state=ChangeState.WAITING if change.waits else ChangeState.TAKEN,
            )
            for change in changes
            if not change.waits
            or (change.of, change.name, change.field, str(change.before), str(change.after)) not in decided
        ],
        ignore_conflicts=True,
    )  # fmt: skip
