"""Rights of this app."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "notifications.view_message": _("See messages to clients and how their delivery went"),
    "notifications.decide_message": _("Send a message again, or cancel one that waits"),
    "notifications.view_settings": _("See how mail and SMS leave"),
    "notifications.edit_settings": _("Edit how mail and SMS leave, and send a test mail"),
}
