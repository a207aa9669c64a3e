"""Numbers of the MT world that the floors above may use. Deal reasons are our own codes (see `reasons.py`)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DealAction(models.IntegerChoices):
    """What a deal did. MT5's own numbers."""

    BUY = 0, _("Buy")
    SELL = 1, _("Sell")
    BALANCE = 2, _("Balance")
    CREDIT = 3, _("Credit")
    CHARGE = 4, _("Charge")
    CORRECTION = 5, _("Correction")
    BONUS = 6, _("Bonus")
    COMMISSION = 7, _("Commission")
    COMMISSION_DAILY = 8, _("Daily commission")
    COMMISSION_MONTHLY = 9, _("Monthly commission")
    AGENT_DAILY = 10, _("Daily agent commission")
    AGENT_MONTHLY = 11, _("Monthly agent commission")
    INTEREST = 12, _("Interest")
    BUY_CANCELLED = 13, _("Cancelled buy")
    SELL_CANCELLED = 14, _("Cancelled sell")
    DIVIDEND = 15, _("Dividend")
    DIVIDEND_FRANKED = 16, _("Franked dividend")
    TAX = 17, _("Tax")
    AGENT_INSTANT = 18, _("Instant agent commission")
    SO_COMPENSATION = 19, _("Stop-out compensation")
    SO_CREDIT_COMPENSATION = 20, _("Stop-out credit compensation")


class DealEntry(models.IntegerChoices):
    """Whether a deal opens or closes. MT5's own numbers."""

    IN = 0, _("In")
    OUT = 1, _("Out")
    INOUT = 2, _("Reversal")
    OUT_BY = 3, _("Closed by opposite")


class DealReason(models.IntegerChoices):
    """Why a deal happened. Our own codes; adapters translate server-side and terminal-side numbers into them."""

    CLIENT = 0, _("Client")
    EXPERT = 1, _("Expert advisor")
    DEALER = 2, _("Dealer")
    SL = 3, _("Stop loss")
    TP = 4, _("Take profit")
    SO = 5, _("Stop out")
    ROLLOVER = 6, _("Rollover")
    EXTERNAL_CLIENT = 7, _("External client")
    VARIATION_MARGIN = 8, _("Variation margin")
    GATEWAY = 9, _("Gateway")
    SIGNAL = 10, _("Signal")
    SETTLEMENT = 11, _("Settlement")
    TRANSFER = 12, _("Transfer")
    SYNC = 13, _("Synchronisation")
    EXTERNAL_SERVICE = 14, _("External service")
    MIGRATION = 15, _("Migration")
    MOBILE = 16, _("Mobile")
    WEB = 17, _("Web")
    SPLIT = 18, _("Split")
    UNKNOWN = 99, _("Unknown")


class Platform(models.TextChoices):
    MT5 = "mt5", "MetaTrader 5"
    MT4 = "mt4", "MetaTrader 4"


class ServerKind(models.TextChoices):
    """Which adapter reaches the server."""

    WEBAPI = "webapi", _("MT5 Web API")
    HTTPBRIDGE = "httpbridge", _("Bridge on a Windows machine")
    MIRROR = "mirror", _("SQL mirror")
    FILES = "files", _("Files only")


class TlsMode(models.TextChoices):
    """How the server's certificate is checked."""

    CA = "ca", _("Certificate authority")
    PIN = "pin", _("Pinned certificate")
    OFF = "off", _("Not checked")


class UploadState(models.TextChoices):
    """What became of an uploaded history."""

    PENDING = "pending", _("To be looked at")
    CONFIRMED = "confirmed", _("Confirmed, is being recorded")
    TAKEN = "taken", _("Recorded")
    DISCARDED = "discarded", _("Discarded")


UPLOAD_MOVES: dict[str, frozenset[str]] = {
    UploadState.PENDING: frozenset({UploadState.CONFIRMED, UploadState.DISCARDED}),
    UploadState.CONFIRMED: frozenset({UploadState.TAKEN}),
}
