"""The ledger's fixed words, and the rules that each kind of ledger account brings."""

from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

ACCRUED_DECIMALS = 8


class Side(TextChoices):
    DEBIT = "D", _("Debit")
    CREDIT = "C", _("Credit")


class AccountKind(TextChoices):
    REBATE_EXPENSE = "rebate_expense", _("Rebate expense")
    IB_ACCRUED = "ib_accrued", _("Accrued to an IB")
    CLIENT_ACCRUED = "client_accrued", _("Accrued to a client")
    WALLET = "wallet", _("Wallet")
    MT_CLEARING = "mt_clearing", _("MT clearing")
    PSP_CLEARING = "psp_clearing", _("Payment provider clearing")
    FX_CLEARING = "fx_clearing", _("Currency clearing")
    FEE_INCOME = "fee_income", _("Fee income")
    ADJUSTMENT = "adjustment", _("Adjustments")


class OwnerType(TextChoices):
    HOUSE = "house", _("The broker")
    CLIENT = "client", _("Client")
    IB = "ib", _("IB")
    MT_SERVER = "mt_server", _("MT server")
    PSP = "psp", _("Payment provider")


class EntryKind(TextChoices):
    REBATE_ACCRUAL = "rebate_accrual", _("Rebate earned")
    REBATE_SETTLEMENT = "rebate_settlement", _("Rebate paid out")
    DEPOSIT = "deposit", _("Deposit")
    WITHDRAWAL = "withdrawal", _("Withdrawal")
    TRANSFER = "transfer", _("Transfer")
    CONVERSION = "conversion", _("Currency conversion")
    FEE = "fee", _("Fee")
    ADJUSTMENT = "adjustment", _("Adjustment")
    REVERSAL = "reversal", _("Reversal")


class HoldState(TextChoices):
    HELD = "held", _("Held")
    CAPTURED = "captured", _("Captured")
    RELEASED = "released", _("Released")


HOLD_MOVES: dict[HoldState, frozenset[HoldState]] = {
    HoldState.HELD: frozenset({HoldState.CAPTURED, HoldState.RELEASED}),
    HoldState.CAPTURED: frozenset(),
    HoldState.RELEASED: frozenset(),
}


class KindRule(NamedTuple):
    """What every ledger account of a kind obeys; the database holds the same table as a constraint."""

    normal_side: Side
    allow_negative: bool
    accrued: bool  # True: 8 decimals; False: whole minor units of the currency


KIND_RULES: dict[AccountKind, KindRule] = {
    AccountKind.REBATE_EXPENSE: KindRule(Side.DEBIT, allow_negative=True, accrued=True),
    AccountKind.IB_ACCRUED: KindRule(Side.CREDIT, allow_negative=True, accrued=True),
    AccountKind.CLIENT_ACCRUED: KindRule(Side.CREDIT, allow_negative=True, accrued=True),
    AccountKind.WALLET: KindRule(Side.CREDIT, allow_negative=False, accrued=False),
    AccountKind.MT_CLEARING: KindRule(Side.CREDIT, allow_negative=True, accrued=False),
    AccountKind.PSP_CLEARING: KindRule(Side.DEBIT, allow_negative=True, accrued=False),
    AccountKind.FX_CLEARING: KindRule(Side.CREDIT, allow_negative=True, accrued=True),
    AccountKind.FEE_INCOME: KindRule(Side.CREDIT, allow_negative=True, accrued=False),
    AccountKind.ADJUSTMENT: KindRule(Side.DEBIT, allow_negative=True, accrued=False),
}
