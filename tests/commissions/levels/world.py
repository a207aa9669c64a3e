"""A broker with a network and trades for tests of levels; boring on purpose."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from access.types import Actor
from clients.models import Client
from clients.services import create_client
from commissions.levels.enums import ApprovalNeed
from commissions.levels.evaluation import evaluate_period, next_duty
from commissions.levels.ladders import create_ladder, publish_ladder_version
from commissions.levels.models import Ladder, LevelResult, LevelRun
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import Plan
from commissions.services import create_plan
from ib.models import IB
from ib.services import create_ib, move_client
from mt4bridge.models import MtServer
from trading.models import Deal, DealCursor, MtGroup, Symbol, TradingAccount

SYSTEM = Actor.system("test")
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
LOT = 10**8


def at(month: int, day: int, hour: int = 12, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@dataclass
class LevelWorld:
    """Verbs that tests use; everything goes through the real services, deals are rows as the walker stores them."""

    server: MtServer
    group: MtGroup
    symbol: Symbol
    tickets: "count[int]" = field(default_factory=lambda: count(1))
    logins: "count[int]" = field(default_factory=lambda: count(1001))

    def ib(self, code: str, parent: IB | None = None, *, since: datetime = OPENED, client: Client | None = None) -> IB:
        return create_ib(
            code=code, name=f"IB {code}", currency="USD", parent=parent, at=since, client=client, actor=SYSTEM,
            now=OPENED,
        )  # fmt: skip

    def client(self, name: str, ib: IB | None = None, *, since: datetime = OPENED) -> TradingAccount:
        client = create_client(name=name, email="someone@example.com", actor=SYSTEM, now=OPENED)
        if ib is not None:
            move_client(client=client, ib=ib, at=since, actor=SYSTEM, now=OPENED)
        return self.account(client)

    def account(self, client: Client, group: MtGroup | None = None) -> TradingAccount:
        return TradingAccount.objects.create(
            server=self.server, login=next(self.logins), client=client, mt_group=group or self.group, opened_at=OPENED
        )

    def trade(self, account: TradingAccount, lots: str, when: datetime, **values: object) -> Deal:
        """Store a closing deal."""
        volume = int(Decimal(lots) * LOT)
        columns = {
            "ticket": next(self.tickets), "symbol": self.symbol, "action": 1, "entry": 1, "volume_e8": volume,
            "volume_closed_e8": volume, "profit_e8": 0, "recorded_at": when, **values,
        }  # fmt: skip
        return self._deal(account, when, columns)

    def money(self, account: TradingAccount, amount: str, when: datetime) -> Deal:
        """Store a deposit, or, below zero, a withdrawal."""
        columns = {
            "ticket": next(self.tickets), "symbol": None, "action": 2, "entry": 0, "volume_e8": 0,
            "volume_closed_e8": 0, "profit_e8": int(Decimal(amount) * LOT), "recorded_at": when,
        }  # fmt: skip
        return self._deal(account, when, columns)

    def _deal(self, account: TradingAccount, when: datetime, columns: dict[str, object]) -> Deal:
        rest = {
            "server": self.server, "account": account, "reason": 0, "position": 1, "price_e8": 110_000_000,
            "contract_size_e8": 100_000 * LOT, "digits": 5, "swap_e8": 0, "commission_e8": 0, "fee_e8": 0,
            "deal_at": when,
        }  # fmt: skip
        return Deal.objects.create(**{**rest, **columns})

    def plan(self, code: str) -> Plan:
        return create_plan(code=code, name=code.title(), actor=SYSTEM, now=OPENED)


def open_level_world() -> LevelWorld:
    server = MtServer.objects.create(name="Live", address="127.0.0.1:443", manager_login=1, history_from=OPENED)
    DealCursor.objects.create(server=server, complete_until=at(12, 31))
    return LevelWorld(
        server=server,
        group=MtGroup.objects.create(server=server, name="standard", currency="USD", lot_factor=1),
        symbol=Symbol.objects.create(
            server=server, name="EURUSD", contract_size_e8=100_000 * LOT, digits=5, quote_currency="USD"
        ),
    )


BRONZE = LevelTerms(code="bronze", name="Bronze")
SILVER = LevelTerms(code="silver", name="Silver", min_lots=Decimal(10))
GOLD = LevelTerms(code="gold", name="Gold", min_lots=Decimal(50), min_active_clients=2)


def terms(*levels: LevelTerms, **values: object) -> LadderTerms:
    """Return Bronze, Silver from 10 lots, Gold from 50 lots and 2 clients, by the month, applied by themselves."""
    rules: dict[str, object] = {
        "effective_date": date(2026, 1, 1), "approval": ApprovalNeed.NEVER, "demotion_after": 1, **values,
    }  # fmt: skip
    return LadderTerms(levels=levels or (BRONZE, SILVER, GOLD), **rules)  # type: ignore[arg-type]


def publish(rules: LadderTerms, *, code: str = "partners", now: datetime = OPENED) -> Ladder:
    found = Ladder.objects.filter(code=code).first()
    ladder = found or create_ladder(code=code, name=code.title(), actor=SYSTEM, now=now)
    publish_ladder_version(ladder=ladder, terms=rules, actor=SYSTEM, now=now)
    return ladder


def evaluate(ladder: Ladder, now: datetime) -> LevelRun:
    """Evaluate the earliest period that is over."""
    duty = next_duty(ladder, now=now)
    assert duty is not None
    return evaluate_period(duty=duty, now=now)


def results(run: LevelRun) -> dict[str, tuple[str, str, str]]:
    """Return {IB's code: (level before, level after, outcome)}."""
    rows = LevelResult.objects.filter(run=run).select_related("ib").order_by("ib__code")
    return {row.ib.code: (row.level_before, row.level_after, row.outcome) for row in rows}
