"""Settlement rules of the whole broker: common terms by day, and payouts that take two people."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent, User
from commissions.settlement.days import settlement_day
from commissions.settlement.models import PayoutLimit, SettlementTerms
from commissions.settlement.terms import terms_of_ib
from tests.backoffice.conftest import Network
from tests.backoffice.pages import errors, facts, text_of, tree

pytestmark = pytest.mark.integration
PATH = "/office/statements/rules/"
RIGHTS = ("commissions.view_statement", "commissions.edit_settlement_terms", "commissions.edit_payout_limit")


@pytest.fixture
def finance(new_staff: object, as_staff: object) -> Browser:
    return as_staff(new_staff("Fiona", rights=RIGHTS))  # type: ignore[operator]


def test_common_terms_hold_for_ibs_without_their_own(finance: Browser, network: Network) -> None:
    day = settlement_day(timezone.now()) + timedelta(days=1)
    before = facts(finance.get(PATH), "IBs without own terms")

    sent = {"ib-effective_day": day, "ib-cycle": "weekly", "ib-minimum": "25", "ib-needs_review": "on"}
    answer = finance.post(f"{PATH}ib/", sent | {"ib-reason": "autumn"}, follow=True)

    assert (before["Cycle"], before["Smallest payout"]) == ("Monthly", "none")
    assert "Weekly · 25.00 Planned" in text_of(tree(answer).xpath("//section[.//h2[.='IBs without own terms']]")[0])
    assert terms_of_ib(ib=network.omar, day=day).cycle == "weekly"
    assert terms_of_ib(ib=network.omar, day=day - timedelta(days=1)).cycle == "monthly"
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.object_id, event.reason) == ("commissions.edit_settlement_terms", "ib", "autumn")


def test_terms_of_a_closed_day_and_of_an_unknown_kind_are_refused(finance: Browser, network: Network) -> None:
    sent = {"client-effective_day": "2026-01-01", "client-cycle": "weekly", "client-minimum": "-1"}

    answer = finance.post(f"{PATH}client/", sent)

    assert answer.status_code == 422
    assert errors(answer) == ["Ensure this value is greater than or equal to 0."]
    assert finance.post(f"{PATH}nobody/", sent).status_code == 404
    assert SettlementTerms.objects.count() == 0


def test_a_payout_limit_is_set_changed_and_taken_away(finance: Browser, network: Network) -> None:
    path = f"{PATH}limit/"

    first = finance.post(path, {"currency": "usd", "amount": "1000"}, follow=True)
    finance.post(path, {"currency": "USD", "amount": "250.50"})
    kept = dict(PayoutLimit.objects.values_list("currency", "amount"))
    last = finance.post(path, {"currency": "USD", "amount": ""}, follow=True)
    refused = finance.post(path, {"currency": "USD", "amount": "0"})

    assert facts(first, "Payouts that take two people") == {"USD": "from 1,000.00 USD"}
    assert {currency: str(amount.normalize()) for currency, amount in kept.items()} == {"USD": "250.5"}
    assert "No limit is set" in last.content.decode()
    assert refused.status_code == 422
    actions = AuditEvent.objects.filter(action="commissions.edit_payout_limit").order_by("pk")
    assert [event.before["amount"] for event in actions] == [None, "1000.00000000", "250.50000000"]


def test_who_may_only_look_sees_no_form(new_staff: object, as_staff: object, network: Network) -> None:
    looking: User = new_staff("Lea", rights=("commissions.view_statement",))  # type: ignore[operator]

    answer = as_staff(looking).get(PATH)  # type: ignore[operator]

    assert tree(answer).xpath("//main//form[@method='post']") == []
