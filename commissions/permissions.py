"""Rights of this app."""

from django.utils.translation import gettext_lazy as _

RIGHTS = {
    "commissions.view_plan": _("See plans, their versions and rates"),
    "commissions.edit_plan": _("Make plans and publish versions"),
    "commissions.assign_plan": _("Give plans to IBs"),
    "commissions.view_rebate": _("See rebates and their explanation"),
}
