"""The four-eyes approval."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from access.enums import ActorKind, ApprovalState, UserKind
from access.models import Approval, AuditEvent, Role, RoleGrant, User
from access.queries import actor_for, approvals_visible_to
from access.services import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalPending,
    SameApprover,
    approve,
    create_role,
    create_user,
    expire_approvals,
    grant_role,
    reject,
    request_role,
)
from access.types import Actor
from core.errors import DomainError, Forbidden
from tenancy.models import Broker
from tests.conftest import get_broker

SYSTEM = Actor.system("test")
RIGHTS = ["access.request_role", "access.approve_role"]


def _staff(name: str, now: datetime, *, role: Role | None = None) -> User:
    user = create_user(email=f"{name}@keel.example", name=name, kind=UserKind.STAFF, actor=SYSTEM, now=now)
    if role:
        grant_role(user=user, role=role, actor=SYSTEM, now=now)
    return user


class Office:
    """Two people who may ask and approve, one who may neither, and a role to give to the new one."""

    def __init__(self, now: datetime) -> None:
        trusted = create_role(code="trusted", name="Trusted", rights=RIGHTS, actor=SYSTEM, now=now)
        self.role = create_role(code="viewer", name="Viewer", rights=["ib.view_ib"], actor=SYSTEM, now=now)
        self.asking = actor_for(_staff("asking", now, role=trusted))
        self.approving = actor_for(_staff("approving", now, role=trusted))
        self.outsider = actor_for(_staff("outsider", now))
        self.newcomer = _staff("newcomer", now)
        self.now = now

    def ask(self) -> Approval:
        return request_role(user=self.newcomer, role=self.role, reason="joins", actor=self.asking, now=self.now)


@pytest.fixture
def office(broker: Broker, now: datetime) -> Iterator[Office]:
    return Office(now)


@pytest.mark.unit
def test_second_person_lets_it_happen(office: Office) -> None:
    approval = office.ask()
    assert actor_for(office.newcomer).rights == frozenset()

    approve(approval=approval, actor=office.approving, now=office.now, reason="knows her")

    approval.refresh_from_db()
    assert (approval.state, approval.decided_by_id, approval.decision_reason) == (
        ApprovalState.APPROVED, office.approving.user_id, "knows her",
    )  # fmt: skip
    assert actor_for(office.newcomer).rights == {"ib.view_ib"}
    events = AuditEvent.objects.filter(object_type="user", object_id=str(office.newcomer.pk)).order_by("pk")
    assert list(events.values_list("action", flat=True)) == [
        "access.create_user", "access.grant_role:requested", "access.grant_role:approved", "access.grant_role",
    ]  # fmt: skip


@pytest.mark.unit
def test_who_asked_may_not_decide(office: Office) -> None:
    approval = office.ask()

    for decide in (lambda: approve(approval=approval, actor=office.asking, now=office.now),
                   lambda: reject(approval=approval, actor=office.asking, reason="x", now=office.now)):  # fmt: skip
        with pytest.raises(SameApprover):
            decide()

    assert Approval.objects.get().state == ApprovalState.REQUESTED
    assert not RoleGrant.objects.filter(user=office.newcomer).exists()


@pytest.mark.unit
def test_without_the_right_nobody_asks_or_decides(office: Office) -> None:
    approval = office.ask()

    with pytest.raises(Forbidden):
        request_role(user=office.newcomer, role=office.role, reason="x", actor=office.outsider, now=office.now)
    for actor in (office.outsider, SYSTEM, replace(office.approving, kind=ActorKind.CLIENT)):
        with pytest.raises(Forbidden):
            approve(approval=approval, actor=actor, now=office.now)


@pytest.mark.unit
def test_same_request_waits_only_once(office: Office) -> None:
    office.ask()

    with pytest.raises(ApprovalPending):
        office.ask()


@pytest.mark.unit
def test_rejected_request_does_nothing_and_is_final(office: Office) -> None:
    approval = office.ask()

    reject(approval=approval, actor=office.approving, reason="not yet", now=office.now)

    with pytest.raises(ApprovalDecided):
        approve(approval=approval, actor=office.approving, now=office.now)
    assert not RoleGrant.objects.filter(user=office.newcomer).exists()
    office.ask()


@pytest.mark.unit
def test_request_that_nobody_decided_expires(office: Office) -> None:
    approval = office.ask()
    late = approval.expires_at

    with pytest.raises(ApprovalExpired):
        approve(approval=approval, actor=office.approving, now=late)

    assert (expire_approvals(now=late), expire_approvals(now=late)) == (1, 0)
    assert Approval.objects.get().state == ApprovalState.EXPIRED


@pytest.mark.unit
def test_asking_again_after_the_deadline_works_without_the_sweep(office: Office) -> None:
    first = office.ask()
    office.now = first.expires_at + timedelta(seconds=1)

    second = office.ask()

    assert list(Approval.objects.order_by("pk").values_list("pk", "state")) == [
        (first.pk, ApprovalState.EXPIRED),
        (second.pk, ApprovalState.REQUESTED),
    ]


@pytest.mark.unit
def test_what_cannot_be_done_keeps_waiting(office: Office) -> None:
    approval = office.ask()
    grant_role(user=office.newcomer, role=office.role, actor=SYSTEM, now=office.now)

    with pytest.raises(DomainError, match="holds the role Viewer already"):
        approve(approval=approval, actor=office.approving, now=office.now)

    assert Approval.objects.get().state == ApprovalState.REQUESTED


@pytest.mark.unit
def test_requests_are_shown_to_those_concerned(office: Office) -> None:
    approval = office.ask()

    assert [list(approvals_visible_to(actor)) for actor in (office.asking, office.approving, office.outsider)] == [
        [approval], [approval], [],
    ]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        (
            "approval_four_eyes",
            "UPDATE access_approval SET state='approved', decided_by_id=requested_by_id, decided_at=now()",
        ),
        ("approval_decision_complete", "UPDATE access_approval SET state = 'approved'"),
        ("changes once, by its decision", "UPDATE access_approval SET payload = '{}'"),
        ("changes once, by its decision", "UPDATE access_approval SET expires_at = expires_at + interval '1 year'"),
        (
            "changes once, by its decision",
            "UPDATE access_approval SET state='expired', decided_at=now(), requested_by_id = requested_by_id + 1",
        ),
        ("changes once, by its decision", "DELETE FROM access_approval"),
    ],
)
def test_database_refuses_what_the_service_would_not_do(office: Office, rule: str, statement: str) -> None:
    office.ask()

    with pytest.raises(DatabaseError, match=rule), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.integration
def test_of_many_who_decide_at_once_one_wins(committed_database: dict[str, str], now: datetime) -> None:
    office = Office(now)
    approvers = [office.approving, *(_approver(f"second{place}", now) for place in range(7))]
    approval = office.ask()
    aurora = get_broker("aurora")
    connection.set_tenant(aurora)
    results: list[str] = []
    start = threading.Barrier(len(approvers))

    def decide(actor: Actor, wanted: str) -> None:
        connection.set_tenant(aurora)
        start.wait()
        try:
            if wanted == "approve":
                approve(approval=approval, actor=actor, now=now)
            else:
                reject(approval=approval, actor=actor, reason="no", now=now)
            results.append(wanted)
        except ApprovalDecided:
            results.append("late")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=decide, args=(actor, "approve" if place % 2 else "reject"))
        for place, actor in enumerate(approvers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    (winner,) = [result for result in results if result != "late"]
    assert len(results) == len(approvers)
    assert Approval.objects.get().state == ("approved" if winner == "approve" else "rejected")
    assert RoleGrant.objects.filter(user=office.newcomer).count() == (1 if winner == "approve" else 0)


def _approver(name: str, now: datetime) -> Actor:
    return actor_for(_staff(name, now, role=Role.objects.get(code="trusted")))
