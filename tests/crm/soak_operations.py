"""Steps of the soak that send money: operations through the outbox, and whether each was booked exactly once."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count

from access.types import Actor
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import DealRow
from trading.models import TradingAccount
from trading.operations.enums import OPEN, Purpose
from trading.operations.models import BalanceOperation
from trading.operations.planning import OperationSpec, plan_operation

ACTOR = Actor.system("soak")
AHEAD = timedelta(minutes=1)


def plan(server: str, login: int, amount: str, key: str) -> str:
    """Plan a correction of an account's balance; return its reference."""
    account = TradingAccount.objects.select_related("mt_group", "server").get(server__name=server, login=login)
    spec = OperationSpec(
        account=account, purpose=Purpose.CORRECTION, amount=Decimal(amount), idempotency_key=key, check_margin=False
    )
    return str(plan_operation(spec=spec, actor=ACTOR, now=datetime.now(UTC)).ref)


def open_operations() -> int:
    """Return how many operations nobody has decided yet."""
    return BalanceOperation.objects.filter(state__in=OPEN).count()


def judge_operations() -> dict[str, Any]:
    """Return how many operations ended how, and those that were not booked once when confirmed, or at all when not."""
    wrong: list[str] = []
    for server in MtServer.objects.order_by("pk"):
        since, until = server.history_from - timedelta(days=1), datetime.now(UTC) + AHEAD
        rows = [row for each in open_gateway(server).deals(since=since, until=until) for row in each]
        wrong += _wrong(server, [row for row in rows if isinstance(row, DealRow)])
    states = BalanceOperation.objects.order_by().values_list("state").annotate(n=Count("pk"))
    return {"wrong": wrong, "states": dict(states)}


def _wrong(server: MtServer, deals: list[DealRow]) -> list[str]:
    """Return every operation that was not booked exactly once when confirmed, or at all when refused."""
    booked: dict[str, list[Decimal]] = defaultdict(list)
    for deal in deals:
        booked[deal.comment.partition(" ")[0]].append(Decimal(deal.profit_e8) / 10**8)
    wrong = []
    for operation in BalanceOperation.objects.filter(account__server=server):
        wanted = [operation.amount] if operation.state == "confirmed" else []
        if booked[operation.ref] != wanted:
            wrong.append(f"{operation.ref} is {operation.state} and booked {booked[operation.ref]}")
    return wrong


STEPS = {"plan": plan, "open_operations": open_operations, "judge_operations": judge_operations}
