"""From a ticket to why: which deals have the number, who may ask about each, and what is known of the others."""

from dataclasses import dataclass
from datetime import datetime

from commissions.explaining import DealWhy, WhyDeal, why_deal
from ib.queries import account_chains_at
from mt4bridge.models import MtServer
from trading.enums import HoldReason
from trading.models import Deal, HeldDeal, TradingAccount

MOST = 20  # deals with one ticket number: one a server and leg
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class HeldTicket:
    """A row of the MT server with this number that could not become a deal yet."""

    server: str
    ticket: int
    reason: str  # code of trading.enums.HoldReason
    detail: str  # "" for an IB
    held_at: datetime


@dataclass(frozen=True, slots=True)
class TicketAnswer:
    """What is known of a ticket number to one reader. `earlier`: made before the client came to the IB's network."""

    deals: tuple[DealWhy, ...] = ()
    held: tuple[HeldTicket, ...] = ()
    earlier: tuple[WhyDeal, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.deals or self.held or self.earlier)


def read_ticket(text: str) -> int | None:
    """Return the number that somebody typed, with or without a hash; None when it is none."""
    digits = text.strip().lstrip("#").replace(" ", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS else None


def find_ticket(*, ticket: int) -> TicketAnswer:
    """Return everything that is known of the number, for staff."""
    deals = [why for root in _roots(ticket) if (why := why_deal(deal_id=root)) is not None]
    held = [_held(row, row.detail) for row in _held_rows(ticket)]
    return TicketAnswer(tuple(deals), tuple(held))


def find_ticket_of_ib(*, ticket: int, ib_id: int, now: datetime) -> TicketAnswer:
    """Return what an IB may know of the number: deals of its network at their time, rows held for its clients now,
    and deals that its present clients made before they came to it. Nothing else differs from an unknown number."""
    seen: list[DealWhy] = []
    earlier: list[WhyDeal] = []
    for root in _roots(ticket):
        why = why_deal(deal_id=root)
        own = why.seen_by_ib(ib_id) if why else None
        if own is not None:
            seen.append(own)
        elif why is not None and _stands_above(ib_id, why.deal.account_id, now):
            earlier.append(why.deal)
    return TicketAnswer(tuple(seen), tuple(_held_for(ib_id, ticket, now)), tuple(earlier))


def _roots(ticket: int) -> list[int]:
    servers = MtServer.objects.order_by("pk").values_list("pk", flat=True)
    rows = Deal.objects.filter(server_id__in=list(servers), ticket=ticket, revision=0).order_by("server_id", "leg")
    return list(rows.values_list("pk", flat=True)[:MOST])


def _held_rows(ticket: int) -> list[HeldDeal]:
    rows = HeldDeal.objects.filter(ticket=ticket, released_at__isnull=True).select_related("server")
    return list(rows.order_by("server_id", "leg")[:MOST])


def _held_for(ib_id: int, ticket: int, now: datetime) -> list[HeldTicket]:
    """Return the held rows of accounts that stand below the IB now; why they are held is the broker's own matter."""
    found = []
    for row in _held_rows(ticket):
        account = TradingAccount.objects.filter(server_id=row.server_id, login=row.login or 0).first()
        if account is not None and _stands_above(ib_id, account.pk, now):
            found.append(_held(row, ""))
    return found


def _held(row: HeldDeal, detail: str) -> HeldTicket:
    return HeldTicket(row.server.name, row.ticket, HoldReason(row.reason).value, detail, row.held_at)


def _stands_above(ib_id: int, account_id: int, at: datetime) -> bool:
    chain = account_chains_at(account_ids=[account_id], at=at).get(account_id, [])
    return any(link.ib_id == ib_id for link in chain)
