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
