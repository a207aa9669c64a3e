"""The rights of this room, and the rights that the portal derives from who somebody is."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "access.view_staff": _("See staff and their roles"),
    "access.request_role": _("Ask for a role to be given to staff"),
    "access.approve_role": _("Approve that a role is given to staff"),
    "access.view_audit": _("See the audit trail"),
}

VIEW_OWN = "portal.view_own"
VIEW_NETWORK = "portal.view_network"
# Never part of a role: whoever is a client or an IB has them, nobody else can be given them.
PORTAL_RIGHTS: dict[str, Promise] = {
    VIEW_OWN: _("See one's own accounts and trades"),
    VIEW_NETWORK: _("See one's own network and rebates"),
}
