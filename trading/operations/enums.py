"""The fixed words of what is sent to MT servers, and the moves that the database allows."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class OperationKind(models.IntegerChoices):
    """Which balance operation the MT server books: its own numbers (mt4bridge.enums.DealAction)."""

    BALANCE = 2, _("Balance")
    CREDIT = 3, _("Credit")
    CHARGE = 4, _("Charge")
    CORRECTION = 5, _("Correction")
    BONUS = 6, _("Bonus")


class Purpose(models.TextChoices):
    """What an operation is for. Only deposits, withdrawals and manual ones count as a client's net deposit."""

    DEPOSIT = "deposit", _("Deposit")
    WITHDRAWAL = "withdrawal", _("Withdrawal")
    TRANSFER = "transfer", _("Transfer")
    REBATE = "rebate", _("Rebate")
    BONUS = "bonus", _("Bonus")
    CORRECTION = "correction", _("Correction")
    MANUAL = "manual", _("Manual operation")


class OperationState(models.TextChoices):
    """Where an operation stands."""

    PLANNED = "planned", _("Planned")
    SENDING = "sending", _("Being sent")
    UNKNOWN = "unknown", _("Outcome unknown")  # sent, and nobody can say yet whether it was carried out
    CONFIRMED = "confirmed", _("Confirmed")
    REFUSED = "refused", _("Refused")  # certainly not carried out
    REVIEW = "review", _("A person decides")


_S = OperationState
OPERATION_MOVES: dict[OperationState, frozenset[OperationState]] = {
    _S.PLANNED: frozenset({_S.SENDING, _S.REFUSED}),
    _S.SENDING: frozenset({_S.CONFIRMED, _S.REFUSED, _S.UNKNOWN, _S.PLANNED}),  # planned: certainly never sent
    _S.UNKNOWN: frozenset({_S.CONFIRMED, _S.SENDING, _S.REVIEW}),
    _S.REVIEW: frozenset({_S.CONFIRMED, _S.REFUSED, _S.UNKNOWN}),
    _S.CONFIRMED: frozenset(),
    _S.REFUSED: frozenset(),
}
"""Legal moves; the trigger `balance_operation_guard` holds the same table."""

IN_FLIGHT = (_S.SENDING, _S.UNKNOWN)
MOVING = (_S.PLANNED, *IN_FLIGHT)  # goes on without a person of the back office, or is still to be approved
OPEN = (_S.PLANNED, _S.SENDING, _S.UNKNOWN, _S.REVIEW)
NOT_A_DEPOSIT = (Purpose.TRANSFER, Purpose.REBATE, Purpose.BONUS, Purpose.CORRECTION)
KINDS_OF: dict[Purpose, frozenset[OperationKind]] = {
    Purpose.DEPOSIT: frozenset({OperationKind.BALANCE}),
    Purpose.WITHDRAWAL: frozenset({OperationKind.BALANCE}),
    Purpose.TRANSFER: frozenset({OperationKind.BALANCE}),
    Purpose.REBATE: frozenset({OperationKind.BALANCE}),
    Purpose.BONUS: frozenset({OperationKind.BALANCE, OperationKind.CREDIT, OperationKind.BONUS}),
    Purpose.CORRECTION: frozenset({OperationKind.BALANCE, OperationKind.CREDIT, OperationKind.CORRECTION}),
    Purpose.MANUAL: frozenset(OperationKind),
}
"""Which kinds a purpose may use; the constraint `balance_operation_kind_fits` holds the same table."""


class FindingKind(models.TextChoices):
    """What a comparison of the stored balance deals with the outbox found."""

    MISSING = "missing", _("Confirmed here, its deal is not on the server")
    DOUBLED = "doubled", _("Several deals carry one reference")
    UNEXPECTED = "unexpected", _("A deal of an operation that was refused or not sent")
    DIFFERS = "differs", _("The deal has another account, kind or amount")
    STRANGE = "strange", _("A deal carries a reference of ours that the outbox does not know")


class OrderKind(models.TextChoices):
    """What is done to an account on its MT server, money aside."""

    OPEN = "open", _("Open the account")
    LEVERAGE = "leverage", _("Change the leverage")
    PASSWORD = "password", _("Set the main password")
    INVESTOR = "investor", _("Set the investor password")
    AGENT = "agent", _("Write the IB's account")
    ARCHIVE = "archive", _("Archive the account")


SECRET_KINDS = (OrderKind.OPEN, OrderKind.PASSWORD, OrderKind.INVESTOR)
