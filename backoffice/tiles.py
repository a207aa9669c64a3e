"""The tiles of the overview: every queue that the person may open, with how many wait in it."""

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
class Queue:
    """A queue; `empty` is what its tile says while nothing waits, "" for one that is not shown then."""

    label: Promise
    view: str  # the page's name in `backoffice.urls`
    right: str
    waiting: Promise
    empty: "Promise | str" = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A queue as the person sees it."""

    label: str
    href: str
    count: int
    words: str


QUEUES: Mapping[str, Queue] = {
    "held": Queue(_("Held deals"), "held_deals", "trading.view_held_deal",
                  _("Wait to be read again"), _("Every deal could be read")),
    "unclassified_symbols": Queue(_("Unclassified symbols"), "symbols", "trading.view_symbol",
                                  _("Need a symbol group"), _("All are in a group")),
    "groups_without_factor": Queue(_("Groups without lot factor"), "mt_groups", "trading.view_symbol",
                                   _("Their deals wait"), _("All are set")),
    "accounts_of_nobody": Queue(_("Accounts without a client"), "nobodys_accounts", "trading.view_trading_account",
                                _("Their deals are held"), _("Every account has one")),
    "waiting_changes": Queue(_("Changes on the servers"), "changes", "trading.view_symbol",
                             _("Wait for a decision"), _("Nothing waits")),
    "operations": Queue(_("Balance operations"), "operations", "trading.view_operation", _("Wait for a decision")),
    "account_orders": Queue(_("Account orders"), "account_orders", "trading.view_operation", _("Wait for a decision")),
    "level_changes": Queue(_("Level changes"), "level_changes", "commissions.view_level", _("Wait for a decision")),
    "corrections": Queue(_("Corrections"), "corrections", "commissions.view_correction", _("Wait for a decision")),
    "approvals": Queue(_("Approvals"), "approvals", "backoffice.view_overview",
                       _("Wait for a second person"), _("Nobody waits for you")),
}  # fmt: skip


def tiles_for(actor: Actor, *, now: datetime) -> list[Tile]:
    """Return the tiles of the queues that the actor may open. Four statements."""
    tasks = open_tasks()
    counts = {
        "level_changes": waiting_count(actor),
        "corrections": waiting_corrections(actor),
        "approvals": open_approvals(actor, now=now).count(),
    }
    found = []
    for key, queue in QUEUES.items():
        count = counts[key] if key in counts else getattr(tasks, key)
        if actor.has(queue.right) and (count or queue.empty):
            words = queue.waiting if count else queue.empty
            found.append(Tile(str(queue.label), reverse(f"backoffice:{queue.view}"), count, str(words)))
    return found
