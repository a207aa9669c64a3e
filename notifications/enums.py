"""Channels, states and outcomes of messages, and how mail and SMS leave."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Channel(TextChoices):
    MAIL = "mail", pgettext_lazy("channel", "E-mail")
    SMS = "sms", _("SMS")
    IN_APP = "in_app", _("In the application")


class Outgoing(TextChoices):
    """The channels that leave the house: a row of Message each. What stays inside is an InAppNotice."""

    MAIL = Channel.MAIL.value, Channel.MAIL.label
    SMS = Channel.SMS.value, Channel.SMS.label


class Audience(TextChoices):
    CLIENT = "client", _("Clients and IBs")
    STAFF = "staff", _("Staff")


class MessageState(TextChoices):
    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Refused")
    DEAD = "dead", _("Given up")
    SUPPRESSED = "suppressed", _("Kept back")


_S = MessageState
MESSAGE_MOVES: dict[MessageState, frozenset[MessageState]] = {
    _S.QUEUED: frozenset({_S.SENDING, _S.DEAD, _S.SUPPRESSED}),
    _S.SENDING: frozenset({_S.QUEUED, _S.SENDING, _S.SENT, _S.FAILED, _S.DEAD, _S.SUPPRESSED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.DEAD: frozenset({_S.QUEUED}),
    _S.SUPPRESSED: frozenset({_S.QUEUED}),
    _S.SENT: frozenset({_S.QUEUED}),  # sent again by staff
}
FINAL_STATES = frozenset({_S.SENT, _S.FAILED, _S.DEAD, _S.SUPPRESSED})


class Outcome(TextChoices):
    """How one attempt ended."""

    ACCEPTED = "accepted", _("Accepted by the server")
    REFUSED = "refused", _("Refused for good")
    DELAYED = "delayed", _("Refused for now")
    UNKNOWN = "unknown", _("Handed over, but no answer came")
    TROUBLE = "trouble", _("The server could not be used")
    LOST = "lost", _("The worker stopped during the attempt")
    KEPT_BACK = "kept_back", _("Kept back")


class MailTls(TextChoices):
    STARTTLS = "starttls", _("STARTTLS (port 587)")
    TLS = "tls", _("TLS from the start (port 465)")
    NONE = "none", _("Not encrypted")


class SmsMode(TextChoices):
    OFF = "off", _("No SMS")
    HTTP = "http", _("HTTP gateway")
