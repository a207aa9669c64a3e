"""The fixed words of levels, with their labels."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class PeriodKind(TextChoices):
    """How long one period of a ladder is; it begins at midnight of the broker's settlement zone."""

    MONTH = "month", _("Calendar month")
    QUARTER = "quarter", _("Calendar quarter")


class Scope(TextChoices):
    """Whose trading counts for an IB."""

    DIRECT = "direct", _("Own clients only")
    NETWORK = "network", _("Own clients and those of all IBs below")


class Match(TextChoices):
    """How several conditions of a level go together."""

    ALL = "all", _("All conditions")
    ANY = "any", _("Any one condition")


class ApprovalNeed(TextChoices):
    """Which changes wait for a person."""

    NEVER = "never", _("No: changes apply by themselves")
    DEMOTIONS = "demotions", _("Demotions only")
    ALWAYS = "always", _("Every change")


class DemotionTarget(TextChoices):
    """Where an IB falls to."""

    REACHED = "reached", _("The level that its figures reach")
    ONE_DOWN = "one_down", _("One level down")


class Outcome(TextChoices):
    """What an evaluation found for one IB."""

    STAYS = "stays", _("Stays")
    BELOW = "below", _("Below its level")
    PROMOTION = "promotion", _("Promotion")
    DEMOTION = "demotion", _("Demotion")
    EXCLUDED = "excluded", _("Excluded")
    PLACED = "placed", _("Placed by staff")


class Decision(TextChoices):
    """How a promotion or demotion ended."""

    APPLIED = "applied", _("Applied")
    REJECTED = "rejected", _("Refused")
    EXCLUDED = "excluded", _("Not applied: the IB is on the exclusion list")
    SUPERSEDED = "superseded", _("Replaced by a later evaluation")


CHANGES = (Outcome.PROMOTION, Outcome.DEMOTION)
