"""Rights of this app."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "mt4bridge.view_server": _("See MT servers and how the bridge to them fares"),
    "mt4bridge.upload_history": _("Upload history files of MT accounts, confirm and discard them"),
    "mt4bridge.edit_server": _("Edit MT servers and their manager passwords"),
}
