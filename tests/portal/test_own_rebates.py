"""A trader's own rebates: statements of the part that the IB passes on, with the files; nobody else's."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import User
from commissions.enums import PayeeKind
from commissions.models import Plan
from commissions.services import publish_plan_version
from commissions.settlement.enums import Cycle
from commissions.settlement.models import Statement
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_terms
from tenancy.models import Broker
from tests.backoffice.pages import facts, rows
from tests.portal.book import OPENED, SYSTEM, open_book

pytestmark = pytest.mark.integration


def test_a_trader_sees_what_its_ib_passes_on(
    broker: Broker, new_user: Callable[..., User], as_user: Callable[[User], Browser]
) -> None:
    book, now = open_book(), timezone.now()
    trader = new_user("trader@example.com")
    account = book.add_client("Chen Wei Ling", "leaf", user=trader)
    terms = {
        "rates": [{"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}],
        "upline": {"mode": "difference"},
        "client_rebate": {"percent": "20", "from": "own"},
    }
    plan = Plan.objects.get(code="leaf-plan")
    publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED + timedelta(seconds=1))
    set_terms(
        ib=None, kind=PayeeKind.CLIENT, effective_day=date(2026, 1, 1), cycle=Cycle.DAILY, minimum=Decimal(0),
        needs_review=False, actor=SYSTEM, now=now,
    )  # fmt: skip
    book.trade(account, lots="2.5", at=now - timedelta(days=3))
    book.judge(now=now - timedelta(days=3) + timedelta(minutes=1))
    settle_round(now=now)
    book.trade(account, lots="1", at=now - timedelta(minutes=1))
    book.judge(now=now)
    statement = Statement.objects.get(payee__client__user=trader)
    browser = as_user(trader)

    listed = browser.get("/accounts/rebates/")
    page = browser.get(f"/accounts/rebates/{statement.pk}/")
    file = b"".join(browser.get(f"/accounts/rebates/{statement.pk}/statement.csv").streaming_content)

    assert [row[1:] for row in rows(listed)] == [["Paid", "2.50 USD", "2.50 USD", "—"]]
    assert facts(listed, "How you are settled")["Earned since the last statement"] == "1.00 USD"
    assert facts(page, "Figures")["To be paid"] == "2.50 USD"
    sheet = list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))
    assert ["Client", f"Chen Wei Ling ({account.client.code})"] in sheet
    assert sheet[-3] == ["Total", *[""] * 10, "2.50", "2.50"]
    assert as_user(book.users["leaf"]).get(f"/partner/statements/{statement.pk}/").status_code == 404


def test_a_trader_without_shares_reads_why_there_is_none(
    broker: Broker, new_user: Callable[..., User], as_user: Callable[[User], Browser]
) -> None:
    trader = new_user("trader@example.com")
    open_book().add_client("Chen Wei Ling", "leaf", user=trader)

    answer = as_user(trader).get("/accounts/rebates/")

    assert "When your IB shares its rebates with you" in answer.content.decode()
