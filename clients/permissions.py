"""The rights of this room."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "clients.view_client": _("See clients"),
    "clients.create_client": _("Create a client"),
    "clients.change_status": _("Suspend, reactivate or close a client"),
}
