"""Rights of this app."""

from django.utils.translation import gettext_lazy as _

RIGHTS = {
    "trading.view_trading_account": _("See trading accounts and their deals"),
    "trading.view_held_deal": _("See held deals"),
    "trading.release_held_deal": _("Release held deals"),
    "trading.view_symbol": _("See symbols, their groups and MT groups"),
    "trading.classify_symbol": _("Put symbols into the groups that plans name"),
    "trading.add_symbol": _("Describe symbols that an MT server does not describe"),
    "trading.decide_change": _("Decide what changed on an MT server"),
    "trading.assign_account": _("Give an account of an MT server its client"),
    "trading.pause_server": _("Pause the reading of an MT server, and compare it"),
    "trading.set_lot_factor": _("Set the lot factor of an MT group"),
    "trading.view_account_type": _("See the types of accounts that can be opened"),
    "trading.edit_account_type": _("Make and change types of accounts"),
    "trading.order_account": _("Open and archive accounts of clients"),
    "trading.approve_account": _("Let accounts be opened and leverages be changed"),
    "trading.view_operation": _("See what is sent to MT accounts"),
    "trading.request_operation": _("Ask for a balance operation on an MT account"),
    "trading.resolve_operation": _("Settle an operation whose outcome is unknown"),
    "trading.approve_operation": _("Approve balance operations, as the second person"),
    "trading.edit_sending_rules": _("Set how patient the outbox is with an MT server"),
    "trading.view_rate": _("See currency rates"),
    "trading.publish_rate": _("Publish a currency rate by hand"),
}
