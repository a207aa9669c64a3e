"""Why a deal was paid as it was, for staff: everybody of the chain, corrections with their reason, and the search."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from commissions.services import assign_plan, publish_plan_version
from ib.services import move_client
from tests.backoffice.pages import heading, rows
from tests.portal.book import OPENED, SYSTEM, Book, open_book
from trading.models import Deal, FxRate, HeldDeal, MtGroup
from trading.services import set_lot_factor

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


def document(office: Browser, deal: Deal) -> Any:
    return json.loads(office.get(f"/office/deals/{deal.pk}/why.json").content)


def causes(office: Browser, deal: Deal) -> list[list[str]]:
    """Return the codes of each revision's causes."""
    return [[cause["code"] for cause in each["causes"]] for each in document(office, deal)["revisions"]]


def test_everybody_of_the_chain_is_explained(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), lots="2", at=NOW)
    book.judge(now=NOW)

    page = office.get(f"/office/deals/{deal.pk}/why/")

    assert heading(page) == f"Deal {deal.ticket}"
    found = [(each.title, each.payee.code, each.payee.amount) for each in page.context["sections"]]
    assert found == [
        ("Level 1", "LEAF", Decimal(10)),
        ("Level 2", "SUB", Decimal(4)),
        ("Level 3", "MASTER", Decimal(4)),
    ]
    assert rows(page)[-1] == ["5.Rebate", "Nothing to round", "10.00 USD"]
    text = office.get(f"/office/deals/{deal.pk}/why.txt").content.decode()
    assert "Level 3: Master Partners (MASTER): 4.00 USD, Paid" in text


def test_what_is_computed_equals_what_is_booked(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), lots="0.37", at=NOW)
    book.judge(now=NOW)

    found = document(office, deal)

    assert found["agrees"]
    assert [(each["amount"], each["verdict"]) for each in found["payees"]] == [
        (each["computed"], each["computed_verdict"]) for each in found["payees"]
    ]


def test_a_client_without_an_ib_is_a_state_of_its_own(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Ines Moreau", None), at=NOW)
    book.judge(now=NOW)

    found = document(office, deal)

    assert (found["state"], found["payees"]) == ("no_ib", [])
    assert "Nobody is or was paid for this deal." in office.get(f"/office/deals/{deal.pk}/why/").content.decode()


def test_a_deposit_is_no_trade(office: Browser, book: Book) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    deal = book.trade(account, at=NOW)
    deposit = Deal.objects.create(
        server=book.server, ticket=5000, account=account, action=2, entry=0, reason=0, position=0, volume_e8=0,
        volume_closed_e8=0, price_e8=0, contract_size_e8=0, digits=0, profit_e8=100, swap_e8=0, commission_e8=0,
        fee_e8=0, deal_at=NOW, recorded_at=NOW,
    )  # fmt: skip
    book.judge(now=NOW)

    assert (document(office, deposit)["state"], document(office, deal)["state"]) == ("not_a_trade", "judged")


def test_a_move_into_the_past_is_named(office: Browser, book: Book) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    deal = book.trade(account, at=NOW)
    book.judge(now=NOW)
    move_client(client=account.client, ib=book.ibs["sub"], at=NOW - timedelta(days=1), actor=SYSTEM, now=NOW)
    book.judge(now=NOW)

    assert causes(office, deal) == [[], ["moved"]]
    dropped = [each for each in document(office, deal)["payees"] if each["level"] is None]
    assert [(each["code"], each["amount"], each["verdict"]) for each in dropped] == [("LEAF", "0", "deal_removed")]


def test_a_version_and_an_assignment_into_the_past_are_named(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), at=NOW)
    book.judge(now=NOW)
    plan = book.ibs["leaf"].plan_assignments.get().plan
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "6", "currency": "USD"}]}
    publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=NOW)
    book.judge(now=NOW)
    other = book.ibs["sub"].plan_assignments.get().plan
    assign_plan(ib=book.ibs["leaf"], plan=other, at=NOW - timedelta(days=1), actor=SYSTEM, now=NOW)
    book.judge(now=NOW)

    assert causes(office, deal) == [[], ["plan_version"], ["plan_assigned"]]
    revisions = document(office, deal)["revisions"]
    assert revisions[1]["causes"][0]["plan"] == "leaf-plan"
    assert [line["booked"] for line in revisions[1]["lines"] if line["code"] == "LEAF"] == ["1"]


def test_a_late_lot_factor_and_a_late_rate_are_named(office: Browser, book: Book) -> None:
    MtGroup.objects.update(lot_factor=None)
    plan = book.ibs["leaf"].plan_assignments.get().plan
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "6", "currency": "EUR"}]}
    publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED + timedelta(hours=1))
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), at=NOW)
    book.judge(now=NOW)
    waiting = document(office, deal)
    set_lot_factor(mt_group=book.group, lot_factor=Decimal(1), actor=SYSTEM, now=NOW)
    book.judge(now=NOW)
    FxRate.objects.create(base="EUR", quote="USD", rate=Decimal("1.25"), at=OPENED, published_at=NOW)
    book.judge(now=NOW)

    assert (waiting["queued"], waiting["payees"][0]["verdict"]) == ("lot_factor", "unknown_lot_factor")
    assert causes(office, deal) == [[], ["lot_factor"], ["fx_rate"]]
    steps = document(office, deal)["payees"][0]["steps"]
    (converted,) = [step for step in steps if step["step"] == "converted"]
    assert (converted["rate"], converted["result"]) == ("1.25", "7.5")
    assert converted["quotes"] == [["EURUSD", OPENED.isoformat()]]


def test_a_ticket_is_found_wherever_it_stands(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), at=NOW)
    HeldDeal.objects.create(
        server=book.server, ticket=777, login=7, reason="unknown_login", detail="7", payload={}, held_at=NOW
    )

    found = office.get("/office/why/", {"ticket": deal.ticket})
    held = office.get("/office/why/", {"ticket": "777"})
    nothing = office.get("/office/why/", {"ticket": "424242"})
    palette = office.get("/office/search/", {"q": str(deal.ticket)}).content.decode()

    assert (found.status_code, found.headers["Location"]) == (302, f"/office/deals/{deal.pk}/why/")
    assert "Deal 777 of Aurora-Live is held" in held.content.decode()
    assert "No deal with this ticket has arrived" in nothing.content.decode()
    assert f"/office/deals/{deal.pk}/why/" in palette


def test_any_revision_leads_to_the_deal(office: Browser, book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), at=NOW)
    book.judge(now=NOW)
    root = deal.pk
    deal.pk, deal.revision, deal.profit_e8 = None, 1, 1
    deal.save(force_insert=True)
    book.judge(now=NOW)

    assert deal.pk != root
    assert document(office, deal)["deal"]["revision"] == 1
    assert causes(office, deal) == [[], ["deal_edited"]]
