"""The fixed words of consent, with their labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Asking(models.TextChoices):
    """Whether the IBs of a plan are asked to accept its versions."""

    NONE = "none", _("Nobody is asked")
    ASKED = "asked", _("IBs are asked; a version holds from its own moment on")
    REQUIRED = "required", _("A version holds for an IB from its acceptance on")


class OfferState(models.TextChoices):
    """What became of an offer."""

    OPEN = "open", _("Waits for the IB")
    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")
