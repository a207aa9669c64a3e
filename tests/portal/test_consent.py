"""Consent: an IB sees and accepts its own terms, once, with proof; where the broker wants so they begin with it."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone
from lxml import html

from access.models import User
from access.queries import actor_for
from commissions.consent.enums import Asking, OfferState
from commissions.consent.errors import NothingToAccept, TermsChanged
from commissions.consent.models import PlanAcceptance, PlanOffer
from commissions.consent.queries import pending_for, without_acceptance
from commissions.consent.services import accept_version, offer_plan, set_policy, withdraw_offer
from commissions.earnings import plan_in_force
from commissions.judging.memory import Memory
from commissions.judging.plans import load_plans, to_us
from commissions.models import Judgement, Plan, PlanAssignment, PlanVersion
from commissions.services import assign_plan, create_plan, publish_plan_version
from core.errors import Forbidden
from tests.portal.book import OPENED, SYSTEM, Book, open_book

pytestmark = pytest.mark.integration


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


def rates(rate: str) -> dict[str, Any]:
    return {"rates": [{"any": True, "base": "per_lot", "rate": rate, "currency": "USD"}]}


def publish(plan: Plan, rate: str, *, at: datetime = OPENED, now: datetime = OPENED) -> PlanVersion:
    return publish_plan_version(plan=plan, terms=rates(rate), effective_from=at, actor=SYSTEM, now=now)


def plan_of(book: Book, ib: str) -> Plan:
    return Plan.objects.get(code=f"{ib}-plan")


def accept(book: Book, ib: str, version: PlanVersion, *, now: datetime, **changed: Any) -> PlanAcceptance:
    said = {"seen_hash": version.hash, "name": "Leaf Partners", "document": b"%PDF-1", **changed}
    return accept_version(
        ib=book.ibs[ib], version=version, actor=actor_for(book.users[ib], ip="10.1.2.3"), now=now, **said
    )


def require(plan: Plan, *, now: datetime, asking: Asking = Asking.REQUIRED) -> None:
    set_policy(plan=plan, asking=asking, sub_percent_most=None, client_percent_most=None, actor=SYSTEM, now=now)


def test_an_ib_reads_and_accepts_its_terms(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["leaf"])
    version = PlanVersion.objects.get(plan__code="leaf-plan")
    page = f"/partner/plan/accept/{version.pk}/"

    shown = browser.get(page).content.decode()
    wrong = browser.post(page, {"name": "", "hash": version.hash.hex})
    done = browser.post(page, {"name": "王雪梅", "agreed": "on", "hash": version.hash.hex}, follow=True)

    assert "5 USD per lot" in shown
    assert "7 USD" not in shown  # the rate of the IB above
    problems = [
        " ".join(e.text_content().split()) for e in html.fromstring(wrong.content.decode()).xpath("//*[@class='err']")
    ]
    assert (wrong.status_code, problems) == (422, ["This field is required.", "Tick this to accept the terms."])
    assert "You accepted the terms." in done.content.decode()
    proof = PlanAcceptance.objects.get()
    assert (proof.ib, proof.version, proof.terms_hash, proof.name, proof.ip) == (
        book.ibs["leaf"], version, version.hash, "王雪梅", "127.0.0.1",
    )  # fmt: skip
    assert bytes(proof.document).startswith(b"%PDF-")
    assert proof.document_sha256 == hashlib.sha256(bytes(proof.document)).hexdigest()
    sent = browser.get(f"/partner/plan/accepted/{proof.pk}.pdf")
    assert (sent.headers["Content-Type"], sent.content) == ("application/pdf", bytes(proof.document))
    assert browser.get(page).status_code == 404  # nothing waits any more


def test_another_ibs_terms_and_proof_are_not_there(book: Book, as_user: Callable[[User], Browser]) -> None:
    above = PlanVersion.objects.get(plan__code="sub-plan")
    proof = accept(book, "sub", above, now=timezone.now())
    browser = as_user(book.users["leaf"])

    assert browser.get(f"/partner/plan/accept/{above.pk}/").status_code == 404
    assert browser.get(f"/partner/plan/accepted/{proof.pk}.pdf").status_code == 404
    with pytest.raises(Forbidden):
        accept_version(
            ib=book.ibs["sub"], version=above, seen_hash=above.hash, name="x", document=b"", now=timezone.now(),
            actor=actor_for(book.users["leaf"]),
        )  # fmt: skip


def test_accepting_twice_gives_the_first_proof(book: Book) -> None:
    version = PlanVersion.objects.get(plan__code="leaf-plan")
    now = timezone.now()

    first = accept(book, "leaf", version, now=now)
    again = accept(book, "leaf", version, now=now + timedelta(hours=1), name="Somebody else")

    assert (first, PlanAcceptance.objects.count(), again.name) == (again, 1, "Leaf Partners")


def test_only_the_terms_shown_are_accepted(book: Book) -> None:
    version = PlanVersion.objects.get(plan__code="leaf-plan")
    other = PlanVersion.objects.get(plan__code="sub-plan")

    with pytest.raises(TermsChanged):
        accept(book, "leaf", version, now=timezone.now(), seen_hash=other.hash)
    with pytest.raises(NothingToAccept):
        accept(book, "leaf", other, now=timezone.now())
    assert PlanAcceptance.objects.count() == 0


def test_an_offer_begins_with_its_acceptance(book: Book) -> None:
    gold, now = create_plan(code="gold", name="Gold", actor=SYSTEM, now=OPENED), timezone.now()
    version = publish(gold, "6")
    offer = offer_plan(ib=book.ibs["leaf"], plan=gold, not_before=OPENED, actor=SYSTEM, now=now)
    assert plan_in_force(ib_id=book.ibs["leaf"].pk, at=now).code == "leaf-plan"  # type: ignore[union-attr]

    later = now + timedelta(days=2)
    accept(book, "leaf", version, now=later)

    offer.refresh_from_db()
    assert (offer.state, offer.closed_at) == (OfferState.ACCEPTED, later)
    found = PlanAssignment.objects.filter(ib=book.ibs["leaf"]).order_by("active_from")
    assert list(found.values_list("plan__code", "version_id", "active_from", "active_to")) == [
        ("leaf-plan", None, OPENED, later), ("gold", None, later, None),
    ]  # fmt: skip


def test_an_offer_never_begins_before_its_moment(book: Book) -> None:
    gold, now = create_plan(code="gold", name="Gold", actor=SYSTEM, now=OPENED), timezone.now()
    version, moment = publish(gold, "6"), now + timedelta(days=9)
    offer_plan(ib=book.ibs["leaf"], plan=gold, not_before=moment, actor=SYSTEM, now=now)

    accept(book, "leaf", version, now=now)

    assert PlanAssignment.objects.get(plan=gold).active_from == moment


def test_a_second_offer_takes_the_first_back(book: Book) -> None:
    gold, now = create_plan(code="gold", name="Gold", actor=SYSTEM, now=OPENED), timezone.now()
    publish(gold, "6")
    first = offer_plan(ib=book.ibs["leaf"], plan=gold, not_before=now, actor=SYSTEM, now=now)
    second = offer_plan(ib=book.ibs["leaf"], plan=gold, not_before=now, actor=SYSTEM, now=now)
    withdraw_offer(offer=second, actor=SYSTEM, now=now)

    assert set(PlanOffer.objects.values_list("pk", "state")) == {(first.pk, "withdrawn"), (second.pk, "withdrawn")}
    assert [each.version.plan.code for each in pending_for(book.ibs["leaf"], at=now)] == ["leaf-plan"]


def test_a_required_version_pays_only_who_accepted_it(book: Book) -> None:
    """Two IBs of one plan: one accepts the new version, the other stays with the old one, also for the engine."""
    plan, now = plan_of(book, "leaf"), timezone.now()
    assign_plan(ib=book.ibs["sub"], plan=plan, at=OPENED + timedelta(days=1), actor=SYSTEM, now=OPENED)
    require(plan, now=now)
    newer = publish(plan, "4", at=now + timedelta(hours=1), now=now)

    accepted_at = now + timedelta(hours=3)
    accept(book, "leaf", newer, now=accepted_at)

    plans, moment = load_plans(Memory()), now + timedelta(days=1)
    leaf, sub = book.ibs["leaf"].pk, book.ibs["sub"].pk
    assert [plans.version_at(ib, to_us(moment)).terms.rates[0].value for ib in (leaf, sub)] == [4, 5]  # type: ignore[union-attr]
    assert plans.version_at(leaf, to_us(accepted_at) - 1).terms.rates[0].value == 5  # type: ignore[union-attr]
    assert plan_in_force(ib_id=sub, at=moment).hash != newer.hash.hex  # type: ignore[union-attr]
    assert plan_in_force(ib_id=leaf, at=moment).hash == newer.hash.hex  # type: ignore[union-attr]


def test_deals_carry_the_hash_that_was_accepted(book: Book) -> None:
    plan, now = plan_of(book, "leaf"), timezone.now()
    account = book.add_client("Maria Lopez", "leaf")
    require(plan, now=now - timedelta(days=2))
    newer = publish(plan, "4", at=now - timedelta(days=1), now=now - timedelta(days=1))
    before = book.trade(account, at=now - timedelta(hours=5))
    accept(book, "leaf", newer, now=now - timedelta(hours=3))
    after = book.trade(account, at=now - timedelta(hours=1))

    book.judge(now=now)

    hashes = dict(Judgement.objects.filter(revision=0).values_list("deal_id", "terms_hash"))
    assert hashes[after.pk] == newer.hash == PlanAcceptance.objects.get().terms_hash
    assert hashes[before.pk] == PlanVersion.objects.filter(plan=plan).earliest("pk").hash


def test_no_longer_required_means_the_plan_again(book: Book) -> None:
    plan, now = plan_of(book, "leaf"), timezone.now()
    require(plan, now=now)
    newer = publish(plan, "4", at=now, now=now)
    require(plan, now=now + timedelta(hours=1), asking=Asking.ASKED)

    assert plan_in_force(ib_id=book.ibs["leaf"].pk, at=now + timedelta(hours=2)).hash == newer.hash.hex  # type: ignore[union-attr]
    assert plan_in_force(ib_id=book.ibs["leaf"].pk, at=now).hash != newer.hash.hex  # type: ignore[union-attr]


def test_staff_are_told_who_has_not_accepted(book: Book) -> None:
    now = timezone.now()
    accept(book, "leaf", PlanVersion.objects.get(plan__code="leaf-plan"), now=now)
    require(plan_of(book, "sub"), now=now, asking=Asking.NONE)

    assert [each.ib.code for each in without_acceptance(at=now).order_by("ib__code")] == ["MASTER"]


@pytest.mark.parametrize(
    "statement", ["UPDATE commissions_planacceptance SET name = 'x'", "DELETE FROM commissions_planacceptance"]
)
def test_a_proof_never_changes(book: Book, statement: str) -> None:
    accept(book, "leaf", PlanVersion.objects.get(plan__code="leaf-plan"), now=timezone.now())

    refused = pytest.raises(DatabaseError, match=r"permission denied|is refused")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_refuses_a_proof_with_another_hash(book: Book) -> None:
    version, other = PlanVersion.objects.order_by("pk")[:2]

    with pytest.raises(IntegrityError, match="another hash"), transaction.atomic():
        PlanAcceptance.objects.create(
            ib=book.ibs["leaf"], version=version, terms_hash=other.hash, accepted_at=datetime.now(UTC),
            user=book.users["leaf"], name="x", document=b"", document_sha256="",
        )  # fmt: skip


def test_the_database_refuses_a_version_of_another_plan(book: Book) -> None:
    foreign = PlanVersion.objects.get(plan__code="sub-plan")

    with pytest.raises(IntegrityError, match="names its plan"), transaction.atomic():
        PlanAssignment.objects.filter(ib=book.ibs["leaf"]).update(version=foreign)


def test_shares_of_a_policy_stay_within_the_whole(book: Book) -> None:
    with pytest.raises(IntegrityError, match="plan_policy_sub_share_in_range"), transaction.atomic():
        set_policy(
            plan=plan_of(book, "leaf"), asking=Asking.ASKED, sub_percent_most=Decimal(101), client_percent_most=None,
            actor=SYSTEM, now=OPENED,
        )  # fmt: skip
