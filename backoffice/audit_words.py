"""Events of the audit trail for people: what was done in words, and what changed as plain text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from access.models import AuditEvent
from access.rights import all_rights

DASH = "\N{EM DASH}"


@dataclass(frozen=True, slots=True)
class Told:
    """An event, its action in words ("" when no right is called so), and its fields before and after."""

    event: AuditEvent
    what: str
    before: list[tuple[str, str]]
    after: list[tuple[str, str]]


def told(event: AuditEvent) -> Told:
    """Return the event in words."""
    action, _sep, state = event.action.partition(":")
    label = all_rights().get(action)
    what = f"{label} ({state})" if label and state else str(label or "")
    return Told(event, what, _fields(event.before), _fields(event.after))


def _fields(values: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in sorted((values or {}).items())]


def _text(value: Any) -> str:
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
