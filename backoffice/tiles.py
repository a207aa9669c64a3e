"""The tiles of the overview: every queue of the menu that the person may open, with how many wait in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.types import Actor
from backoffice.menu import ENTRIES


@dataclass(frozen=True, slots=True)
class Words:
    """What the tile of a queue says; `empty` while nothing waits, "" for one that is not shown then."""

    waiting: Promise
    empty: "Promise | str" = ""
    label: "Promise | str" = ""  # where the menu's names the page and not what waits there


@dataclass(frozen=True, slots=True)
class Tile:
    """A queue as the person sees it."""

    label: str
    href: str
    count: int
    words: str


QUEUES: Mapping[str, Words] = {  # by the key of the menu's entry, in the order of the tiles
    "held": Words(_("Wait to be read again"), _("Every deal could be read")),
    "symbols": Words(_("Need a symbol group"), _("All are in a group"), _("Unclassified symbols")),
    "mt_groups": Words(_("Their deals wait"), _("All are set"), _("Groups without lot factor")),
    "nobodys": Words(_("Their deals are held"), _("Every account has one")),
    "changes": Words(_("Wait for a decision"), _("Nothing waits")),
    "operations": Words(_("Wait for a decision")),
    "account_orders": Words(_("Wait for a decision")),
    "level_changes": Words(_("Wait for a decision")),
    "corrections": Words(_("Wait for a decision")),
    "approvals": Words(_("Wait for a second person"), _("Nobody waits for you")),
}


def tiles_for(actor: Actor, waiting: Mapping[str, int]) -> list[Tile]:
    """Return the tiles of the queues that the actor may open. `waiting`: of `menu.waiting_counts`."""
    found = []
    for key, words in QUEUES.items():
        entry, count = ENTRIES[key], waiting[key]
        if actor.has(entry.right) and (count or words.empty):
            said = words.waiting if count else words.empty
            found.append(Tile(str(words.label or entry.label), reverse(f"backoffice:{entry.view}"), count, str(said)))
    return found
