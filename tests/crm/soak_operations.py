"""Steps of the soak that write: operations and new accounts through the outbox, and whether each was done just once."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count

from access.types import Actor
from clients.models import Client
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import DealRow
from trading.models import MtGroup, TradingAccount
from trading.operations.account_models import AccountOrder, AccountType
from trading.operations.enums import OPEN, Purpose
from trading.operations.models import BalanceOperation
from trading.operations.ordering import NewAccount, order_account
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


def open_account(server: str, key: str) -> str:
    """Order an account for one of the clients; return its token."""
    group = MtGroup.objects.filter(server__name=server, currency="USD").select_related("server").order_by("pk")[0]
    kind, _created = AccountType.objects.get_or_create(
        name=server, defaults={"server": group.server, "mt_group": group, "leverages": [100], "most_per_client": 500}
    )
    wanted = NewAccount(Client.objects.order_by("pk")[0], kind, 100, key)
    return str(order_account(wanted=wanted, actor=ACTOR, now=datetime.now(UTC)).token)


def open_operations() -> int:
    """Return how many operations and accounts nobody has decided yet."""
    return sum(rows.filter(state__in=OPEN).count() for rows in (BalanceOperation.objects, AccountOrder.objects))


def judge_operations() -> dict[str, Any]:
    """Return how many operations ended how, and those that were not booked once when confirmed, or at all when not."""
    wrong: list[str] = []
    for server in MtServer.objects.order_by("pk"):
        since, until = server.history_from - timedelta(days=1), datetime.now(UTC) + AHEAD
        rows = [row for each in open_gateway(server).deals(since=since, until=until) for row in each]
        wrong += _wrong(server, [row for row in rows if isinstance(row, DealRow)])
    states = BalanceOperation.objects.order_by().values_list("state").annotate(n=Count("pk"))
    return {"wrong": wrong, "states": dict(states)}


def judge_orders() -> dict[str, Any]:
    """Return how many orders ended how, and those whose account is not there once when confirmed, or there when not."""
    wrong: list[str] = []
    for server in MtServer.objects.order_by("pk"):
        tokens = Counter(user.token for user in open_gateway(server).users())
        wrong += [
            f"{order.token} is {order.state} and there {tokens[order.token]} times"
            for order in AccountOrder.objects.filter(server=server)
            if tokens[order.token] != (order.state == "confirmed")
        ]
    states = AccountOrder.objects.order_by().values_list("state").annotate(n=Count("pk"))
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


STEPS = {
    "plan": plan, "open_account": open_account, "open_operations": open_operations,
    "judge_operations": judge_operations, "judge_orders": judge_orders,
}  # fmt: skip
