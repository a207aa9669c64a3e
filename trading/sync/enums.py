"""What can change on an MT server, which comparisons there are, and what they find."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ChangeOf(TextChoices):
    """What a change on the server is about."""

    SYMBOL = "symbol", _("Symbol")
    GROUP = "group", _("MT group")
    ACCOUNT = "account", _("Trading account")


class ChangedField(TextChoices):
    """Which part of it changed."""

    APPEARED = "appeared", _("New on the server")
    GONE = "gone", _("No longer on the server")
    CONTRACT_SIZE = "contract_size", _("Contract size")
    DIGITS = "digits", _("Digits")
    QUOTE_CURRENCY = "quote_currency", _("Quote currency")
    PATH = "path", _("Folder")
    CURRENCY = "currency", _("Currency")
    CURRENCY_DIGITS = "currency_digits", _("Digits of the currency")
    GROUP = "group", _("MT group")
    LEVERAGE = "leverage", _("Leverage")
    AGENT = "agent", _("Agent account")


class ChangeState(TextChoices):
    """Whether a change is in force here."""

    TAKEN = "taken", _("In force here")
    WAITING = "waiting", _("Waits for a decision")
    ACCEPTED = "accepted", _("Accepted by staff")
    KEPT = "kept", _("Not taken over, by staff")


class RunKind(TextChoices):
    """A comparison of the store with the server."""

    NIGHTLY = "nightly", _("Last days, by count and sums")
    MONTHLY = "monthly", _("Whole history, by tickets")
    BALANCES = "balances", _("Balance and credit of each account")


class DifferenceKind(TextChoices):
    """What a comparison found."""

    MISSING_HERE = "missing_here", _("The server has a deal that was not stored")
    MISSING_THERE = "missing_there", _("A stored deal is not on the server")
    CONTENT = "content", _("A deal differs")
    BALANCE = "balance", _("The balance is not the sum of the deals")
    CREDIT = "credit", _("The credit is not the sum of the credit operations")
    NO_HISTORY = "no_history", _("The account is older than the deals that are read")
