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
    CPA = "cpa", _("CPA and advances")


class AccrualKind(models.TextChoices):
    """What a line without a deal of its own is for."""

    CPA = "cpa", _("CPA for a client")
    MANUAL = "manual", _("Booked by hand")


class AccrualCause(models.TextChoices):
    """Why such a line was booked."""

    DEPOSIT = "deposit", _("A deposit or withdrawal")
    DEAL = "deal", _("A deal")
    CORRECTION = "correction", _("What it rests on changed")
    STAFF = "staff", _("Entered by staff")


class RejudgeCause(models.TextChoices):
    """Why a deal waits to be judged again."""

    LOT_FACTOR = "lot_factor", _("The MT group has no lot factor")
    FX_RATE = "fx_rate", _("A currency rate is missing")
    TOO_LARGE = "too_large", _("An amount is too large to be booked")
    CORRECTION = "correction", _("The network or a plan changed for its time")


class DealState(models.TextChoices):
    """How far a deal has come with the engine; the verdicts of its payees say the rest."""

    JUDGED = "judged", _("Judged")
    NOT_JUDGED_YET = "not_judged_yet", _("Not judged yet")
    NOT_COUNTED = "not_counted", _("Counted by no plan")
    NOT_A_TRADE = "not_a_trade", _("Not a trade")
    NO_IB = "no_ib", _("No introducing broker at that time")
    REMOVED = "removed", _("No longer on the MT server")


class CauseCode(models.TextChoices):
    """Why a judgement was corrected. The codes are part of the JSON explanation and never change."""

    DEAL_EDITED = "deal_edited", _("The MT server changed the deal")
    DEAL_REMOVED = "deal_removed", _("The MT server deleted the deal")
    LOT_FACTOR = "lot_factor", _("The lot factor of its MT group was set")
    FX_RATE = "fx_rate", _("A currency rate that was missing arrived")
    DATA_ARRIVED = "data_arrived", _("A quote or an opening deal that was missing arrived")
    SYMBOL_GROUP = "symbol_group", _("The symbol was put into another group")
    PLAN_VERSION = "plan_version", _("A version of the plan was published for that time")
    PLAN_ASSIGNED = "plan_assigned", _("Another plan was given for that time")
    MOVED = "moved", _("The network was changed for that time")
    AGREEMENT = "agreement", _("An agreement was changed for that time")
    POSITION = "position", _("Other deals of its position arrived or changed")
    OTHER_DEALS = "other_deals", _("Other deals changed what this one depends on: a tier’s volume or an advance")
    ABOVE = "above", _("An agreement or a plan further up was changed for that time")


class CorrectionState(models.TextChoices):
    """How far a change of the past has come; who decides on it stands at its approval."""

    PREVIEWING = "previewing", _("The preview is being computed")
    READY = "ready", _("The preview is ready")
    APPLIED = "applied", _("Made")
    DROPPED = "dropped", _("Dropped")


CORRECTION_MOVES: dict[CorrectionState, frozenset[CorrectionState]] = {
    CorrectionState.PREVIEWING: frozenset({CorrectionState.READY, CorrectionState.DROPPED}),
    CorrectionState.READY: frozenset({CorrectionState.PREVIEWING, CorrectionState.APPLIED, CorrectionState.DROPPED}),
}


class SimulationState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")


class SimulationScope(models.TextChoices):
    """For which IBs the draft would hold."""

    ONE = "one", _("This IB alone")
    SUBTREE = "subtree", _("This IB and everybody below")
    ALL = "all", _("All IBs")


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
    Verdict.TOO_LARGE: _("Too large to be booked"),
}
