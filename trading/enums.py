"""Why a row of the MT server is held."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class HoldReason(TextChoices):
    UNKNOWN_LOGIN = "unknown_login", _("No trading account has this login")
    UNKNOWN_SYMBOL = "unknown_symbol", _("The symbol is not known here")
    SYMBOL_CHANGED = "symbol_changed", _("The symbol's quote currency changed on the server; staff must decide")
    BAD_ROW = "bad_row", _("The server's row cannot be read")
    OUT_OF_RANGE = "out_of_range", _("A number of the row is too large")
