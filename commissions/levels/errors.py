"""Refusals about levels, each with a sentence."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


@dataclass(frozen=True, slots=True)
class LadderFault:
    """One refused field: its path ("" for the ladder, "levels[2].min_lots") and the sentence."""

    field: str
    sentence: "str | Promise"


class LadderInvalid(DomainError):
    """The rules are refused as a whole; `faults` lists every field with its reason."""

    code, http_status = "ladder_invalid", 422
    message = _("The ladder is refused: %(problems)s")

    def __init__(self, faults: tuple[LadderFault, ...]) -> None:
        super().__init__(problems="; ".join(f"{fault.field}: {fault.sentence}" for fault in faults))
        self.faults = faults


class LadderCodeTaken(DomainError):
    code = "ladder_code_taken"
    message = _("Another ladder is called %(ladder)s already.")


class PeriodNotOver(DomainError):
    code = "level_period_not_over"
    message = _("This period is not over yet. Its figures can be seen, but nothing follows from them.")


class AlreadyEvaluated(DomainError):
    code = "level_period_evaluated"
    message = _("This period was evaluated already.")


class NotTheLatest(DomainError):
    code = "level_period_not_latest"
    message = _("Only the period that was evaluated last can be evaluated again.")


class AlreadyDecided(DomainError):
    code = "level_change_decided"
    message = _("This was decided already: %(state)s.")


class NothingToDecide(DomainError):
    code = "level_nothing_to_decide"
    message = _("This result changes nothing, so there is nothing to decide.")


class AskedForIt(DomainError):
    code, http_status = "level_same_person", 403
    message = _("You asked for this evaluation yourself. Somebody else has to decide.")


class OnExclusionList(DomainError):
    code = "ib_excluded_from_levels"
    message = _("%(ib)s is on the exclusion list at that moment: its level is never touched.")


class AlreadyExcluded(DomainError):
    code = "ib_already_excluded"
    message = _("%(ib)s is on the exclusion list during that time already.")


class UnknownLevel(DomainError):
    code, http_status = "level_unknown", 422
    message = _("The ladder has no such level at that moment.")


class SameLevel(DomainError):
    code = "level_same"
    message = _("%(ib)s stands on this level at that moment already.")
