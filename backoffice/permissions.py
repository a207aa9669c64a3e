"""Rights of this door."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "backoffice.view_overview": _("See the overview of the back office"),
}
