"""Delegation in the database and through the engine: from now on, within the limits, the margin never below zero."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.queries import actor_for
from commissions.consent.enums import Asking
from commissions.consent.queries import pending_for
from commissions.consent.services import set_policy
from commissions.delegation.enums import Receiver
from commissions.delegation.errors import (
    ChangedMeanwhile,
    NotAllowed,
    NotYourOwn,
    OverTheLimit,
    PaidByBroker,
    TiersBelowOne,
)
from commissions.delegation.models import Delegation, DerivedPlan
from commissions.delegation.queries import client_margins, margins
from commissions.delegation.services import set_client_share, set_sub_share
from commissions.earnings import plan_in_force
from commissions.models import Judgement, Payee, Plan, PlanVersion
from commissions.services import assign_plan, create_plan, publish_plan_version
from commissions.whatif.changes import PublishVersion
from commissions.whatif.corrections import apply_small_correction, make_change, set_correction_limit
from core.errors import Forbidden
from ib.queries import agreement_at
from tests.commissions.whatif.world import difference, previewed, run_jobs, stands
from tests.conftest import get_broker
from tests.portal.book import OPENED, SYSTEM, Book, open_book

pytestmark = pytest.mark.integration

RATES = [
    {"any": True, "base": "per_lot", "rate": "9", "currency": "USD"},
    {"symbol_group": "metals", "base": "per_lot", "rate": "20", "currency": "USD"},
]


@pytest.fixture
def book(broker: object) -> Book:
    return shared_book()


def shared_book(mode: str = "difference") -> Book:
    """Return master over sub over leaf, where only master has a plan, which lets up to 80 % go on."""
    book = open_book(min_hold_seconds=0)
    for name in ("sub", "leaf"):
        assign_plan(ib=book.ibs[name], plan=None, at=OPENED, actor=SYSTEM, now=OPENED)
    plan = Plan.objects.get(code="master-plan")
    version(plan, at=OPENED + timedelta(seconds=1), mode=mode)
    allow(plan)
    return book


def version(plan: Plan, *, at: datetime, mode: str = "difference", now: datetime = OPENED, **more: Any) -> PlanVersion:
    terms = {"rates": RATES, "upline": {"mode": mode}, **more}
    return publish_plan_version(plan=plan, terms=terms, effective_from=at, actor=SYSTEM, now=now)


def allow(plan: Plan, *, sub: int | None = 80, clients: int | None = 50) -> None:
    set_policy(
        plan=plan, asking=Asking.NONE, sub_percent_most=None if sub is None else Decimal(sub),
        client_percent_most=None if clients is None else Decimal(clients), actor=SYSTEM, now=OPENED,
    )  # fmt: skip


def share(book: Book, giver: str, child: str, percent: str, *, now: datetime, seen: int = 0, **rows: str) -> Delegation:
    keyed = {("", group, ""): Decimal(text) for group, text in rows.items()}
    return set_sub_share(
        giver=book.ibs[giver], child=book.ibs[child], percent=Decimal(percent), rows=keyed, seen=seen,
        actor=actor_for(book.users[giver]), now=now,
    )  # fmt: skip


def paid(book: Book, deal_id: int) -> dict[str, Decimal]:
    judged = Judgement.objects.filter(deal_id=deal_id).order_by("-revision")[0]
    names = {payee.pk: payee.ib.code if payee.ib else "client" for payee in Payee.objects.select_related("ib")}
    return {names[p]: Decimal(a) / 10**8 for p, a in zip(judged.payee, judged.amount_e8, strict=True) if a}


def rate_of(book: Book, ib: str, *, at: datetime) -> list[Decimal]:
    found = plan_in_force(ib_id=book.ibs[ib].pk, at=at)
    return [rate.value for rate in found.terms.rates] if found else []


def test_a_share_of_the_rates_goes_on_from_now(book: Book) -> None:
    now = timezone.now() - timedelta(hours=2)
    account = book.add_client("Maria Lopez", "sub")
    before = book.trade(account, at=now - timedelta(hours=1))

    share(book, "master", "sub", "60", now=now, metals="50")
    after = book.trade(account, at=now + timedelta(hours=1))
    book.judge(now=timezone.now())

    assert (paid(book, before.pk), paid(book, after.pk)) == (
        {"MASTER": Decimal(9)}, {"MASTER": Decimal("3.6"), "SUB": Decimal("5.4")},
    )  # fmt: skip
    assert [(m.given, m.kept) for m in margins(giver=book.ibs["master"], child=book.ibs["sub"], at=now)] == [
        (Decimal("5.4"), Decimal("3.6")), (Decimal(10), Decimal(10)),
    ]  # fmt: skip


def test_shares_go_on_level_by_level(book: Book) -> None:
    now = timezone.now() - timedelta(hours=2)
    share(book, "master", "sub", "80", now=now)
    share(book, "sub", "leaf", "50", now=now + timedelta(minutes=1))
    deal = book.trade(book.add_client("Maria Lopez", "leaf"), at=now + timedelta(hours=1))

    book.judge(now=timezone.now())

    assert paid(book, deal.pk) == {"LEAF": Decimal("3.6"), "SUB": Decimal("3.6"), "MASTER": Decimal("1.8")}


def test_what_is_passed_on_follows_the_brokers_plan(book: Book) -> None:
    now = timezone.now()
    share(book, "master", "sub", "80", now=now)
    share(book, "sub", "leaf", "50", now=now + timedelta(minutes=1))
    lower = [{**RATES[0], "rate": "5"}, {"symbol": "XAUUSD", "base": "per_lot", "rate": "1", "currency": "USD"}]
    moment = now + timedelta(days=3)

    publish_plan_version(
        plan=Plan.objects.get(code="master-plan"), terms={"rates": lower, "upline": {"mode": "difference"}},
        effective_from=moment, actor=SYSTEM, now=now + timedelta(minutes=2),
    )  # fmt: skip

    assert rate_of(book, "sub", at=moment) == [Decimal(4), Decimal("0.8")]
    assert rate_of(book, "leaf", at=moment) == [Decimal(2), Decimal("0.4")]
    assert rate_of(book, "leaf", at=moment - timedelta(seconds=1)) == [Decimal("3.6"), Decimal(8)]


def test_a_decision_holds_beyond_versions_to_come(book: Book) -> None:
    now, moment = timezone.now(), timezone.now() + timedelta(days=3)
    version(Plan.objects.get(code="master-plan"), at=moment, now=now)
    share(book, "master", "sub", "80", now=now)
    share(book, "master", "sub", "10", seen=1, now=now + timedelta(minutes=1))

    assert rate_of(book, "sub", at=moment) == [Decimal("0.9"), Decimal(2)]


def test_another_plan_of_the_giver_is_followed(book: Book) -> None:
    now = timezone.now()
    share(book, "master", "sub", "50", now=now)

    assign_plan(ib=book.ibs["master"], plan=silver(), at=now + timedelta(hours=1), actor=SYSTEM, now=now)

    assert rate_of(book, "sub", at=now + timedelta(hours=2)) == [Decimal(1)]


def silver(rate: str = "2") -> Plan:
    plan = create_plan(code="silver", name="Silver", actor=SYSTEM, now=OPENED)
    terms = {"rates": [{**RATES[0], "rate": rate}], "upline": {"mode": "difference"}}
    publish_plan_version(plan=plan, terms=terms, effective_from=OPENED, actor=SYSTEM, now=OPENED)
    return plan


def test_until_the_givers_next_plan_begins_its_present_one_is_followed(book: Book) -> None:
    now, days = timezone.now(), timedelta(days=1)
    share(book, "master", "sub", "50", now=now)
    share(book, "sub", "leaf", "10", now=now + timedelta(minutes=1))
    assign_plan(ib=book.ibs["master"], plan=silver(), at=now + 10 * days, actor=SYSTEM, now=now)

    for day, rate in ((3, "5"), (12, "7")):
        terms = {"rates": [{**RATES[0], "rate": rate}], "upline": {"mode": "difference"}}
        publish_plan_version(
            plan=Plan.objects.get(code="master-plan"), terms=terms, effective_from=now + day * days, actor=SYSTEM,
            now=now + timedelta(hours=1),
        )  # fmt: skip

    given = [rate_of(book, "sub", at=now + day * days)[0] for day in (2, 4, 11, 13)]
    assert given == [Decimal("4.5"), Decimal("2.5"), Decimal(1), Decimal(1)]
    assert [rate_of(book, "leaf", at=now + day * days)[0] for day in (2, 4, 11, 13)] == [each / 10 for each in given]


def test_a_version_of_the_past_changes_each_decision_by_its_own_share(book: Book) -> None:
    now, hours = timezone.now(), timedelta(hours=1)
    share(book, "master", "sub", "80", now=now - 9 * hours)
    share(book, "master", "sub", "10", seen=1, now=now - 3 * hours)

    terms = {"rates": [{**RATES[0], "rate": "5"}], "upline": {"mode": "difference"}}
    plan = Plan.objects.get(code="master-plan")
    publish_plan_version(plan=plan, terms=terms, effective_from=now - 20 * hours, actor=SYSTEM, now=now)

    assert [rate_of(book, "sub", at=now - each * hours) for each in (12, 8, 2)] == [[], [Decimal(4)], [Decimal("0.5")]]


def test_what_is_passed_on_follows_what_the_giver_has_accepted(book: Book) -> None:
    now = timezone.now()
    plan = Plan.objects.get(code="master-plan")
    share(book, "master", "sub", "80", now=now)
    set_policy(
        plan=plan, asking=Asking.REQUIRED, sub_percent_most=Decimal(80), client_percent_most=None, actor=SYSTEM,
        now=now + timedelta(minutes=1),
    )  # fmt: skip
    accepted = now + timedelta(hours=2)

    terms = {"rates": [{**RATES[0], "rate": "5"}], "upline": {"mode": "difference"}}
    later = publish_plan_version(
        plan=plan, terms=terms, effective_from=now + timedelta(hours=1), actor=SYSTEM, now=now + timedelta(minutes=2)
    )
    assign_plan(ib=book.ibs["master"], plan=plan, version=later, at=accepted, actor=SYSTEM, now=accepted)

    rates = [rate_of(book, "sub", at=accepted + timedelta(minutes=each))[0] for each in (-1, 0)]
    assert rates == [Decimal("7.2"), Decimal(4)]


def test_a_preview_knows_what_follows_from_a_change(book: Book) -> None:
    now, later = timezone.now() - timedelta(hours=2), timezone.now()
    share(book, "master", "sub", "60", now=now)
    book.trade(book.add_client("Maria Lopez", "sub"), at=now + timedelta(hours=1))
    book.judge(now=later)
    before = stands()

    change = PublishVersion(
        Plan.objects.get(code="master-plan").pk, {"rates": RATES[1:], "upline": {"mode": "difference"}}, now
    )
    correction = make_change(changes=[change], actor=SYSTEM, now=later)
    assert correction is not None
    run_jobs(later)
    set_correction_limit(amount=Decimal(100), currency="USD", actor=SYSTEM, now=later)
    apply_small_correction(correction=correction, reason="agreed", actor=SYSTEM, now=later)
    book.judge(now=later)

    assert sorted(previewed(correction).values()) == [Decimal("-5.4"), Decimal("-3.6")]
    assert previewed(correction) == difference(before, stands())


def test_shares_set_in_one_moment_both_hold(book: Book) -> None:
    now = timezone.now()
    master, sub = book.ibs["master"], book.ibs["sub"]

    share(book, "master", "sub", "50", now=now)
    set_client_share(giver=master, percent=Decimal(20), seen=0, actor=actor_for(book.users["master"]), now=now)
    set_client_share(giver=sub, percent=Decimal(40), seen=0, actor=actor_for(book.users["sub"]), now=now)
    share(book, "master", "sub", "60", seen=1, now=now)

    found = {name: plan_in_force(ib_id=book.ibs[name].pk, at=now) for name in ("master", "sub")}
    assert [(each.terms.rates[0].value, each.terms.client_rebate_percent) for each in found.values() if each] == [
        (Decimal(9), Decimal(20)), (Decimal("5.4"), Decimal(40)),
    ]  # fmt: skip


def test_the_own_clients_get_a_share(book: Book) -> None:
    now = timezone.now() - timedelta(hours=2)
    giver = book.ibs["master"]
    set_client_share(giver=giver, percent=Decimal(25), seen=0, actor=actor_for(book.users["master"]), now=now)
    deal = book.trade(book.add_client("Maria Lopez", "master"), at=now + timedelta(hours=1))

    book.judge(now=timezone.now())

    assert paid(book, deal.pk) == {"MASTER": Decimal("6.75"), "client": Decimal("2.25")}
    assert [m.kept for m in client_margins(giver=giver, at=timezone.now())] == [Decimal("6.75"), Decimal(15)]
    asked = [pending.plan.code for pending in pending_for(giver, at=timezone.now())]
    assert f"shared-{giver.pk}" not in asked  # nobody is asked to accept what it decided itself


def test_client_share_and_share_below_live_together(book: Book) -> None:
    now = timezone.now()
    share(book, "master", "sub", "50", now=now)
    sub = book.ibs["sub"]
    set_client_share(
        giver=sub, percent=Decimal(40), seen=0, actor=actor_for(book.users["sub"]), now=now + timedelta(minutes=1)
    )
    share(book, "master", "sub", "60", seen=1, now=now + timedelta(minutes=2))

    found = plan_in_force(ib_id=sub.pk, at=now + timedelta(minutes=3))
    assert found is not None
    assert (found.terms.rates[0].value, found.terms.client_rebate_percent) == (Decimal("5.4"), Decimal(40))


def test_under_split_the_agreement_says_it(broker: object) -> None:
    book, now = shared_book("split"), timezone.now()

    share(book, "master", "sub", "70", now=now)

    assert agreement_at(ib=book.ibs["sub"], at=now).keep_percent == Decimal(70)
    assert agreement_at(ib=book.ibs["sub"], at=now - timedelta(seconds=1)).keep_percent is None
    assert Delegation.objects.get().receiver == Receiver.SPLIT


def refused(error: type[Exception], act: Callable[[], object]) -> None:
    with pytest.raises(error), transaction.atomic():
        act()
    assert Delegation.objects.count() == 0


def test_nobody_passes_on_more_than_allowed_or_what_is_not_theirs(book: Book) -> None:
    now = timezone.now()

    refused(OverTheLimit, lambda: share(book, "master", "sub", "80.00000001", now=now))
    refused(OverTheLimit, lambda: share(book, "master", "sub", "50", now=now, metals="81"))
    refused(OverTheLimit, lambda: share(book, "master", "sub", "-1", now=now))
    refused(NotYourOwn, lambda: share(book, "master", "leaf", "50", now=now))
    refused(ChangedMeanwhile, lambda: share(book, "master", "sub", "50", now=now, seen=1))
    refused(
        Forbidden,
        lambda: set_sub_share(
            giver=book.ibs["master"], child=book.ibs["sub"], percent=Decimal(1), rows={}, seen=0, now=now,
            actor=actor_for(book.users["sub"]),
        ),
    )  # fmt: skip
    version(Plan.objects.get(code="master-plan"), at=now, now=now, mode="none")
    refused(NotAllowed, lambda: share(book, "master", "sub", "50", now=now + timedelta(seconds=1)))


def test_a_plan_of_the_broker_is_left_alone(book: Book) -> None:
    now = timezone.now()
    assign_plan(ib=book.ibs["sub"], plan=Plan.objects.get(code="sub-plan"), at=now, actor=SYSTEM, now=now)

    refused(PaidByBroker, lambda: share(book, "master", "sub", "50", now=now))


def test_without_the_brokers_leave_nothing_is_passed_on(book: Book) -> None:
    now = timezone.now()
    allow(Plan.objects.get(code="master-plan"), sub=None, clients=None)
    master = book.ibs["master"]

    refused(NotAllowed, lambda: share(book, "master", "sub", "50", now=now))
    refused(
        NotAllowed,
        lambda: set_client_share(
            giver=master, percent=Decimal(1), seen=0, actor=actor_for(book.users["master"]), now=now
        ),
    )


def test_rates_that_tiers_may_lower_are_not_passed_on(book: Book) -> None:
    now = timezone.now()
    tiers = {"measure": "lots", "steps": [{"from": "0", "factor": "0.5"}, {"from": "10", "factor": "1"}]}
    version(Plan.objects.get(code="master-plan"), at=now, now=now, tiers=tiers)

    refused(TiersBelowOne, lambda: share(book, "master", "sub", "50", now=now + timedelta(seconds=1)))


@pytest.mark.parametrize("percent", ["100.1", "-1"])
def test_the_database_refuses_a_margin_below_zero(book: Book, percent: str) -> None:
    share(book, "master", "sub", "50", now=timezone.now())

    with pytest.raises(IntegrityError, match="derived_plan_margin_not_negative"), transaction.atomic():
        DerivedPlan.objects.update(percent=Decimal(percent))


def test_the_database_refuses_a_row_over_the_whole(book: Book) -> None:
    share(book, "master", "sub", "50", now=timezone.now())

    with pytest.raises(IntegrityError, match="0 to 100 percent"), transaction.atomic():
        DerivedPlan.objects.update(rows=[{"symbol_group": "metals", "percent": "100.5"}])


def test_of_two_edits_at_once_one_stands(committed_database: object) -> None:
    """Two windows decide on what both have read: one is refused, and what stands is one of both, whole."""
    book = shared_book()
    now = timezone.now()
    outcomes: list[str] = []

    def decide(percent: str) -> None:
        try:
            connection.set_tenant(get_broker("aurora"))
            share(book, "master", "sub", percent, now=now)
            outcomes.append(percent)
        except ChangedMeanwhile:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [Thread(target=decide, args=[percent]) for percent in ("30", "60")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes)[-1] == "refused"
    stands = next(each for each in outcomes if each != "refused")
    assert [each.percent for each in Delegation.objects.all()] == [Decimal(stands)]
    assert rate_of(book, "sub", at=now)[0] == 9 * Decimal(stands) / 100
