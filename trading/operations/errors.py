"""Refusals of the outbox, and the words for why an operation stands where it stands."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.errors import DomainError, InvalidInput


class OperationAmountInvalid(InvalidInput):
    code = "operation_amount_invalid"
    message = _("An amount is a number other than 0, in whole minor units of %(currency)s, at most a thousand million.")


class OperationKindMisfit(InvalidInput):
    code = "operation_kind_misfit"
    message = _("This kind of operation, its purpose and the sign of its amount do not go together.")


class OperationKeyConflict(DomainError):
    code = "operation_key_conflict"
    http_status = 422
    message = _("The key %(key)s was used before for a different operation.")


class OperationMoved(DomainError):
    code = "operation_moved"
    message = _("Operation %(ref)s is in the state “%(state)s”; this cannot be done with it now.")


class SenderReplaced(DomainError):
    """Another sender has taken over: whatever this one learned is found again by reading back."""

    code = "sender_replaced"
    message = _("Another worker has taken over this operation.")


class TicketTaken(InvalidInput):
    code = "ticket_taken"
    message = _("Deal %(ticket)s belongs to another operation already.")


class DealMisfit(InvalidInput):
    code = "deal_misfit"
    message = _(
        "Deal %(ticket)s is not stored here, or it is of another account, kind or amount. Take a wrong deal back on "
        "the MT server first, then settle the operation as not carried out."
    )


class TypeNotOffered(InvalidInput):
    code = "account_type_not_offered"
    message = _("This type of account is not offered.")


class LeverageNotOffered(InvalidInput):
    code = "leverage_not_offered"
    message = _("A leverage of 1:%(leverage)s is not offered for this type of account.")


class TooManyAccounts(DomainError):
    code = "too_many_accounts"
    message = _("One client may have %(most)s accounts of this type.")


class LoginsExhausted(DomainError):
    code = "logins_exhausted"
    message = _("All logins from %(first)s to %(last)s are used. Widen the range of the account type.")


class OrderPending(DomainError):
    code = "order_pending"
    message = _("The same change of account %(login)s is under way.")


class NothingToReveal(DomainError):
    code = "nothing_to_reveal"
    message = _("There is no password to show: it was shown already, or its time is over. Set a new one.")


REASONS: dict[str, str] = {
    "worker_lost": gettext_noop("The worker that was sending it ended before it heard the answer."),
    "answer_unconfirmed": gettext_noop("The server said done, but its deal could not be read yet."),
    "not_applied": gettext_noop("The server does not have it after all; it is sent again with the same reference."),
    "not_there": gettext_noop("%(reads)s readings did not show its deal yet."),
    "never_applied": gettext_noop("It was sent %(attempts)s times and the server does not have it."),
    "doubled": gettext_noop("The server has %(count)s deals with this reference: %(tickets)s."),
    "differs": gettext_noop("The server's deal %(tickets)s has this reference but another kind, amount or login."),
    "not_booked": gettext_noop("The server has it, and the ledger refuses to book it: %(why)s"),
    "unsettled": gettext_noop("%(reads)s readings could not settle it."),
    "leverage_positions": gettext_noop("Open positions do not allow this leverage."),
    "not_empty": gettext_noop("The account still has money or open positions."),
    "group_differs": gettext_noop("The server opened it in group %(group)s, which is not the one of its type."),
    "declined": gettext_noop("Declined by staff."),
    "withdrawn": gettext_noop("Taken back by a person before it was sent."),
    "resolved": gettext_noop("Settled by two people."),
    "read_again": gettext_noop("A person asked to read the server's deals again."),
}
"""Why an operation stands where it stands, when it is not an error of the bridge (mt4bridge.errors.BY_CODE)."""
