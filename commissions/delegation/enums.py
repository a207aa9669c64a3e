"""The fixed words of delegation."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Receiver(models.TextChoices):
    """Who gets a part."""

    RATES = "rates", _("An IB below, by rates of its own")
    SPLIT = "split", _("An IB below, by its share of a split")
    CLIENTS = "clients", _("The own clients")
