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


@dataclass(frozen=True, slots=True)
class OrderInWords:
    """An order as a page shows it."""

    row: AccountOrder
    state: str
    pill: str
    icon: str
    why: str
    can_reveal: bool


def order_in_words(row: AccountOrder, *, now: datetime) -> OrderInWords:
    """Return an order in the reader's language."""
    pill, icon = _PILLS[row.state]
    state = str(row.get_state_display())
    if row.waits_for_approval:
        state, pill = _("Waits for the broker"), "warn"
    open_for = row.reveal_until is not None and row.reveal_until > now
    can_reveal = row.state == OperationState.CONFIRMED and row.has_secret and open_for
    return OrderInWords(row, state, pill, icon, reason_in_words(row.reason, row.detail), can_reveal)
