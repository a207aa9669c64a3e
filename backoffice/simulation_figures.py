"""A simulation's sums as figures for people: a lot's cost against its revenue, who gets what, where money is lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from clients.models import Client
from commissions.whatif.models import Simulation
from commissions.whatif.replay import CPA_CELL
from core.money import E8, from_e8
from ib.models import IB
from ib.queries import chain_of
from trading.models import MtGroup, SymbolGroup
from ui import charts
from ui.numbers import fixed

PAYEES_SHOWN = 100
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Margin:
    """Lots with what they brought and cost, in USD. `unknown_lots`: part of `lots` whose revenue cannot be told."""

    name: str
    mt_group: str
    deals: int
    lots: Decimal
    unknown_deals: int
    unknown_lots: Decimal
    revenue: Decimal  # USD, of the lots whose revenue is known
    booked: Decimal  # USD, cost as it stands
    draft: Decimal  # USD, cost by the draft

    @property
    def revenue_lot(self) -> Decimal | None:
        return _a_lot(self.revenue, self.lots - self.unknown_lots)

    @property
    def booked_lot(self) -> Decimal | None:
        return _a_lot(self.booked, self.lots)

    @property
    def draft_lot(self) -> Decimal | None:
        return _a_lot(self.draft, self.lots)

    @property
    def left_lot(self) -> Decimal | None:
        """Return what the draft leaves of the revenue of a lot; below zero the broker pays for the trade."""
        if self.revenue_lot is None or self.draft_lot is None:
            return None
        return self.revenue_lot - self.draft_lot

    @property
    def loses(self) -> bool:
        return self.left_lot is not None and self.left_lot < 0


@dataclass(frozen=True, slots=True)
class PayeeFigures:
    """One payee before and after, in its currency."""

    name: str
    code: str
    currency: str
    ib_id: int
    client_id: int
    booked: Decimal
    draft: Decimal

    @property
    def difference(self) -> Decimal:
        return self.draft - self.booked


@dataclass(frozen=True, slots=True)
class WorstChain:
    """The direct IB whose lots cost most by the draft, with those above it."""

    names: list[str]
    lots: Decimal
    draft_lot: Decimal
    revenue_lot: Decimal | None


def cells_of(result: Mapping[str, Any]) -> list[Margin]:
    """Return every cell, the one that leaves least first; those without closed lots last."""
    groups = {**dict(SymbolGroup.objects.values_list("pk", "name")), CPA_CELL[0]: _("CPA")}
    mt_groups = dict(MtGroup.objects.values_list("pk", "name"))
    cells = [_margin(groups.get(row[0], _("No group")), mt_groups.get(row[1], ""), row[2:]) for row in result["cells"]]
    return sorted(cells, key=lambda cell: (cell.left_lot is None, cell.left_lot or _ZERO))


def by_symbol_group(cells: list[Margin]) -> list[Margin]:
    """Return the cells added up by symbol group, by name."""
    names = sorted({cell.name for cell in cells})
    return [_joined(name, [cell for cell in cells if cell.name == name]) for name in names]


def total_of(cells: list[Margin]) -> Margin:
    """Return everything together."""
    return _joined(_("All"), cells)


def payees_of(result: Mapping[str, Any]) -> list[PayeeFigures]:
    """Return who gets what, the largest difference first."""
    ibs = IB.objects.in_bulk({row[0] for row in result["payees"] if row[0]})
    clients = Client.objects.in_bulk({row[1] for row in result["payees"] if row[1]})
    found = []
    for ib_id, client_id, currency, booked, draft in result["payees"]:
        who = ibs[ib_id] if ib_id else clients[client_id]
        found.append(PayeeFigures(who.name, who.code, currency, ib_id, client_id, from_e8(booked), from_e8(draft)))
    return sorted(found, key=lambda payee: (-abs(payee.difference), payee.code))


def worst_chain(simulation: Simulation) -> WorstChain | None:
    """Return the chain with the highest cost a lot by the draft, named as it stands at the end of the replay."""
    rows = [(leaf, *figures) for leaf, *figures in simulation.result["leaves"] if leaf and figures[0]]
    if not rows:
        return None
    leaf, lots, revenue, _booked, draft = max(rows, key=lambda row: (Decimal(row[4]) / row[1], -row[0]))
    links = chain_of(ib_id=leaf, at=simulation.finished_at or simulation.asked_at)
    known = IB.objects.in_bulk([link.ib_id for link in links])
    return WorstChain(
        [known[link.ib_id].name for link in links], from_e8(lots), Decimal(draft) / lots, Decimal(revenue) / lots
    )


def chart(groups: list[Margin]) -> SafeString:
    """Draw for each symbol group what a lot costs by the draft and what it leaves; a loss falls below zero."""
    shown = [group for group in groups if group.left_lot is not None]
    columns = [charts.Column(group.name, group.name, is_name=True) for group in shown]
    series = [
        charts.Series(str(_("Cost by the draft")), [group.draft_lot or _ZERO for group in shown]),
        charts.Series(str(_("Left for the broker")), [group.left_lot or _ZERO for group in shown]),
    ]
    return charts.stacked_bars(
        columns, series, title=_("USD a lot by symbol group"), value=lambda v: fixed(v, 2), tick=lambda v: fixed(v, 0)
    )


def unconverted(result: Mapping[str, Any]) -> list[tuple[str, Decimal, Decimal]]:
    """Return (currency, booked, by the draft) of what no rate turns into USD."""
    return [(currency, from_e8(booked), from_e8(draft)) for currency, booked, draft in result["unconverted"]]


def csv_rows(simulation: Simulation) -> Iterator[list[str]]:
    """Yield the cells and then the payees as rows of a file, each with its own heading."""
    yield ["symbol_group", "mt_group", "closing_deals", "lots", "deals_without_revenue", "lots_without_revenue",
           "revenue_usd", "cost_booked_usd", "cost_draft_usd", "left_by_draft_usd_per_lot"]  # fmt: skip
    for cell in cells_of(simulation.result):
        numbers = (cell.lots, cell.unknown_lots, cell.revenue, cell.booked, cell.draft)
        lots, unknown_lots, *money = (f"{number:f}" for number in numbers)
        left = "" if cell.left_lot is None else f"{cell.left_lot:.8f}"
        yield [cell.name, cell.mt_group, str(cell.deals), lots, str(cell.unknown_deals), unknown_lots, *money, left]
    yield []
    yield ["payee", "code", "currency", "booked", "draft", "difference"]
    for payee in payees_of(simulation.result):
        amounts = [f"{amount:f}" for amount in (payee.booked, payee.draft, payee.difference)]
        yield [payee.name, payee.code, payee.currency, *amounts]


def _margin(name: str, mt_group: str, sums: list[int]) -> Margin:
    deals, lots, revenue, unknown_deals, unknown_lots, booked, draft = sums
    return Margin(
        name, mt_group, deals, from_e8(lots), unknown_deals, from_e8(unknown_lots), from_e8(revenue), from_e8(booked),
        from_e8(draft),
    )  # fmt: skip


def _joined(name: str, cells: list[Margin]) -> Margin:
    names = ("lots", "unknown_lots", "revenue", "booked", "draft")
    sums = {field: sum((getattr(cell, field) for cell in cells), _ZERO) for field in names}
    deals, unknown = sum(cell.deals for cell in cells), sum(cell.unknown_deals for cell in cells)
    return Margin(name=name, mt_group="", deals=deals, unknown_deals=unknown, **sums)


def _a_lot(amount: Decimal, lots: Decimal) -> Decimal | None:
    return (amount / lots).quantize(Decimal(1) / E8) if lots > 0 else None
