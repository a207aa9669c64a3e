"""The rights of this room."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "ib.view_ib": _("See IBs and their networks"),
    "ib.create_ib": _("Create an IB"),
    "ib.move_ib": _("Move an IB, a client or a trading account within the network"),
    "ib.edit_agreement": _("Change an IB's agreement"),
}
