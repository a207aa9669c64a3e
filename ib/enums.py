"""Kinds of change to the network."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ChangeKind(TextChoices):
    IB = "ib", _("An IB's place")
    CLIENT = "client", _("A client's IB")
    ACCOUNT = "account", _("A trading account's IB")
    AGREEMENT = "agreement", _("An IB's agreement")
