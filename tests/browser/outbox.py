"""An outbox to look at: operations that stand in every state, a type of account, and orders of the trader."""

from datetime import datetime, timedelta
from decimal import Decimal

from mt4bridge.errors import NotEnoughMoney, OutcomeUnknown
from tests.portal.book import SYSTEM
from tests.trading.factories import deal_row
from trading.models import TradingAccount
from trading.operations import moving, sending
from trading.operations.account_models import AccountType
from trading.operations.account_orders import confirm_order
from trading.operations.enums import OrderKind, Purpose
from trading.operations.models import BalanceOperation
from trading.operations.ordering import NewAccount, order_account, order_change
from trading.operations.planning import OperationSpec, plan_operation


def add_outbox(account: TradingAccount, others: list[TradingAccount], now: datetime) -> dict[str, str]:
    """Fill the outbox; return addresses of what is in it."""
    first, *rest = [account, *others]
    _plan(first, "250", now)
    done = _sent(_plan(first, "1000", now - timedelta(hours=2)), now - timedelta(hours=2))
    sending.confirm(
        operation=done, deal=deal_row(880_001, deal_at=now - timedelta(hours=2)), balance_after=Decimal("10450.22"),
        now=now - timedelta(hours=2),
    )  # fmt: skip
    refused = _sent(_plan(rest[0], "-90000", now - timedelta(hours=1)), now - timedelta(hours=1))
    error = NotEnoughMoney(path="/api/trade/balance", retcode=10019, text="No money")
    detail = moving.detail_of(error)
    sending.refuse(operation=refused, reason=error.code, detail=detail, now=now - timedelta(hours=1))
    review = _doubted(_plan(rest[1], "75.50", now - timedelta(minutes=20)), now - timedelta(minutes=20))
    moving.ask_person(row=review, reason="never_applied", detail={"attempts": 3}, now=now)
    _doubted(_plan(rest[2], "12", now - timedelta(minutes=1)), now - timedelta(minutes=1))
    kind = _type(account)
    return {
        "operation": f"/office/operations/{review.pk}/", "account_type": f"/office/account-types/{kind.pk}/",
        "operation_new": f"/office/operations/new/{account.pk}/", "change": f"/accounts/{account.pk}/change/",
        "open_for": f"/office/clients/{account.client_id}/open-account/", **_orders(account, kind, now),
    }  # fmt: skip


def _plan(account: TradingAccount, amount: str, now: datetime) -> BalanceOperation:
    spec = OperationSpec(
        account=account, purpose=Purpose.MANUAL, amount=Decimal(amount), idempotency_key=f"{account.pk} {amount}"
    )
    return plan_operation(spec=spec, actor=SYSTEM, now=now)


def _sent(row: BalanceOperation, now: datetime) -> BalanceOperation:
    rules = moving.rules_of(row.server_id)
    sent = moving.begin_sending(row=row, server_now=now, rules=rules, now=now, balance_before=Decimal("9450.22"))
    assert sent is not None
    return sent


def _doubted(row: BalanceOperation, now: datetime) -> BalanceOperation:
    error = OutcomeUnknown(path="/api/trade/balance", detail="the connection broke off")
    return moving.doubt(row=_sent(row, now), reason=error.code, detail=moving.detail_of(error), now=now)


def _type(account: TradingAccount) -> AccountType:
    group = account.mt_group
    AccountType.objects.create(
        name="Practice", server=group.server, mt_group=group, leverages=[100], is_demo=True,
        starting_balance=Decimal(10_000), is_offered=True,
    )  # fmt: skip
    return AccountType.objects.create(
        name="Standard", server=group.server, mt_group=group, leverages=[50, 100, 200], leverage_needs_approval=True
    )


def _orders(account: TradingAccount, kind: AccountType, now: datetime) -> dict[str, str]:
    wanted = NewAccount(account.client, kind, 100, "browser")
    order_account(wanted=wanted, actor=SYSTEM, now=now)
    password = order_change(
        account=account, kind=OrderKind.PASSWORD, idempotency_key="browser password", actor=SYSTEM, now=now
    )
    sent = moving.begin_sending(row=password, server_now=now, rules=moving.rules_of(account.server_id), now=now)
    assert sent is not None
    confirm_order(order=sent, user=None, now=now)
    return {"reveal": f"/accounts/orders/{sent.pk}/reveal/"}
