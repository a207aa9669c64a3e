"""Payouts to trading accounts: planned once, ended with their operation, and never stuck between wallet and MT."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from commissions.settlement.deciding import approve_statement
from commissions.settlement.enums import Cycle, Destination
from commissions.settlement.models import Payout, Statement
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_terms
from commissions.settlement.verify import verify_settlement
from crm.flows import payout_flow
from ledger.enums import AccountKind, OwnerType
from ledger.types import AccountSpec
from ledger.verify import verify_ledger
from mt4bridge.enums import DealAction
from notifications.models import Message
from tenancy.models import Broker
from tests.commissions.settlement.factories import ACTOR, closing, make_book, utc
from tests.trading.factories import deal_row, make_account, make_mt_group
from tests.trading.operations.conftest import money_of
from trading.operations.enums import Purpose
from trading.operations.models import BalanceOperation
from trading.operations.moving import begin_sending, rules_of
from trading.operations.sending import confirm, refuse

pytestmark = pytest.mark.integration
NOW = utc("2026-04-01 10:00")


@pytest.fixture
def wallet(broker: Broker) -> AccountSpec:
    """An IB that is owed 6 USD to its trading account; returns its wallet."""
    book = make_book(rate="6")
    own = make_account(make_mt_group(book.server, name="own"), 2001)
    book.ib.client = own.client
    book.ib.save(update_fields=["client"])
    set_terms(
        ib=book.ib, effective_day=date(2026, 3, 1), cycle=Cycle.MONTHLY, minimum=Decimal(0), mt_account=own,
        destination=Destination.MT_ACCOUNT, actor=ACTOR, now=utc("2026-02-01 00:00"),
    )  # fmt: skip
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_statement(statement_id=Statement.objects.get().pk, actor=ACTOR, now=utc("2026-04-01 09:00"))
    settle_round(now=utc("2026-04-01 09:01"))
    return AccountSpec(AccountKind.WALLET, "USD", OwnerType.IB, book.ib.pk)


def send(now: datetime = NOW) -> BalanceOperation:
    sent = begin_sending(
        row=BalanceOperation.objects.get(), server_now=now, rules=rules_of(0), now=now, balance_before=None
    )
    assert sent is not None
    return sent


def test_a_payout_is_planned_once_and_paid_with_its_confirmation(wallet: AccountSpec) -> None:
    for _again in range(2):
        payout_flow.walk(now=NOW)
    operation = BalanceOperation.objects.get()
    assert (operation.purpose, operation.amount, operation.account.login) == (Purpose.REBATE, Decimal(6), 2001)
    assert money_of(wallet, now=NOW) == (Decimal(6), Decimal(6))

    deal = deal_row(70, login=2001, action=DealAction.BALANCE, profit_e8=6 * 10**8, comment=operation.comment)
    confirm(operation=send(), deal=deal, balance_after=None, now=NOW)
    for _again in range(2):
        payout_flow.walk(now=NOW)

    payout, statement = Payout.objects.get(), Statement.objects.get()
    assert (payout.state, payout.transferred_at) == ("transferred", NOW)
    assert (statement.state, statement.paid_at) == ("paid", NOW)
    assert money_of(wallet, now=NOW) == (Decimal(0), Decimal(0))
    assert (verify_settlement(), verify_ledger()) == ([], [])
    told = Message.objects.filter(kind="statement_paid").values_list("channel", "params", "created_at")
    period = {"first": "2026-03-01", "last": "2026-03-31"}
    assert list(told) == [("mail", {"amount": "6.00", "currency": "USD", **period}, NOW)]


def test_what_the_trading_account_cannot_take_stays_in_the_wallet(wallet: AccountSpec) -> None:
    payout_flow.walk(now=NOW)

    refuse(operation=send(), reason="not_found", detail={}, now=NOW)
    payout_flow.walk(now=NOW)

    assert Payout.objects.get().state == "kept"
    assert Statement.objects.get().state == "paid"
    assert money_of(wallet, now=NOW) == (Decimal(6), Decimal(0))
    assert (verify_settlement(), verify_ledger()) == ([], [])
