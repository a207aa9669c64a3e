"""The actions that need a second person: floors above register them, `services.approvals` runs them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.utils.functional import Promise

from access.models import Approval
from access.types import Actor


class Executor(Protocol):
    """Do what was approved, in the transaction of the approval. A DomainError leaves it waiting."""

    def __call__(self, *, approval: Approval, actor: Actor, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class ApprovalAction:
    """One kind of action that takes two people."""

    name: str  # "app.verb_noun"
    label: str | Promise
    request_right: str
    approve_right: str
    execute: Executor
    lifetime: timedelta = timedelta(days=3)


_ACTIONS: dict[str, ApprovalAction] = {}


def register_action(action: ApprovalAction) -> None:
    """Make an action known. Called from the AppConfig.ready of the floor that owns it.

    :raises ValueError: another action has the name."""
    if _ACTIONS.get(action.name, action) != action:
        raise ValueError(f"the action {action.name} is registered twice")
    _ACTIONS[action.name] = action


def get_action(name: str) -> ApprovalAction:
    """Return the registered action.

    :raises KeyError: nobody registered it."""
    return _ACTIONS[name]


def all_actions() -> dict[str, ApprovalAction]:
    """Return every registered action by name."""
    return dict(_ACTIONS)
