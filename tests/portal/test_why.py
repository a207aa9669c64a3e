"""Why this amount, or why nothing: steps, text and file agree with the booking, and nobody above is ever seen."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser

from access.models import User
from commissions.models import Judgement
from commissions.services import publish_plan_version
from ib.services import move_client
from tests.portal.book import OPENED, SYSTEM, Book, open_book
from trading.models import Deal, DealCursor, HeldDeal, TradingAccount

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
AsUser = Callable[[User], Browser]


@pytest.fixture(autouse=True)
def frozen() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


@pytest.fixture
def account(book: Book) -> TradingAccount:
    return book.add_client("Amir Haddad", "leaf")


@pytest.fixture
def deal(book: Book, account: TradingAccount) -> Deal:
    """Two lots of a client under the leaf: the leaf gets 10, the sub 4, the master 4."""
    found = book.trade(account, lots="2", at=NOW - timedelta(days=2))
    book.judge(now=NOW)
    return found


def edit(deal: Deal, **values: Any) -> Deal:
    """Add a revision of the deal, as the walker does for an edit on the MT server."""
    deal.pk, deal.revision = None, deal.revision + 1
    for name, value in values.items():
        setattr(deal, name, value)
    deal.save(force_insert=True)
    return deal


def steps(context: Any) -> list[tuple[str, str, str]]:
    return [(line.what, line.how, line.result) for line in context["own"].lines]


def file_of(browser: Browser, deal_id: int) -> Any:
    return json.loads(browser.get(f"/partner/rebates/{deal_id}/why.json").content)


def test_the_calculation_walks_from_lots_to_rebate(as_user: AsUser, book: Book, deal: Deal) -> None:
    context = as_user(book.users["master"]).get(f"/partner/rebates/{deal.pk}/").context

    assert steps(context) == [
        ("Counted lots", "2 (closing part, held for 3,600 s) × account group’s lot factor 1", "2"),
        ("Rate", "Level 3; the plan’s rate for all symbols", "9 USD per lot"),
        ("Base", "The counted lots", "2"),
        ("Base × rate", "2 × 9", "18"),
        ("Entitlement less what was paid below", "18 − 14 (paid below: 10 USD + 4 USD)", "4"),
        ("Rebate", "Nothing to round", "4.00"),
    ]
    assert (context["own"].payee.amount, context["own"].trouble) == (Decimal(4), "")
    assert [(each.title, each.payee.name, each.payee.amount) for each in context["below"]] == [
        ("Level 1", "Leaf Partners", Decimal(10)), ("Level 2", "Sub Partners", Decimal(4)),
    ]  # fmt: skip
    assert context["own"].plan.startswith("Plan Master plan (master-plan), version from 2026-01-01 00:00:00 UTC")


def test_no_form_of_it_shows_anybody_above(as_user: AsUser, book: Book, deal: Deal) -> None:
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "99", "currency": "USD"}]}
    plan = book.ibs["master"].plan_assignments.get().plan
    publish_plan_version(
        plan=plan, terms={**terms, "upline": {"mode": "difference"}}, effective_from=OPENED, actor=SYSTEM, now=NOW
    )
    book.judge(now=NOW)
    assert Judgement.objects.filter(deal_id=deal.pk).count() == 2  # only the master's amount changed
    browser = as_user(book.users["leaf"])

    page = browser.get(f"/partner/rebates/{deal.pk}/")
    forms = [
        page.content.decode(),
        browser.get(f"/partner/rebates/{deal.pk}/why.json").content.decode(),
        browser.get(f"/partner/rebates/{deal.pk}/why.txt").content.decode(),
    ]

    assert page.context["below"] == []
    for text in forms:
        for secret in ("Sub Partners", "Master", "SUB", "master-plan", "sub-plan", "Haddad", "184", "198", "99"):
            assert secret not in text, secret
    assert [revision["revision"] for revision in json.loads(forms[1])["revisions"]] == [0]


def test_a_change_further_up_that_touches_an_own_amount_stays_unnamed(as_user: AsUser, book: Book, deal: Deal) -> None:
    plan = book.ibs["sub"].plan_assignments.get().plan
    rates = [{"any": True, "base": "per_lot", "rate": "8", "currency": "USD"}]
    publish_plan_version(
        plan=plan, terms={"rates": rates, "upline": {"mode": "difference"}, "min_hold_seconds": 60},
        effective_from=OPENED, actor=SYSTEM, now=NOW,
    )  # fmt: skip
    book.judge(now=NOW)

    master, sub = (as_user(book.users[name]).get(f"/partner/rebates/{deal.pk}/").context for name in ("master", "sub"))

    assert [each.causes for each in master["explained"]["corrections"]] == [[], [
        "A version of the plan was published for that time: sub-plan from 2026-01-01 00:00:00 UTC, published "
        "2026-03-20 12:00:00 UTC"
    ]]  # fmt: skip
    assert [line.booked for each in sub["explained"]["corrections"] for line in each.revision.lines] == [4, 2]
    leaf = as_user(book.users["leaf"]).get(f"/partner/rebates/{deal.pk}/").context
    assert len(leaf["explained"]["corrections"]) == 1


def test_a_deal_of_somebody_else_is_not_there(as_user: AsUser, book: Book) -> None:
    deal = book.trade(book.add_client("Thabo Nkosi", "master"), at=NOW - timedelta(hours=2))
    book.judge(now=NOW)
    browser = as_user(book.users["leaf"])

    for path in ("", "why.json", "why.txt"):
        assert browser.get(f"/partner/rebates/{deal.pk}/{path}").status_code == 404
    assert browser.get("/partner/rebates/987654321/").status_code == 404


def test_nothing_is_explained_with_what_was_missing(as_user: AsUser, book: Book, account: TradingAccount) -> None:
    deal = book.trade(account, at=NOW - timedelta(hours=1), held=timedelta(seconds=5))
    book.judge(now=NOW)

    context = as_user(book.users["master"]).get(f"/partner/rebates/{deal.pk}/").context

    assert steps(context) == [(
        "Held too short",
        "The position was open for less time than the plan asks for. "
        "Held for 5 seconds; at least 60 seconds are asked for.",
        "",
    )]  # fmt: skip


def test_a_correction_says_what_it_corrects_and_why(as_user: AsUser, book: Book, deal: Deal) -> None:
    page = f"/partner/rebates/{deal.pk}/"
    edit(deal, volume_e8=50_000_000, volume_closed_e8=50_000_000)
    browser = as_user(book.users["master"])

    waiting = browser.get(page).context
    book.judge(now=NOW)
    corrected = browser.get(page).context

    assert (waiting["own"].payee.amount, waiting["own"].payee.agrees) == (Decimal(4), False)
    assert "Booked is 4.00 USD; the calculation gives 1.00 USD now." in waiting["own"].trouble
    assert (corrected["own"].payee.amount, corrected["own"].trouble) == (Decimal(1), "")
    told = [(each.title, each.causes) for each in corrected["explained"]["corrections"]]
    assert told == [
        ("First judgement", []),
        ("Corrects revision 0", ["The MT server changed the deal: volume 2 → 0.5, volume_closed 2 → 0.5"]),
    ]
    booked = [line.booked for each in corrected["explained"]["corrections"] for line in each.revision.lines]
    assert booked == [4, -3]


def test_a_deleted_deal_says_so(as_user: AsUser, book: Book, deal: Deal) -> None:
    root = deal.pk
    edit(deal, deleted=True)
    book.judge(now=NOW)

    document = file_of(as_user(book.users["master"]), root)

    assert (document["state"], [payee["amount"] for payee in document["payees"]]) == ("removed", ["0"])
    assert [[cause["code"] for cause in each["causes"]] for each in document["revisions"]] == [[], ["deal_removed"]]


def test_the_file_keeps_every_figure_and_its_shape(as_user: AsUser, book: Book, deal: Deal) -> None:
    browser = as_user(book.users["sub"])

    answer = browser.get(f"/partner/rebates/{deal.pk}/why.json")

    assert answer.headers["Content-Disposition"] == f'attachment; filename="why-{deal.ticket}.json"'
    document = json.loads(answer.content)
    assert list(document) == [
        "format", "state", "queued", "agrees", "complete_until", "deal", "payees", "revisions",
    ]  # fmt: skip
    assert (document["format"], document["state"], document["agrees"]) == ("keel.why/1", "judged", True)
    assert (document["deal"]["ticket"], document["deal"]["lots"]) == (deal.ticket, "2")
    assert [(each["level"], each["code"], each["amount"], each["computed"]) for each in document["payees"]] == [
        (1, "LEAF", "10", "10"), (2, "SUB", "4", "4"),
    ]  # fmt: skip
    assert document["payees"][1]["steps"][-1] == {"step": "rounded", "exact": "4", "currency": "USD"}
    assert document["payees"][1]["plan"]["code"] == "sub-plan"


def test_the_text_can_be_mailed(as_user: AsUser, book: Book, deal: Deal) -> None:
    text = as_user(book.users["leaf"]).get(f"/partner/rebates/{deal.pk}/why.txt").content.decode()

    lines = text.splitlines()
    assert lines[0] == f"Deal {deal.ticket}, Aurora-Live, account {deal.account.login}"
    assert "Level 1: Leaf Partners (LEAF): 10.00 USD, Paid" in lines
    assert "  4. Base × rate: 2 × 5 = 10 USD" in lines
    assert "  2026-03-20 12:00:00 UTC First judgement: LEAF +10.00000000 USD" in lines


# From a ticket


def find(browser: Browser, ticket: object) -> Any:
    return browser.get("/partner/why/", {"ticket": ticket})


def test_a_ticket_leads_to_its_deal(as_user: AsUser, book: Book, deal: Deal) -> None:
    answer = find(as_user(book.users["sub"]), f"#{deal.ticket}")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/partner/rebates/{deal.pk}/")


def test_an_opening_deal_is_found_and_says_that_it_is_not_counted(as_user: AsUser, book: Book, deal: Deal) -> None:
    opening = Deal.objects.get(entry=0)
    browser = as_user(book.users["sub"])

    assert find(browser, opening.ticket).headers["Location"] == f"/partner/rebates/{opening.pk}/"
    document = file_of(browser, opening.pk)
    assert document["state"] == "not_counted"
    assert [(each["verdict"], each["is_booked"]) for each in document["payees"]] == [("not_counted", False)] * 2


def test_a_deal_that_waits_for_its_turn_says_so(as_user: AsUser, book: Book, account: TradingAccount) -> None:
    deal = book.trade(account, at=NOW)

    document = file_of(as_user(book.users["leaf"]), deal.pk)

    assert (document["state"], document["revisions"]) == ("not_judged_yet", [])
    assert (document["payees"][0]["amount"], document["payees"][0]["computed"]) == ("0", "5")


def test_strange_tickets_look_the_same_whoever_owns_them(as_user: AsUser, book: Book, deal: Deal) -> None:
    foreign = book.trade(book.add_client("Thabo Nkosi", "master"), at=NOW - timedelta(hours=2))
    book.judge(now=NOW)
    browser = as_user(book.users["leaf"])

    pages = [find(browser, ticket) for ticket in (foreign.ticket, 987_654)]

    assert [page.context["answer"].is_empty for page in pages] == [True, True]
    mains = [page.content.decode().partition("<main")[2] for page in pages]
    stripped = [main.replace(page.context["words"], "") for main, page in zip(mains, pages, strict=True)]
    assert "No deal of your network has this ticket" in stripped[0]
    assert stripped[0] == stripped[1]
    assert "A ticket is a number." in find(browser, "what?").content.decode()


def test_a_deal_from_before_the_client_came_says_so(as_user: AsUser, book: Book) -> None:
    account = book.add_client("Ines Moreau", None)
    deal = book.trade(account, at=NOW - timedelta(days=3))
    book.judge(now=NOW)
    move_client(client=account.client, ib=book.ibs["leaf"], at=NOW - timedelta(days=1), actor=SYSTEM, now=NOW)
    book.judge(now=NOW)

    answer = find(as_user(book.users["leaf"]), deal.ticket)

    assert [each.ticket for each in answer.context["answer"].earlier] == [deal.ticket]
    assert "was made before its client came to your network" in answer.content.decode()
    assert as_user(book.users["leaf"]).get(f"/partner/rebates/{deal.pk}/").status_code == 404


def test_a_held_row_is_told_to_the_ibs_of_its_account_only(
    as_user: AsUser, book: Book, account: TradingAccount
) -> None:
    HeldDeal.objects.create(
        server=book.server, ticket=4711, login=account.login, reason="unknown_symbol", detail="SECRET.X", payload={},
        held_at=NOW,
    )  # fmt: skip
    stranger = book.users["leaf"]
    own = find(as_user(book.users["master"]), 4711)
    HeldDeal.objects.update(login=999)

    assert [row.ticket for row in own.context["answer"].held] == [4711]
    assert "SECRET.X" not in own.content.decode()
    assert find(as_user(stranger), 4711).context["answer"].is_empty


# A client's own share


def test_a_client_sees_its_share_and_nothing_of_its_ib(as_user: AsUser, book: Book) -> None:
    plan = book.ibs["leaf"].plan_assignments.get().plan
    publish_plan_version(
        plan=plan, effective_from=OPENED, actor=SYSTEM, now=OPENED + timedelta(seconds=1),
        terms={
            "rates": [{"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}],
            "client_rebate": {"percent": "30", "from": "own"},
        },
    )  # fmt: skip
    account = book.add_client("Leila Aziz", "leaf", user=book.users["sub"])
    deal = book.trade(account, lots="2", at=NOW - timedelta(hours=1))
    book.judge(now=NOW)
    browser = as_user(book.users["sub"])

    trades = browser.get(f"/accounts/{account.pk}/")
    page = browser.get(f"/accounts/deals/{deal.pk}/share/")
    forms = [page.content.decode()] + [
        browser.get(f"/accounts/deals/{deal.pk}/share/why.{kind}").content.decode() for kind in ("json", "txt")
    ]

    assert [(share.amount, share.currency) for _trade, share in trades.context["trades"]] == [(Decimal(3), "USD")]
    assert [line.what for line in page.context["part"].lines] == ["Client’s own share", "Rebate"]
    for text in forms:
        for secret in ("Leaf", "LEAF", "leaf-plan", "per lot", "30%", "Master"):
            assert secret not in text, secret
    payees = json.loads(forms[1])["payees"]
    assert [(each["kind"], each["amount"]) for each in payees] == [("client", "3")]


def test_a_client_without_a_share_has_no_such_page(as_user: AsUser, book: Book) -> None:
    account = book.add_client("Leila Aziz", "leaf", user=book.users["sub"])
    deal = book.trade(account, at=NOW - timedelta(hours=1))
    book.judge(now=NOW)
    browser = as_user(book.users["sub"])

    assert browser.get(f"/accounts/deals/{deal.pk}/share/").status_code == 404
    assert [share for _trade, share in browser.get(f"/accounts/{account.pk}/").context["trades"]] == [None]
    assert DealCursor.objects.get().judged_id >= deal.pk
