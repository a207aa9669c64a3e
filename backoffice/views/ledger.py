"""The ledger: trial balance, ledger accounts, the lines of one account, one journal entry."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from access.types import Actor
from backoffice.forms.ledger import LedgerFilter, read_place
from backoffice.lists import read_text
from backoffice.owners import Owner, owners_of
from backoffice.shell import UNPROCESSABLE, show
from commissions.staff import find_batch
from ledger.enums import AccountKind, EntryKind, Side
from ledger.queries import (
    entries_visible_to,
    entry_lines,
    get_balance,
    ledger_accounts_visible_to,
    statement_lines,
    trial_balance,
)
from ui.fragments import is_fragment

SIZE = 50
# What an entry carries beside its postings; a name that is not here is shown as it is.
PARAMS: dict[str, Promise] = {
    "batch_id": gettext_lazy("Batch"),
    "entry_id": gettext_lazy("Journal entry"),
    "number": gettext_lazy("Number of the payout"),
    "reason": gettext_lazy("Reason"),
    "ref": gettext_lazy("Reference"),
    "statement_id": gettext_lazy("Statement"),
    "ticket": gettext_lazy("Ticket"),
}


@requires("ledger.view_entry")
@require_safe
def ledger_page(request: ActorRequest) -> HttpResponse:
    """Show the trial balance of each currency with its proof, and the ledger accounts by code."""
    form = LedgerFilter(request.GET)
    after = read_text(request.GET, "after", most=120)
    found = form.narrow(ledger_accounts_visible_to(request.actor)).filter(code__gt=after)
    accounts = list(found.order_by("code")[: SIZE + 1])
    shown = accounts[:SIZE]
    context = {
        "form": form,
        "rows": with_owner(shown, request.actor),
        "next_after": shown[-1].code if len(accounts) > SIZE else "",
        "is_first": not after,
        "trial": [] if is_fragment(request) else _trial(),
    }
    status = 200 if form.is_valid() else UNPROCESSABLE
    return show(request, "ledger/page.html", context, nav="ledger", part="ledger/_accounts.html", status=status)


def _trial() -> list[dict[str, Any]]:
    """Return each currency's lines with their sum. `verify_ledger` proves the balances from the postings."""
    found = []
    for currency, group in groupby(trial_balance(), key=lambda line: line.currency):
        lines = list(group)
        found.append(
            {
                "currency": currency,
                "lines": [{"kind": AccountKind(line.kind).label, "line": line} for line in lines],
                "sum": sum((line.net for line in lines), Decimal(0)),
            }
        )
    return found


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """A ledger account with its owner in words."""

    account: Any
    owner: Owner
    kind: str


def with_owner(accounts: Iterable[Any], actor: Actor) -> list[OwnedAccount]:
    """Return the ledger accounts with their owners; one without a visible owner shows its type and id."""
    rows = list(accounts)
    owners = owners_of(rows, actor)
    return [
        OwnedAccount(
            row,
            owners.get((row.owner_type, row.owner_id)) or Owner(f"{row.get_owner_type_display()} {row.owner_id}"),
            row.get_kind_display(),
        )
        for row in rows
    ]


@requires("ledger.view_entry")
@require_safe
def ledger_account(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one ledger account: balance, held, available, and its lines, newest first."""
    account = get_object_or_404(ledger_accounts_visible_to(request.actor), pk=pk)
    before = read_place(request.GET.get("before", ""))
    lines = statement_lines(ledger_account_id=account.pk, before=before, limit=SIZE + 1)
    shown = lines[:SIZE]
    context = {
        "row": with_owner([account], request.actor)[0],
        "balance": get_balance(ledger_account_id=account.pk),
        "lines": [{"line": line, "kind": EntryKind(line.kind).label} for line in shown],
        "next_before": "{}-{}".format(*shown[-1].cursor) if len(lines) > SIZE else "",
        "is_first": before is None,
    }
    return show(request, "ledger/account.html", context, nav="ledger", part="ledger/_lines.html")


@requires("ledger.view_entry")
@require_safe
def journal_entry(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one journal entry: its postings, what it is about, who booked it, and what reverses it."""
    entry = get_object_or_404(entries_visible_to(request.actor), pk=pk)
    postings = entry_lines(entry_id=entry.pk)
    owned = with_owner([posting.ledger_account for posting in postings], request.actor)
    context = {
        "entry": entry,
        "params": [(PARAMS.get(name, name), value) for name, value in entry.params.items()],
        "postings": [
            {"posting": posting, "row": row, "is_debit": posting.side == Side.DEBIT}
            for posting, row in zip(postings, owned, strict=True)
        ],
        "batch": find_batch(entry.params.get("batch_id")),
        "reversal": entries_visible_to(request.actor).filter(reverses=entry).order_by("pk").first(),
    }
    return show(request, "ledger/entry.html", context, nav="ledger")
