"""Valid rows for tests of the network."""

from datetime import UTC, datetime

from access.types import Actor
from clients.models import Client
from clients.services import create_client
from ib.models import IB
from ib.services import create_ib
from mt4bridge.models import MtServer
from trading.models import MtGroup, TradingAccount

START = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = datetime(2025, 6, 1, tzinfo=UTC)
ACTOR = Actor.system("test")


def make_ib(
    code: str, parent: IB | None = None, *, at: datetime = START, now: datetime = START, **fields: object
) -> IB:
    return create_ib(
        code=code, name=f"IB {code}", currency="USD", parent=parent, at=at, actor=ACTOR, now=now, **fields
    )  # fmt: skip


def make_client(name: str = "Maria Lopez", **fields: object) -> Client:
    values = {"name": name, "email": "maria@example.com", "country": "ES", "actor": ACTOR, "now": START, **fields}
    return create_client(**values)


def make_account(client: Client, *, login: int = 1001) -> TradingAccount:
    server, _ = MtServer.objects.get_or_create(
        name="Live", defaults={"address": "127.0.0.1:1", "manager_login": 1, "history_from": START}
    )
    group, _ = MtGroup.objects.get_or_create(server=server, name="standard", defaults={"currency": "USD"})
    return TradingAccount.objects.create(server=server, login=login, client=client, mt_group=group, opened_at=START)


def numbers(*codes: str) -> dict[str, tuple[int, int, int]]:
    """Return (lft, rght, level) by code."""
    rows = IB.objects.filter(code__in=codes) if codes else IB.objects.all()
    return {ib.code: (ib.lft, ib.rght, ib.level) for ib in rows}
