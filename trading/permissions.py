"""Rights of this app."""

from django.utils.translation import gettext_lazy as _

RIGHTS = {
    "trading.view_trading_account": _("See trading accounts and their deals"),
    "trading.view_held_deal": _("See held deals"),
    "trading.release_held_deal": _("Release held deals"),
    "trading.view_symbol": _("See symbols, their groups and MT groups"),
    "trading.classify_symbol": _("Put symbols into the groups that plans name"),
    "trading.set_lot_factor": _("Set the lot factor of an MT group"),
}
