"""A small broker for the pages: three IBs under each other, their clients, trades, judged by the real engine."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from access.enums import UserKind
from access.models import User
from access.services import create_user
from access.types import Actor
from clients.models import Client
from clients.services import create_client
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version, rejudge_next_batch
from ib.models import IB
from ib.services import create_ib, move_client
from mt4bridge.models import MtServer
from trading.accounts import register_account
from trading.models import Deal, DealCursor, MtGroup, Symbol, SymbolGroup, TradingAccount

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEM = Actor.system("test")
PASSWORD = "correct horse battery staple"
RATES = {"leaf": "5", "sub": "7", "master": "9"}
_E8 = 10**8


@dataclass
class Book:
    """What `open_book` made, and the verbs that tests use on it."""

    server: MtServer
    group: MtGroup
    symbol: Symbol
    ibs: dict[str, IB] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    tickets: "count[int]" = field(default_factory=lambda: count(1001))
    logins: "count[int]" = field(default_factory=lambda: count(80001))

    def add_client(self, name: str, ib: str | None, *, user: User | None = None) -> TradingAccount:
        """Give the book a client of an IB, with one trading account."""
        client = create_client(name=name, email="someone@example.com", user=user, actor=SYSTEM, now=OPENED)
        if ib:
            move_client(client=client, ib=self.ibs[ib], at=OPENED, actor=SYSTEM, now=OPENED)
        return self.add_account(client)

    def add_account(self, client: Client) -> TradingAccount:
        return register_account(
            login=next(self.logins), client=client, mt_group=self.group, leverage=100, opened_at=OPENED, actor=SYSTEM,
            now=OPENED,
        )  # fmt: skip

    def trade(
        self, account: TradingAccount, *, lots: str = "1", at: datetime, held: timedelta = timedelta(hours=1)
    ) -> Deal:
        """Open and close a position; return the closing deal."""
        position = next(self.tickets)
        self._deal(account, position, position, entry=0, action=0, lots=lots, at=at - held)
        return self._deal(account, next(self.tickets), position, entry=1, action=1, lots=lots, at=at)

    def judge(self, *, now: datetime) -> None:
        """Run the engine until nothing is left to do."""
        while judge_next_batch(server_id=self.server.pk, limit=1000, now=now):
            pass
        while rejudge_next_batch(server_id=self.server.pk, limit=1000, now=now):
            pass

    def _deal(
        self, account: TradingAccount, ticket: int, position: int, *, entry: int, action: int, lots: str, at: datetime
    ) -> Deal:
        volume_e8 = int(Decimal(lots) * _E8)
        return Deal.objects.create(
            server=self.server, ticket=ticket, account=account, symbol=self.symbol, action=action, entry=entry,
            reason=0, position=position, volume_e8=volume_e8, volume_closed_e8=volume_e8 if entry else 0,
            price_e8=110_000_000, contract_size_e8=100_000 * _E8, digits=5, profit_e8=10 * _E8 if entry else 0,
            swap_e8=0, commission_e8=0, fee_e8=0, deal_at=at, recorded_at=at,
        )  # fmt: skip


def open_book(*, min_hold_seconds: int = 60) -> Book:
    """Make master over sub over leaf, paid 9, 7 and 5 USD a lot by difference."""
    server = MtServer.objects.create(name="Aurora-Live", address="127.0.0.1:443", manager_login=1, history_from=OPENED)
    DealCursor.objects.create(server=server)
    majors = SymbolGroup.objects.create(code="forex-majors", name="Forex majors")
    book = Book(
        server=server,
        group=MtGroup.objects.create(server=server, name="real\\standard", currency="USD", lot_factor=1),
        symbol=Symbol.objects.create(
            server=server, name="EURUSD", group=majors, contract_size_e8=100_000 * _E8, digits=5, quote_currency="USD"
        ),
    )
    parent: IB | None = None
    for name in ("master", "sub", "leaf"):
        parent = book.ibs[name] = _add_ib(book, name, parent, min_hold_seconds)
    return book


def _add_ib(book: Book, name: str, parent: IB | None, min_hold_seconds: int) -> IB:
    book.users[name] = create_user(
        email=f"{name}@example.com", name=f"{name.title()} Partners", kind=UserKind.CLIENT, password=PASSWORD,
        actor=SYSTEM, now=OPENED,
    )  # fmt: skip
    ib = create_ib(
        code=name.upper(), name=f"{name.title()} Partners", currency="USD", parent=parent, at=OPENED,
        user=book.users[name], actor=SYSTEM, now=OPENED,
    )  # fmt: skip
    plan = create_plan(code=f"{name}-plan", name=f"{name.title()} plan", actor=SYSTEM, now=OPENED)
    terms = {
        "rates": [{"any": True, "base": "per_lot", "rate": RATES[name], "currency": "USD"}],
        "upline": {"mode": "difference"},
        "min_hold_seconds": min_hold_seconds,
    }
    publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED)
    assign_plan(ib=ib, plan=plan, at=OPENED, actor=SYSTEM, now=OPENED)
    return ib
