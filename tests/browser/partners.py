"""What the partners' newer pages are about: statements, a share below, an offer of a plan and a client's own share."""

from datetime import datetime, timedelta
from decimal import Decimal

from access.enums import UserKind
from access.queries import actor_for
from access.services import create_user
from commissions.consent.enums import Asking
from commissions.consent.services import offer_plan, set_policy
from commissions.delegation.services import set_client_share, set_sub_share
from commissions.enums import PayeeKind
from commissions.models import Plan
from commissions.services import create_plan, publish_plan_version
from commissions.settlement.days import settlement_day
from commissions.settlement.deciding import approve_statement, hold_statement
from commissions.settlement.enums import Cycle
from commissions.settlement.models import Statement
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_terms
from ib.services import create_ib
from tests.portal.book import OPENED, PASSWORD, SYSTEM, Book
from trading.models import TradingAccount


def add_partner_pages(book: Book, account: TradingAccount, *, now: datetime) -> dict[str, str]:
    """Give master shares to set, an offer to accept and statements in several states; return where they are."""
    below = _share(book, now)
    offered = _offer(book, now)
    paid = _trade_with_a_share(book, account, now=now)
    statement_id, own_id = _settle(book, now)
    return {
        "statement": f"/partner/statements/{statement_id}/",
        "staff_statement": f"/office/statements/{statement_id}/",
        "own_statement": f"/accounts/rebates/{own_id}/",
        "sub_share": f"/partner/sharing/{below}/",
        "plan_accept": f"/partner/plan/accept/{offered}/",
        "own_share": f"/accounts/deals/{paid}/share/",
    }


def _share(book: Book, now: datetime) -> int:
    """Put an IB without a plan below master, which passes a part of its rates on to it and to its clients."""
    master, plan = book.ibs["master"], Plan.objects.get(code="master-plan")
    user = create_user(
        email="tower@example.com", name="Tower Partners", kind=UserKind.CLIENT, password=PASSWORD, actor=SYSTEM,
        now=OPENED,
    )  # fmt: skip
    below = create_ib(
        code="TOWER", name="Tower Partners", currency="USD", parent=master, at=OPENED, user=user, actor=SYSTEM,
        now=OPENED,
    )  # fmt: skip
    set_policy(
        plan=plan, asking=Asking.NONE, sub_percent_most=Decimal(80), client_percent_most=Decimal(50), actor=SYSTEM,
        now=OPENED,
    )  # fmt: skip
    actor, since = actor_for(book.users["master"]), now - timedelta(days=10)
    set_sub_share(giver=master, child=below, percent=Decimal(60), rows={}, seen=0, actor=actor, now=since)
    set_client_share(giver=master, percent=Decimal(25), seen=0, actor=actor, now=since + timedelta(hours=1))
    return below.pk


def _offer(book: Book, now: datetime) -> int:
    """Offer master another plan; return the version to accept."""
    gold = create_plan(code="gold-plan", name="Gold plan", actor=SYSTEM, now=OPENED)
    rates = [
        {"symbol_group": "forex-majors", "base": "per_lot", "rate": "10.5", "currency": "USD"},
        {"any": True, "base": "per_lot", "rate": "4", "currency": "USD"},
    ]
    terms = {"rates": rates, "upline": {"mode": "difference"}, "min_hold_seconds": 30}
    version = publish_plan_version(plan=gold, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED)
    offer_plan(ib=book.ibs["master"], plan=gold, not_before=OPENED, actor=SYSTEM, now=now)
    return version.pk


def _trade_with_a_share(book: Book, account: TradingAccount, *, now: datetime) -> int:
    """Let master's client trade after its share was set; return the deal."""
    deal = book.trade(account, lots="1.5", at=now - timedelta(minutes=45))
    book.judge(now=now)
    return deal.pk


def _settle(book: Book, now: datetime) -> tuple[int, int]:
    """Settle every week: master's first statement is paid, one is on hold, the others wait. Clients settle daily.

    Return master's first statement and one of its client."""
    day = settlement_day(OPENED)
    set_terms(ib=None, effective_day=day, cycle=Cycle.WEEKLY, minimum=Decimal(50), actor=SYSTEM, now=now)
    set_terms(
        ib=None, effective_day=day, cycle=Cycle.DAILY, minimum=Decimal(0), kind=PayeeKind.CLIENT, actor=SYSTEM, now=now
    )
    settle_round(now=now)
    first, second = Statement.objects.filter(payee__ib=book.ibs["master"]).order_by("from_day")[:2]
    approve_statement(statement_id=first.pk, actor=SYSTEM, now=now)
    hold_statement(statement_id=second.pk, reason="The bank asks for a document.", actor=SYSTEM, now=now)
    settle_round(now=now)
    return first.pk, Statement.objects.filter(payee__kind="client").order_by("pk")[0].pk
