"""The network below an IB, one level at a time: IBs first, then direct clients, each with what it brought."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.earnings import BranchFigures, branch_figures, client_figures
from ib.models import IB
from ib.queries import children, ibs_visible_to, network_clients
from ib.queries.staff import direct_clients
from ib.types import ChildRow, MaskedClient
from portal.periods import Period, period_of, today_in
from tenancy.context import current_broker

ROWS_PER_STEP = 20
NOTHING = BranchFigures(Decimal(0), Decimal(0), 0)


@dataclass(frozen=True, slots=True)
class Branch:
    """One row of the tree. Money is in the currency of the IB one row up: what that one earned through this row."""

    key: str
    ib_id: int | None  # None: a client
    name: str
    code: str
    ibs: int  # below it, however deep
    clients: int  # its own and those below
    opens: bool
    lots: Decimal  # counted
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """A step of one level of the tree: its rows, where to go on, and what branches that have left had brought."""

    rows: list[Branch]
    currency: str
    depth: int  # 1: directly below the IB that looks
    next_after: str  # empty: this was the last step
    left: BranchFigures | None  # given with the last step, when there is any


@requires_ib
@require_safe
def network(request: ActorRequest, ib_id: int) -> HttpResponse:
    """Send the rows below one IB of the own network."""
    now = timezone.now()
    node = get_object_or_404(ibs_visible_to(request.actor), pk=ib_id)
    top = get_object_or_404(IB, pk=request.actor.ib_id)
    period = period_of(request.GET, today=today_in(current_broker().settlement_zone, now))
    after = request.GET.get("after", "")
    level = level_below(node, depth=node.level - top.level + 1, at=now, period=period, after=after)
    return render(request, "portal/partner/_branches.html", {"level": level, "node": node, "period": period})


def level_below(node: IB, *, depth: int, at: datetime, period: Period, after: str = "") -> Level:
    """Return a step of the level below an IB. `after`: "ib:CODE" or "client:CODE", the last row shown."""
    kind, _, code = after.partition(":")
    through_ibs = branch_figures(ib_id=node.pk, first=period.first, last=period.last)
    through_clients = client_figures(ib_id=node.pk, first=period.first, last=period.last)
    rows: list[Branch] = []
    if kind != "client":
        found = children(ib_id=node.pk, at=at, limit=ROWS_PER_STEP + 1, after=code).rows
        rows = [_ib_branch(row, through_ibs.get(row.ib_id, NOTHING)) for row in found]
    if len(rows) <= ROWS_PER_STEP:
        wanted = ROWS_PER_STEP + 1 - len(rows)
        start = code if kind == "client" else ""
        clients = network_clients(ib_id=node.pk, at=at, direct_only=True, limit=wanted, after=start)
        rows += [_client_branch(row, through_clients.get(row.client_id, NOTHING)) for row in clients]
    shown, more = rows[:ROWS_PER_STEP], len(rows) > ROWS_PER_STEP
    left = None if more else _left(node, at, through_ibs, through_clients)
    return Level(
        rows=shown, currency=node.currency, depth=depth, next_after=shown[-1].key if more else "",
        left=left if left and left.deals else None,
    )  # fmt: skip


def _ib_branch(row: ChildRow, figures: BranchFigures) -> Branch:
    return Branch(
        key=f"ib:{row.code}", ib_id=row.ib_id, name=row.name, code=row.code, ibs=row.network_ibs,
        clients=row.network_clients, opens=bool(row.direct_ibs or row.direct_clients), lots=figures.lots,
        amount=figures.amount,
    )  # fmt: skip


def _client_branch(row: MaskedClient, figures: BranchFigures) -> Branch:
    return Branch(
        key=f"client:{row.code}", ib_id=None, name=row.masked_name, code=row.code, ibs=0, clients=0, opens=False,
        lots=figures.lots, amount=figures.amount,
    )  # fmt: skip


def _left(
    node: IB, at: datetime, through_ibs: dict[int, BranchFigures], through_clients: dict[int, BranchFigures]
) -> BranchFigures:
    """Add up what came through branches that are not below this IB any more, so that the rows sum to the total."""
    ibs = set(IB.objects.filter(parent=node).order_by().values_list("pk", flat=True))
    clients = set(direct_clients(ib=node, at=at).order_by().values_list("client_id", flat=True))
    gone = [*_without(through_ibs, ibs), *_without(through_clients, clients)]
    return BranchFigures(
        sum((each.amount for each in gone), Decimal(0)),
        sum((each.lots for each in gone), Decimal(0)),
        sum(each.deals for each in gone),
    )


def _without(figures: dict[int, BranchFigures], present: Collection[int]) -> list[BranchFigures]:
    return [each for key, each in figures.items() if key not in present]
