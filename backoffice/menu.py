"""The menu: what the person may open, grouped by job, with what waits for a decision."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.queries import open_approvals
from access.types import Actor
from trading.queries import open_tasks


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; `view` is the page's name in `backoffice.urls`."""

    key: str
    icon: str
    label: Promise
    view: str
    right: str
    short: bool = False  # also in the bottom bar of phones


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as the person sees it. `count`: how many wait for a decision."""

    key: str
    icon: str
    label: str
    href: str
    count: int
    short: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of one job."""

    title: str
    items: list[Item]


GROUPS: tuple[tuple["Promise | str", tuple[Entry, ...]], ...] = (
    ("", (
        Entry("overview", icon="layout-dashboard", label=_("Overview"), view="overview",
              right="backoffice.view_overview", short=True),
    )),
    (_("Needs a decision"), (
        Entry("held", icon="player-pause", label=_("Held deals"), view="held_deals", right="trading.view_held_deal"),
        Entry("symbols", icon="tag", label=_("Symbols"), view="symbols", right="trading.view_symbol"),
        Entry("mt_groups", icon="scale", label=_("MT groups"), view="mt_groups", right="trading.view_symbol"),
        Entry("approvals", icon="checks", label=_("Approvals"), view="approvals", right="backoffice.view_overview"),
    )),
    (_("Clients"), (
        Entry("clients", icon="users", label=_("All clients"), view="clients", right="clients.view_client", short=True),
        Entry("ibs", icon="sitemap", label=_("Introducing brokers"), view="ibs", right="ib.view_ib", short=True),
        Entry("plans", icon="certificate", label=_("Rebate plans"), view="plans", right="commissions.view_plan"),
    )),
    (_("Money"), (
        Entry("ledger", icon="book-2", label=_("Ledger"), view="ledger", right="ledger.view_entry", short=True),
    )),
    (_("Set-up"), (
        Entry("audit", icon="history", label=_("Audit trail"), view="audit", right="access.view_audit"),
    )),
)  # fmt: skip


def menu_for(actor: Actor, *, now: datetime) -> list[Group]:
    """Return the groups with at least one entry that the actor may open. Two statements."""
    tasks = open_tasks()
    waiting = {
        "held": tasks.held,
        "symbols": tasks.unclassified_symbols,
        "mt_groups": tasks.groups_without_factor,
        "approvals": open_approvals(actor, now=now).count(),
    }
    groups = []
    for title, entries in GROUPS:
        items = [
            Item(e.key, e.icon, str(e.label), reverse(f"backoffice:{e.view}"), waiting.get(e.key, 0), e.short)
            for e in entries
            if actor.has(e.right)
        ]
        if items:
            groups.append(Group(str(title), items))
    return groups
