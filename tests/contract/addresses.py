"""Every address of the product: who may open it, with which sample, and what comes back.

An address that is not here fails test_urls, and so does a row here without an address."""

from dataclasses import dataclass, field
from typing import Any

CLIENT, NETWORK = "portal.view_own", "portal.view_network"


@dataclass(frozen=True, slots=True)
class Address:
    """What one address promises. `args`: URL argument → name in World.ids, or a literal that starts with "="."""

    right: str | None  # None: everybody
    args: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    data: dict[str, Any] = field(default_factory=dict)  # values that start with "@" are names in World.ids
    code: int = 200  # for who may; of a public address for anonymous people
    also: tuple[str, ...] = ()  # rights that the page's rows need beside its own
    owner: str = ""  # portal: which of World.users it is for


def public(code: int = 200, *, method: str = "GET", **args: str) -> Address:
    return Address(None, args=args, method=method, code=code)


def own(code: int = 200, **args: str) -> Address:
    return Address(CLIENT, args=args, code=code, owner="client")


def network(code: int = 200, **args: str) -> Address:
    return Address(NETWORK, args=args, code=code, owner="ib")


def office(right: str, code: int = 200, *, also: tuple[str, ...] = (), **args: str) -> Address:
    return Address(right, args=args, code=code, also=also)


def action(
    right: str, code: int = 302, *, data: dict[str, Any] | None = None, also: tuple[str, ...] = (), **args: str
) -> Address:
    return Address(right, args=args, method="POST", data=data or {}, code=code, also=also)


ADDRESSES: dict[str, Address] = {
    # For everybody
    "start": public(302),
    "sign_in": public(),
    "sign_out": public(302, method="POST"),
    "set_language": public(302, method="POST"),
    "brand_css": public(404, digest="=none"),
    "manifest": public(),
    "notices": public(302),
    "notices_read": public(302, method="POST"),
    # A trader's own
    "portal:home": own(),
    "portal:account": own(account_id="account"),
    "portal:open_account": own(),
    "portal:account_orders": own(),
    "portal:reveal": Address(CLIENT, args={"order_id": "account_order"}, method="POST", code=302, owner="client"),
    "portal:account_change": own(account_id="account"),
    "portal:own_share": own(deal_id="deal"),
    "portal:own_share_json": own(deal_id="deal"),
    "portal:own_share_text": own(deal_id="deal"),
    "portal:own_rebates": own(),
    "portal:own_statement": own(pk="own_statement"),
    "portal:own_statement_file": own(pk="own_statement", kind="=pdf"),
    # An IB's network
    "portal:dashboard": network(),
    "portal:trading": network(),
    "portal:network": network(ib_id="ib_below"),
    "portal:rebates": network(),
    "portal:why": network(deal_id="deal"),
    "portal:why_json": network(deal_id="deal"),
    "portal:why_text": network(deal_id="deal"),
    "portal:why_find": network(),
    "portal:statements": network(),
    "portal:statement": network(pk="statement"),
    "portal:statement_file": network(pk="statement", kind="=csv"),
    "portal:plan": network(),
    "portal:level": network(),
    "portal:sharing": network(),
    "portal:sub_share": network(ib_id="ib_below"),
    "portal:plan_accept": network(version_id="plan_version"),
    "portal:plan_accepted": network(acceptance_id="acceptance"),
    # The back office
    "backoffice:overview": office("backoffice.view_overview"),
    "backoffice:search": office("backoffice.view_overview"),
    "backoffice:held_deals": office("trading.view_held_deal"),
    "backoffice:release_held_deals": action("trading.release_held_deal", data={"held": "@held"}),
    "backoffice:symbols": office("trading.view_symbol"),
    "backoffice:symbol_classify": action("trading.classify_symbol", 422, also=("trading.view_symbol",)),
    "backoffice:symbol_group_create": action("trading.classify_symbol", data={"code": "metals", "name": "Metals"}),
    "backoffice:symbol_add": action("trading.add_symbol", 422, also=("trading.view_symbol",)),
    "backoffice:mt_groups": office("trading.view_symbol"),
    "backoffice:lot_factor": office("trading.set_lot_factor", pk="mt_group"),
    "backoffice:servers": office("mt4bridge.view_server"),
    "backoffice:server_kinds": office("mt4bridge.edit_server"),
    "backoffice:server_add": office("mt4bridge.edit_server", kind="=webapi"),
    "backoffice:server": office("mt4bridge.view_server", pk="server"),
    "backoffice:server_patience": office("trading.edit_sending_rules", also=("mt4bridge.view_server",), pk="server"),
    "backoffice:server_edit": office("mt4bridge.edit_server", also=("mt4bridge.view_server",), pk="server"),
    "backoffice:server_test": action("mt4bridge.edit_server", 200, also=("mt4bridge.view_server",), pk="server"),
    "backoffice:server_switch": action("mt4bridge.edit_server", also=("mt4bridge.view_server",), pk="server"),
    "backoffice:rates": office("trading.view_rate"),
    "backoffice:rate_publish": action(
        "trading.publish_rate",
        data={"base": "EUR", "quote": "USD", "rate": "1.1", "reason": "ECB"},
        also=("trading.view_rate",),
    ),
    "backoffice:server_reading": office("mt4bridge.view_server", pk="server"),
    "backoffice:server_pause": action("trading.pause_server", pk="server"),
    "backoffice:server_compare": action("trading.pause_server", data={"kind": "monthly"}, pk="server"),
    "backoffice:changes": office("trading.view_symbol"),
    "backoffice:change_decide": action(
        "trading.decide_change", data={"decision": "keep"}, also=("trading.view_symbol",), pk="server_change"
    ),
    "backoffice:nobodys_accounts": office("trading.view_trading_account"),
    "backoffice:account_assign": action(
        "trading.assign_account",
        data={"account": "@server_account", "client": "@client_code"},
        also=("trading.view_trading_account", "clients.view_client"),
    ),
    "backoffice:upload_add": office("mt4bridge.upload_history", also=("mt4bridge.view_server",), pk="file_server"),
    "backoffice:upload": office("mt4bridge.view_server", pk="upload"),
    "backoffice:upload_confirm": action("mt4bridge.upload_history", also=("mt4bridge.view_server",), pk="upload"),
    "backoffice:upload_discard": action("mt4bridge.upload_history", also=("mt4bridge.view_server",), pk="upload"),
    "backoffice:approvals": office("backoffice.view_overview"),
    "backoffice:approval_decide": action(
        "backoffice.view_overview",
        data={"decision": "reject", "reason": "not now"},
        also=("access.approve_role",),
        pk="approval",
    ),
    "backoffice:clients": office("clients.view_client"),
    "backoffice:client": office("clients.view_client", pk="client"),
    "backoffice:client_move": office("ib.move_ib", also=("clients.view_client",), pk="client"),
    "backoffice:account_move": office(
        "ib.move_ib", also=("clients.view_client", "trading.view_trading_account"), pk="account"
    ),
    "backoffice:ibs": office("ib.view_ib"),
    "backoffice:ib_top": office("ib.view_ib", 302),
    "backoffice:ib": office("ib.view_ib", pk="ib"),
    "backoffice:ib_below": office("ib.view_ib", 302, pk="ib"),
    "backoffice:ib_move": office("ib.move_ib", also=("ib.view_ib",), pk="ib_below"),
    "backoffice:ib_plan": office("commissions.assign_plan", also=("ib.view_ib",), pk="ib"),
    "backoffice:why_find": office("commissions.view_rebate"),
    "backoffice:proof": office("commissions.view_rebate"),
    "backoffice:impossible_deals": office("commissions.view_rebate"),
    "backoffice:deal_why": office("commissions.view_rebate", deal_id="deal"),
    "backoffice:deal_why_json": office("commissions.view_rebate", deal_id="deal"),
    "backoffice:deal_why_text": office("commissions.view_rebate", deal_id="deal"),
    "backoffice:ib_level": office("commissions.place_ib", also=("ib.view_ib",), pk="ib"),
    "backoffice:level_changes": office("commissions.view_level"),
    "backoffice:level_decide": action(
        "commissions.approve_level",
        data={"change": "@level_result", "decision": "approve"},
        also=("commissions.view_level",),
    ),
    "backoffice:level_result": office("commissions.view_level", pk="level_result"),
    "backoffice:level_run": office("commissions.view_level", pk="level_run"),
    "backoffice:level_run_again": action(
        "commissions.evaluate_levels", data={"reason": "late"}, also=("commissions.view_level",), pk="level_run"
    ),
    "backoffice:level_exclusions": office("commissions.view_level"),
    "backoffice:level_exclude": action("commissions.exclude_ib", data={"ib": "top", "reason": "own contract"}),
    "backoffice:level_exclusion_end": action(
        "commissions.exclude_ib", also=("commissions.view_level",), pk="level_exclusion"
    ),
    "backoffice:ladders": office("commissions.view_level"),
    "backoffice:ladder_create": office("commissions.edit_ladder"),
    "backoffice:ladder": office("commissions.view_level", pk="ladder"),
    "backoffice:ladder_publish": office("commissions.edit_ladder", also=("commissions.view_level",), pk="ladder"),
    "backoffice:ladder_measure": action("commissions.view_level", pk="ladder"),
    "backoffice:plans": office("commissions.view_plan"),
    "backoffice:plan_create": office("commissions.edit_plan"),
    "backoffice:plan": office("commissions.view_plan", pk="plan"),
    "backoffice:plan_publish": office("commissions.edit_plan", also=("commissions.view_plan",), pk="plan"),
    "backoffice:ib_plan_end": office("commissions.assign_plan", also=("ib.view_ib",), pk="ib"),
    "backoffice:ib_agreement": office("ib.edit_agreement", also=("ib.view_ib",), pk="ib"),
    "backoffice:plan_policy": office("commissions.edit_plan", also=("commissions.view_plan",), pk="plan"),
    "backoffice:consents": office("commissions.view_acceptance"),
    "backoffice:offer_withdraw": action("commissions.assign_plan", pk="offer"),
    "backoffice:consent_document": office("commissions.view_acceptance", pk="acceptance"),
    "backoffice:plan_difference": office("commissions.view_plan", pk="plan"),
    "backoffice:plan_preview": office("commissions.edit_plan", 302, also=("commissions.view_plan",), pk="plan"),
    "backoffice:simulations": office("commissions.simulate_plan"),
    "backoffice:simulation_start": office("commissions.simulate_plan", also=("commissions.view_plan",), pk="plan"),
    "backoffice:simulation": office("commissions.simulate_plan", pk="simulation"),
    "backoffice:simulation_stop": action("commissions.simulate_plan", pk="simulation"),
    "backoffice:simulation_csv": office("commissions.simulate_plan", pk="simulation"),
    "backoffice:corrections": office("commissions.view_correction"),
    "backoffice:correction_limit": action("commissions.set_correction_limit", data={"amount": "10", "currency": "USD"}),
    "backoffice:correction": office("commissions.view_correction", pk="correction"),
    "backoffice:correction_ask": action(
        "commissions.view_correction", data={"reason": "agreed"}, also=("commissions.assign_plan",), pk="correction"
    ),
    "backoffice:correction_apply": action(
        "commissions.view_correction", 422, data={"reason": "small"}, also=("commissions.assign_plan",), pk="correction"
    ),
    "backoffice:correction_decide": action(
        "commissions.approve_correction",
        422,
        data={"decision": "approve"},
        also=("commissions.view_correction",),
        pk="correction",
    ),
    "backoffice:correction_again": action(
        "commissions.view_correction", also=("commissions.assign_plan",), pk="correction"
    ),
    "backoffice:correction_drop": action(
        "commissions.view_correction", also=("commissions.assign_plan",), pk="correction"
    ),
    "backoffice:ib_settlement": office("commissions.edit_settlement_terms", also=("ib.view_ib",), pk="ib"),
    "backoffice:statements": office("commissions.view_statement"),
    "backoffice:statement_decide": action(
        "commissions.view_statement",
        data={"statements": "@statement", "decision": "approve"},
        also=("commissions.approve_statement",),
    ),
    "backoffice:settlement_rules": office("commissions.view_statement"),
    "backoffice:common_terms_set": action(
        "commissions.edit_settlement_terms",
        data={"ib-effective_day": "2099-01-01", "ib-cycle": "weekly", "ib-minimum": "10"},
        also=("commissions.view_statement",),
        kind="=ib",
    ),
    "backoffice:payout_limit_set": action(
        "commissions.edit_payout_limit",
        data={"currency": "USD", "amount": "1000"},
        also=("commissions.view_statement",),
    ),
    "backoffice:statement": office("commissions.view_statement", pk="statement"),
    "backoffice:statement_file": office("commissions.view_statement", pk="statement", kind="=xlsx"),
    # What is sent to MT servers
    "backoffice:account_orders": office("trading.view_operation"),
    "backoffice:account_order_decide": action("trading.view_operation", pk="account_order"),
    "backoffice:account_types": office("trading.view_account_type"),
    "backoffice:account_type_create": office("trading.edit_account_type"),
    "backoffice:account_type": office("trading.edit_account_type", pk="account_type"),
    "backoffice:account_open": office("trading.order_account", also=("clients.view_client",), client_id="client"),
    "backoffice:account_archive": action(
        "trading.order_account", also=("trading.view_trading_account",), account_id="account"
    ),
    "backoffice:operations": office("trading.view_operation"),
    "backoffice:manual_deals": office("trading.view_operation"),
    "backoffice:operation_findings": office("trading.view_operation"),
    "backoffice:operation": office("trading.view_operation", pk="operation"),
    "backoffice:operation_new": office(
        "trading.request_operation", also=("trading.view_trading_account",), account_id="account"
    ),
    "backoffice:operation_withdraw": action(
        "trading.request_operation", also=("trading.view_operation",), pk="operation"
    ),
    "backoffice:operation_read_again": action(
        "trading.resolve_operation", also=("trading.view_operation",), pk="operation"
    ),
    "backoffice:operation_settle": action(
        "trading.resolve_operation", 422, also=("trading.view_operation",), pk="operation"
    ),
    "backoffice:ledger": office("ledger.view_entry"),
    "backoffice:ledger_account": office("ledger.view_entry", pk="ledger_account"),
    "backoffice:journal_entry": office("ledger.view_entry", pk="journal_entry"),
    "backoffice:audit": office("access.view_audit"),
    "backoffice:messages": office("notifications.view_message"),
    "backoffice:message": office("notifications.view_message", pk="message"),
    "backoffice:message_decide": action(
        "notifications.decide_message", data={"decision": "cancel"}, also=("notifications.view_message",), pk="message"
    ),
    "backoffice:mail_settings": office("notifications.view_settings"),
    "backoffice:mail_save": action("notifications.edit_settings", 422),
    "backoffice:mail_test": action("notifications.edit_settings", 422),
    "backoffice:sms_save": action("notifications.edit_settings", 422),
    "backoffice:sms_test": action("notifications.edit_settings", 422),
}
