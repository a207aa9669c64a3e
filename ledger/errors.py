"""Why the ledger refuses, in words; and the way from the database's constraint names to them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput, NotFound


class InsufficientFunds(DomainError):
    """Posting or holding would take more than is available."""

    code = "insufficient_funds"
    message = _("The account does not hold enough free money.")


class IdempotencyConflict(DomainError):
    """The key was used before, for something else."""

    code = "idempotency_conflict"
    http_status = 422
    message = _("The key %(key)s was used before for a different request.")


class AccountConflict(DomainError):
    """An account of this code exists with other rules."""

    code = "ledger_account_conflict"
    message = _("The ledger account %(account)s cannot be opened: its kind, currency or owner does not fit.")


class UnknownLedgerAccount(NotFound):
    """A posting or hold names an account that does not exist."""

    code = "unknown_ledger_account"
    message = _("This ledger account does not exist.")


class UnbalancedEntry(InvalidInput):
    """Debits and credits differ in a currency, or there are fewer than two postings."""

    code = "unbalanced_entry"
    message = _("Debits and credits of an entry must be equal in each currency.")


class InvalidAmount(InvalidInput):
    """Not a positive number, or with more decimals than the account keeps."""

    code = "invalid_amount"
    message = _("An amount must be more than zero and have no more decimals than its account keeps.")


class AlreadyReversed(DomainError):
    """The entry has its reversal."""

    code = "already_reversed"
    message = _("This entry is reversed already.")


class NotReversible(DomainError):
    """A reversal is not reversed; the original is booked again."""

    code = "not_reversible"
    message = _("A reversal cannot be reversed: book the original again.")


class HoldClosed(DomainError):
    """The hold was captured or released before."""

    code = "hold_closed"
    message = _("This hold is closed already.")


class HoldMismatch(InvalidInput):
    """The capturing entry does not take exactly the held amount from the held account."""

    code = "hold_mismatch"
    message = _("The entry must take exactly the held amount from the account of the hold.")


BY_CONSTRAINT: dict[str, type[DomainError]] = {
    "balance_available_not_negative": InsufficientFunds,
    "posting_account_exists": UnknownLedgerAccount,
    "posting_decimals": InvalidAmount,
    "posting_sums_to_zero": UnbalancedEntry,
    "journal_entry_reversed_once": AlreadyReversed,
    "hold_begins_held": InvalidAmount,
}


def constraint_of(error: DatabaseError) -> str:
    """Return the name of the constraint that the database names in this error, or ""."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's refusals that a person can meet into domain errors; others pass unchanged."""
    try:
        yield
    except DatabaseError as error:
        refusal = BY_CONSTRAINT.get(constraint_of(error))
        if refusal is None:
            raise
        raise refusal from error
