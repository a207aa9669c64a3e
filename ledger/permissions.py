"""The rights of the ledger."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RIGHTS: dict[str, Promise] = {
    "ledger.view_entry": _("See ledger accounts, balances and entries"),
    "ledger.reverse_entry": _("Reverse a ledger entry"),
}
