"""The fixed words of this room, with their labels."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from commissions.calculation import Verdict


class PayeeKind(models.TextChoices):
    IB = "ib", _("IB")
    CLIENT = "client", _("Client")


class BatchKind(models.TextChoices):
    """Why a batch of deals was judged."""

    NEW = "new", _("New deals")
    AGAIN = "again", _("Judged again")


class RejudgeCause(models.TextChoices):
    """Why a deal waits to be judged again."""

    LOT_FACTOR = "lot_factor", _("The MT group has no lot factor")
    FX_RATE = "fx_rate", _("A currency rate is missing")
    CORRECTION = "correction", _("The network or a plan changed for its time")


VERDICT_LABELS: dict[Verdict, Promise] = {
    Verdict.NOT_COUNTED: _("Not counted by the plan"),
    Verdict.PAID: _("Paid"),
    Verdict.IB_INACTIVE: _("The IB was not active"),
    Verdict.NO_RATE: _("No rate for this symbol"),
    Verdict.SELF_TRADE: _("Own trade"),
    Verdict.EXCLUDED_REASON: _("Excluded kind of deal"),
    Verdict.CLOSE_BY_COUNTED_ONCE: _("Close-by counted on its other leg"),
    Verdict.BELOW_MIN_HOLD: _("Held too short"),
    Verdict.LEVEL_NOT_COVERED: _("Level not covered"),
    Verdict.NOT_ENTITLED: _("Nothing is left for this level"),
    Verdict.UNKNOWN_LOT_FACTOR: _("Waits for the lot factor of the MT group"),
    Verdict.MISSING_DATA: _("Waits for data of the MT server"),
    Verdict.NO_FX_RATE: _("Waits for a currency rate"),
    Verdict.ZERO_BASE: _("Nothing to share"),
    Verdict.BUDGET_REACHED: _("The budget of the chain is used up"),
    Verdict.CPA_RECOVERED: _("Held back against an advance"),
    Verdict.DEAL_REMOVED: _("Taken back"),
}
