"""An account order in words, for both doors."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from trading.operations.account_models import AccountOrder
from trading.operations.enums import OperationState
from trading.operations.words import reason_in_words

_PILLS: dict[str, tuple[str, str]] = {
    OperationState.PLANNED: ("mute", "clock"),
    OperationState.SENDING: ("brand", "arrow-right"),
    OperationState.UNKNOWN: ("warn", "clock"),
    OperationState.CONFIRMED: ("ok", "check"),
    OperationState.REFUSED: ("bad", "x"),
    OperationState.REVIEW: ("bad", "alert-circle"),
}
_FOR_CLIENTS = ("leverage_positions", "declined")


@dataclass(frozen=True, slots=True)
class OrderInWords:
    """An order as a page shows it."""

    row: AccountOrder
    state: str
    pill: str
    icon: str
    why: str  # for staff: it may speak of managers and servers
    why_for_client: str
    can_reveal: bool


def order_in_words(row: AccountOrder, *, now: datetime) -> OrderInWords:
    """Return an order in the reader's language."""
    pill, icon = _PILLS[row.state]
    state = str(row.get_state_display())
    if row.waits_for_approval:
        state, pill = _("Waits for the broker"), "warn"
    open_for = row.reveal_until is not None and row.reveal_until > now
    can_reveal = row.state == OperationState.CONFIRMED and row.has_secret and open_for
    why = reason_in_words(row.reason, row.detail)
    for_client = why if row.reason in _FOR_CLIENTS else _("Ask your broker about it.")
    refused = row.state == OperationState.REFUSED
    return OrderInWords(row, state, pill, icon, why, for_client if refused else "", can_reveal)
