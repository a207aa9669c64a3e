"""The menu: what the person may open, grouped by job, with what waits for a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.queries import open_approvals
from access.types import Actor
from commissions.levels.queries import waiting_count
from commissions.whatif.totals import waiting_corrections
from trading.queries import open_tasks


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; `view` is the page's name in `backoffice.urls`."""

    key: str
    icon: str
    label: Promise
    view: str
    right: str
    short: "Promise | str" = ""  # its label in the bottom bar of phones; empty: not there


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as the person sees it. `count`: how many wait for a decision."""

    key: str
    icon: str
    label: str
    href: str
    count: int
    badge: int  # on the bottom bar of phones: the overview stands for all queues
    short: str


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of one job."""

    title: str
    items: list[Item]


GROUPS: tuple[tuple["Promise | str", tuple[Entry, ...]], ...] = (
    ("", (
        Entry("overview", icon="layout-dashboard", label=_("Overview"), view="overview",
              right="backoffice.view_overview", short=_("Overview")),
    )),
    (_("Needs a decision"), (
        Entry("held", icon="player-pause", label=_("Held deals"), view="held_deals", right="trading.view_held_deal"),
        Entry("symbols", icon="tag", label=_("Symbols"), view="symbols", right="trading.view_symbol"),
        Entry("mt_groups", icon="scale", label=_("MT groups"), view="mt_groups", right="trading.view_symbol"),
        Entry("nobodys", icon="user-question", label=_("Accounts without a client"), view="nobodys_accounts",
              right="trading.view_trading_account"),
        Entry("changes", icon="history-toggle", label=_("Changes on the servers"), view="changes",
              right="trading.view_symbol"),
        Entry("level_changes", icon="stairs-up", label=_("Level changes"), view="level_changes",
              right="commissions.view_level"),
        Entry("corrections", icon="history", label=_("Corrections"), view="corrections",
              right="commissions.view_correction"),
        Entry("approvals", icon="checks", label=_("Approvals"), view="approvals", right="backoffice.view_overview"),
    )),
    (_("Clients"), (
        Entry("clients", icon="users", label=_("All clients"), view="clients", right="clients.view_client",
              short=_("Clients")),
        Entry("ibs", icon="sitemap", label=_("Introducing brokers"), view="ibs", right="ib.view_ib", short=_("IBs")),
        Entry("why", icon="zoom-question", label=_("Why this rebate"), view="why_find",
              right="commissions.view_rebate"),
        Entry("plans", icon="certificate", label=_("Rebate plans"), view="plans", right="commissions.view_plan"),
        Entry("simulations", icon="player-play", label=_("Plan simulator"), view="simulations",
              right="commissions.simulate_plan"),
        Entry("ladders", icon="stairs", label=_("Levels of IBs"), view="ladders", right="commissions.view_level"),
        Entry("consents", icon="signature", label=_("Accepted terms"), view="consents",
              right="commissions.view_acceptance"),
    )),
    (_("Money"), (
        Entry("statements", icon="coins", label=_("Statements"), view="statements",
              right="commissions.view_statement"),
        Entry("operations", icon="arrows-exchange", label=_("Balance operations"), view="operations",
              right="trading.view_operation"),
        Entry("account_orders", icon="user-plus", label=_("Account orders"), view="account_orders",
              right="trading.view_operation"),
        Entry("ledger", icon="book-2", label=_("Ledger"), view="ledger", right="ledger.view_entry", short=_("Ledger")),
    )),
    (_("Set-up"), (
        Entry("servers", icon="server", label=_("MT servers"), view="servers", right="mt4bridge.view_server"),
        Entry("account_types", icon="id", label=_("Account types"), view="account_types",
              right="trading.view_account_type"),
        Entry("settlement_rules", icon="scale", label=_("Settlement rules"), view="settlement_rules",
              right="commissions.view_statement"),
        Entry("rates", icon="arrows-right-left", label=_("Currency rates"), view="rates", right="trading.view_rate"),
        Entry("proof", icon="shield-check", label=_("Nightly proof"), view="proof", right="commissions.view_rebate"),
        Entry("messages", icon="mail", label=_("Messages"), view="messages", right="notifications.view_message"),
        Entry("mail_settings", icon="send", label=_("Mail and SMS settings"), view="mail_settings",
              right="notifications.view_settings"),
        Entry("audit", icon="history", label=_("Audit trail"), view="audit", right="access.view_audit"),
    )),
)  # fmt: skip


ENTRIES = {entry.key: entry for _title, entries in GROUPS for entry in entries}


def waiting_counts(actor: Actor, *, now: datetime) -> dict[str, int]:
    """Return how many wait in each queue, by the key of its entry. Four statements."""
    tasks = open_tasks()
    return {
        "held": tasks.held,
        "symbols": tasks.unclassified_symbols,
        "mt_groups": tasks.groups_without_factor,
        "nobodys": tasks.accounts_of_nobody,
        "changes": tasks.waiting_changes,
        "operations": tasks.operations,
        "account_orders": tasks.account_orders,
        "level_changes": waiting_count(actor),
        "corrections": waiting_corrections(actor),
        "approvals": open_approvals(actor, now=now).count(),
    }


def menu_for(actor: Actor, waiting: Mapping[str, int]) -> list[Group]:
    """Return the groups with at least one entry that the actor may open. `waiting`: of `waiting_counts`."""
    allowed = [(title, [entry for entry in entries if actor.has(entry.right)]) for title, entries in GROUPS]
    total = sum(waiting.get(entry.key, 0) for _title, entries in allowed for entry in entries)
    return [
        Group(str(title), [_item(entry, waiting.get(entry.key, 0), total) for entry in entries])
        for title, entries in allowed
        if entries
    ]


def _item(entry: Entry, count: int, total: int) -> Item:
    return Item(
        key=entry.key, icon=entry.icon, label=str(entry.label), href=reverse(f"backoffice:{entry.view}"), count=count,
        badge=total if entry.key == "overview" else 0, short=str(entry.short),
    )  # fmt: skip
