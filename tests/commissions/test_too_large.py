"""One impossible deal becomes a state that staff see; the rest of its batch goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from access.types import Actor
from commissions.calculation import Verdict
from commissions.explaining import why_deal
from commissions.impossible import impossible_counts, impossible_deals
from commissions.models import IbDay, JudgeBatch, Judgement, Rejudge
from commissions.services import publish_plan_version
from commissions.verify import statement_equals_ledger
from tests.portal.book import OPENED, SYSTEM, Book, open_book
from trading.models import Deal

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
THOUSAND_MILLION = "1000000000"


@pytest.fixture
def book(broker: object) -> Book:
    return open_book(min_hold_seconds=0)


def live(deal: Deal) -> Judgement:
    return Judgement.objects.filter(deal_id=deal.pk).latest("revision")


def by_hand(book: Book) -> None:
    """Let every deal take the exact path: a budget cannot be expressed by a cell."""
    for name, ib in book.ibs.items():
        terms = {
            "rates": [{"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}],
            "upline": {"mode": "difference"},
            "chain_budget": {"per_lot": "20", "currency": "USD"},
        }
        plan = ib.plan_assignments.get().plan
        publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED + timedelta(1))
        assert name in book.ibs


@pytest.mark.parametrize("path", ["vector", "exact"])
def test_an_impossible_deal_does_not_stop_the_others(book: Book, path: str) -> None:
    if path == "exact":
        by_hand(book)
    account = book.add_client("Amir Haddad", "leaf")
    before = book.trade(account, at=NOW - timedelta(hours=3))
    impossible = book.trade(account, lots=THOUSAND_MILLION + "0", at=NOW - timedelta(hours=2))
    after = book.trade(account, at=NOW - timedelta(hours=1))

    book.judge(now=NOW)

    assert live(before).amount_e8[0] == live(after).amount_e8[0] == 5 * 10**8
    assert (live(impossible).verdict, live(impossible).amount_e8) == ([Verdict.TOO_LARGE] * 3, [0] * 3)
    assert statement_equals_ledger()
    assert impossible_counts() == {book.server.pk: 1}
    assert [each.ticket for each in impossible_deals(actor=SYSTEM)] == [impossible.ticket]
    assert impossible_deals(actor=Actor(kind="staff", user_id=1, label="x")) == []


def test_it_says_so_and_heals_when_the_deal_is_corrected(book: Book) -> None:
    deal = book.trade(book.add_client("Amir Haddad", "leaf"), lots=THOUSAND_MILLION + "0", at=NOW)
    book.judge(now=NOW)
    root = deal.pk
    said = why_deal(deal_id=root)
    deal.pk, deal.revision, deal.volume_e8, deal.volume_closed_e8 = None, 1, 10**8, 10**8
    deal.save(force_insert=True)
    book.judge(now=NOW)

    assert said is not None
    assert (said.queued, said.agrees, said.payees[0].verdict) == ("too_large", True, Verdict.TOO_LARGE)
    assert Judgement.objects.get(deal_id=root, revision=1).amount_e8 == [5 * 10**8, 2 * 10**8, 2 * 10**8]
    assert not Rejudge.objects.exists()
    assert impossible_counts() == {}


def test_sums_beyond_a_bigint_are_judged_in_smaller_batches(book: Book) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    for hours in range(1, 6):
        book.trade(account, lots="2200000000", at=NOW - timedelta(hours=hours))

    book.judge(now=NOW)

    assert JudgeBatch.objects.count() > 1
    assert not Rejudge.objects.exists()
    assert statement_equals_ledger()
    leaf = IbDay.objects.filter(payee_id=Judgement.objects.filter(leaf_ib_id=book.ibs["leaf"].pk).first().payee[0])
    assert sum(row.amount for row in leaf) == 5 * 5 * 2_200_000_000
