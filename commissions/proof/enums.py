"""The rules of the proof, each with what to do when it is broken."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Rule(models.TextChoices):
    """What must hold. The codes are stored with each difference and stand in `--json`."""

    UNJUDGED = "unjudged", _("closing deal without a judgement")
    OPENING_UNJUDGED = "opening_unjudged", _("opening deal that a plan counts, without a judgement")
    BEHIND = "behind", _("judgement of an older revision")
    GAP = "gap", _("judgement with a missing revision")
    PAID_FOR_NOTHING = "paid_for_nothing", _("deleted deal that still pays")
    UNBOOKED = "unbooked", _("what was booked is not what stands")
    ACCRUALS = "accruals", _("accruals that were booked are not what stands")
    WITHOUT_REASON = "without_reason", _("amount without the verdict paid, or below zero")
    CHAIN = "chain", _("judgement that does not cover its chain")
    RECOMPUTED = "recomputed", _("the exact calculation gives something else")
    BOOKS = "books", _("lines, roll-up and ledger differ")
    SETTLEMENT = "settlement", _("statement, roll-up and ledger differ")
    NOT_STORED = "not_stored", _("deal of the MT server that is not stored")
    NOT_ON_SERVER = "not_on_server", _("stored deal that the MT server does not list")
    DIFFERS = "differs", _("deal that the MT server has otherwise")
    HELD = "held", _("held deal")
    TOO_LARGE = "too_large", _("deal too large to be booked")
    UNREACHABLE = "unreachable", _("MT server that could not be compared")


ADVICE: dict[Rule, Promise] = {
    Rule.UNJUDGED: _("Report it: the engine has skipped a deal."),
    Rule.OPENING_UNJUDGED: _("Report it: the engine has skipped a deal."),
    Rule.BEHIND: _("Report it: the engine has missed an edit of the MT server."),
    Rule.GAP: _("Report it: a judgement has disappeared from the database."),
    Rule.PAID_FOR_NOTHING: _("Report it: the engine has missed a deletion on the MT server."),
    Rule.UNBOOKED: _("Do not pay this payee before it is understood. Report it."),
    Rule.ACCRUALS: _("Do not pay this payee before it is understood. Report it."),
    Rule.WITHOUT_REASON: _("Do not pay this payee before it is understood. Report it."),
    Rule.CHAIN: _("Open the deal: its page shows the chain as it is now beside what was booked. Report it."),
    Rule.RECOMPUTED: _("Open the deal: its page shows both figures. Report it."),
    Rule.BOOKS: _("Do not pay this payee before it is understood. Report it."),
    Rule.SETTLEMENT: _("Do not pay this statement before it is understood. Report it."),
    Rule.NOT_STORED: _(
        "Read the day again with the command rescan; if the deal stays away, look at the MT server’s log."
    ),
    Rule.NOT_ON_SERVER: _("Read the day again with the command rescan: a deletion is then taken over and corrected."),
    Rule.DIFFERS: _("Read the day again with the command rescan: an edit is then taken over and corrected."),
    Rule.HELD: _("Open the list of held deals, set up what is missing, and release it."),
    Rule.TOO_LARGE: _("Open the deal; correct it on the MT server, or the plan’s rate."),
    Rule.UNREACHABLE: _("Put the connection right; the next night compares again."),
}
