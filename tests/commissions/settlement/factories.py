"""A small book for settlement tests: one IB, paid 6 USD a lot on closing deals, and its one trading account."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Sum

from access.types import Actor
from commissions.models import IbDay, Payee
from commissions.services import (
    assign_plan,
    create_plan,
    judge_next_batch,
    publish_plan_version,
    rejudge_next_batch,
)
from ib.models import IB
from ib.services import create_ib, move_client
from mt4bridge.enums import DealEntry
from mt4bridge.models import MtServer
from mt4bridge.types import DealRow
from tests.trading.factories import (
    BEGINNING,
    deal_row,
    make_account,
    make_client,
    make_mt_group,
    make_server,
    make_symbol,
)
from trading.cursor import get_cursor
from trading.models import TradingAccount
from trading.services import Reading, record_deals
from trading.types import DealKey

ACTOR = Actor.system("test")
LOT = 10**8


def utc(text: str) -> datetime:
    """Return a moment like "2026-03-02 11:00" of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def closing(ticket: int, at: str, **values: Any) -> DealRow:
    """Return a deal that closes one lot at a moment of UTC; its opening deal is not told."""
    return deal_row(ticket, position=ticket, entry=DealEntry.OUT, deal_at=utc(at), **values)


@dataclass
class Book:
    """The server and whom it pays."""

    server: MtServer
    ib: IB
    account: TradingAccount

    def deliver(self, *rows: DealRow, now: str, gone: tuple[int, ...] = ()) -> None:
        """Record deals as the walker does, and judge all that can be judged."""
        at = utc(now)
        version = get_cursor(self.server.pk).version
        reading = Reading(rows=list(rows), gone=[DealKey(ticket, 0) for ticket in gone])
        record_deals(server_id=self.server.pk, version=version, reading=reading, now=at)
        while judge_next_batch(server_id=self.server.pk, limit=1000, now=at):
            pass
        while rejudge_next_batch(server_id=self.server.pk, limit=1000, now=at):
            pass

    def publish(self, rate: str, *, since: str, now: str) -> None:
        """Publish another rate per lot for the IB's plan."""
        plan = self.ib.plan_assignments.get().plan
        publish_plan_version(plan=plan, terms=per_lot(rate), effective_from=utc(since), actor=ACTOR, now=utc(now))
        self.deliver(now=now)

    @property
    def payee(self) -> Payee:
        return Payee.objects.get(ib=self.ib)


def per_lot(rate: str, currency: str = "USD") -> dict[str, Any]:
    return {"rates": [{"any": True, "base": "per_lot", "rate": rate, "currency": currency}]}


def make_book(
    *, rate: str = "6", currency: str = "USD", code: str = "ib", login: int = 1001, server: MtServer | None = None
) -> Book:
    """Make an IB of the currency with a plan of its own and one client."""
    first = server is None
    server = server or make_server()
    if first:
        make_symbol(server)
    ib = create_ib(code=code, name=code, parent=None, currency=currency, at=BEGINNING, actor=ACTOR, now=BEGINNING)
    plan = create_plan(code=f"plan-{code}", name="Plan", actor=ACTOR, now=BEGINNING)
    publish_plan_version(plan=plan, terms=per_lot(rate, currency), effective_from=BEGINNING, actor=ACTOR, now=BEGINNING)
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=ACTOR, now=BEGINNING)
    client = make_client()
    account = make_account(make_mt_group(server, name=f"group-{code}"), login, client=client)
    move_client(client=client, ib=ib, at=BEGINNING, actor=ACTOR, now=BEGINNING)
    return Book(server, ib, account)


def days_of(book: Book) -> dict[tuple[date, date], str]:
    """Return {(day, statement day): sum of the roll-up} of the IB, without sums of nothing."""
    rows = IbDay.objects.filter(payee_id=book.payee.pk).values("day", "statement_day").annotate(total=Sum("amount"))
    found = {(row["day"], row["statement_day"]): row["total"] for row in rows.order_by("day", "statement_day")}
    return {key: f"{total.normalize():f}" for key, total in found.items() if total}
