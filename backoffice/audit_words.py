"""Events of the audit trail for people: what was done in words, and what changed as plain text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.models import AuditEvent
from access.rights import all_rights

DASH = "\N{EM DASH}"
# Actions that are not called like a right; all others have the right's own words.
ACTIONS: dict[str, Promise] = {
    "access.create_role": gettext_lazy("Make a role"),
    "access.create_user": gettext_lazy("Make a sign-in"),
    "access.grant_role": gettext_lazy("Give staff a role"),
    "access.revoke_role": gettext_lazy("Take a role from staff"),
    "access.seed_role": gettext_lazy("Bring a built-in role to this release"),
    "access.set_password": gettext_lazy("Set a password"),
    "access.set_role_rights": gettext_lazy("Change the rights of a role"),
    "access.set_user_active": gettext_lazy("Switch a sign-in on or off"),
    "access.sign_in": gettext_lazy("Sign in"),
    "access.sign_in_failed": gettext_lazy("Fail to sign in"),
    "access.sign_out": gettext_lazy("Sign out"),
    "commissions.accept_plan": gettext_lazy("Accept the terms of a plan"),
    "commissions.apply_correction": gettext_lazy("Make a correction"),
    "commissions.delegate": gettext_lazy("Set the share of an IB below or of clients"),
    "commissions.drop_correction": gettext_lazy("Drop a correction"),
    "commissions.end_transfer": gettext_lazy("End the transfer of a payout to a trading account"),
    "commissions.pay_statement": gettext_lazy("Pay a statement"),
    "commissions.preview_correction": gettext_lazy("Preview a correction again"),
    "commissions.propose_correction": gettext_lazy("Propose a correction"),
    "commissions.release_statement": gettext_lazy("Release a statement from hold"),
    "commissions.stop_simulation": gettext_lazy("Stop a simulation"),
    "ib.create_network": gettext_lazy("Create many IBs at once"),
    "ib.move_account": gettext_lazy("Move a single trading account to another IB"),
    "ib.move_client": gettext_lazy("Move a client to another IB"),
    "ib.place_clients": gettext_lazy("Place many clients at once"),
    "mt4bridge.confirm_upload": gettext_lazy("Confirm an uploaded history"),
    "mt4bridge.discard_upload": gettext_lazy("Discard an uploaded history"),
    "mt4bridge.register_server": gettext_lazy("Connect an MT server"),
    "mt4bridge.test_server": gettext_lazy("Test the connection to an MT server"),
    "trading.book_operation": gettext_lazy("Book a balance operation on an MT account"),
    "notifications.cancel_message": gettext_lazy("Cancel a message that waits"),
    "notifications.send_again": gettext_lazy("Send a message again"),
    "notifications.send_test_mail": gettext_lazy("Send a test mail"),
    "notifications.send_test_sms": gettext_lazy("Send a test SMS"),
    "trading.add_symbol": gettext_lazy("Describe a symbol"),
    "trading.create_symbol_group": gettext_lazy("Make a symbol group"),
    "trading.plan_operation": gettext_lazy("Put a balance operation into the outbox"),
    "trading.reveal_password": gettext_lazy("Look at new account passwords, once"),
    "trading.settle_account_order": gettext_lazy("Settle an account order in review"),
    "trading.read_operation_again": gettext_lazy("Have the server's deals read again"),
    "trading.compare_server": gettext_lazy("Compare with an MT server"),
    "trading.decide_change": gettext_lazy("Decide what changed on an MT server"),
    "trading.edit_sending_rules": gettext_lazy("Set how patient the outbox is with an MT server"),
    "trading.pause_server": gettext_lazy("Pause the reading of an MT server"),
    "trading.resume_server": gettext_lazy("Resume the reading of an MT server"),
    "trading.register_account": gettext_lazy("Link a trading account to its client"),
    "trading.withdraw_operation": gettext_lazy("Take back a balance operation before it is sent"),
}
STATES: dict[str, Promise] = {
    "requested": gettext_lazy("asked for"),
    "approved": gettext_lazy("approved by a second person"),
    "rejected": gettext_lazy("refused by a second person"),
    "expired": gettext_lazy("not decided in time"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event, its action in words ("" when it has none), and its fields before and after."""

    event: AuditEvent
    what: str
    before: list[tuple[str, str]]
    after: list[tuple[str, str]]


def told(event: AuditEvent) -> Told:
    """Return the event in words."""
    return Told(event, action_words(event.action), _fields(event.before), _fields(event.after))


def action_words(code: str) -> str:
    """Return what an action code means; "" for one that nobody put into words."""
    action, _sep, state = code.partition(":")
    words = ACTIONS.get(action) or all_rights().get(action) or ""
    return f"{words} ({STATES.get(state, state)})" if words and state else str(words)


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
