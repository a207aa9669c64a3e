"""The fixed words of settlement, with their labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Cycle(models.TextChoices):
    """How often an agreement is settled."""

    REAL_TIME = "real_time", _("Real time")
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")
    MONTHLY = "monthly", _("Monthly")


class Destination(models.TextChoices):
    """Where a payout goes."""

    WALLET = "wallet", _("Wallet")
    MT_ACCOUNT = "mt_account", _("Trading account")


class StatementState(models.TextChoices):
    """Where a statement stands."""

    OPEN = "open", _("Running")  # real time: the day is not over
    REVIEW = "review", _("To be reviewed")
    HELD = "held", _("On hold")
    APPROVED = "approved", _("Approved")
    WAITING = "waiting_for_transfer", _("Waits for the transfer")  # in the wallet, set aside for the trading account
    PAID = "paid", _("Paid")
    CARRIED = "carried", _("Carried over")  # below zero, or less than is paid out


class PayoutState(models.TextChoices):
    """Where the money of a payout is."""

    PAID = "paid", _("In the wallet")
    WAITING = "waiting_for_transfer", _("Waits for the transfer")
    TRANSFERRED = "transferred", _("On the trading account")
    KEPT = "kept", _("Stays in the wallet")  # the trading account could not take it


_S = StatementState
STATEMENT_MOVES: dict[StatementState, frozenset[StatementState]] = {
    _S.OPEN: frozenset({_S.REVIEW, _S.HELD, _S.APPROVED, _S.PAID, _S.CARRIED}),
    _S.REVIEW: frozenset({_S.APPROVED, _S.HELD}),
    _S.HELD: frozenset({_S.REVIEW}),
    _S.APPROVED: frozenset({_S.HELD, _S.WAITING, _S.PAID}),
    _S.WAITING: frozenset({_S.PAID}),
    _S.PAID: frozenset(),
    _S.CARRIED: frozenset(),
}
