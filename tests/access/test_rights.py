"""Rights, roles and the actor."""

from datetime import datetime

import pytest

from access.enums import ActorKind, UserKind
from access.models import AuditEvent, Role, RoleGrant, User
from access.permissions import PORTAL_RIGHTS
from access.queries import actor_for, audit_visible_to, roles_visible_to, staff_visible_to
from access.rights import all_rights, unknown_rights
from access.roles import BUILT_IN_ROLES, BuiltInRole
from access.services import (
    BuiltInRoleFixed,
    EmailTaken,
    PasswordRefused,
    UnknownRight,
    create_role,
    create_user,
    grant_role,
    revoke_role,
    seed_roles,
    set_password,
    set_role_rights,
)
from access.types import Actor
from core.errors import Forbidden
from tenancy.models import Broker

pytestmark = pytest.mark.unit

GOOD_PASSWORD = "violet harbour 29"


@pytest.fixture
def staff(broker: Broker, system_actor: Actor, now: datetime) -> User:
    return create_user(email="Sam@Keel.example", name="Sam", kind=UserKind.STAFF, actor=system_actor, now=now)


def test_rights_are_collected_from_every_room() -> None:
    rights = all_rights()

    assert {"access.view_audit", "clients.view_client", "ib.move_ib"} <= rights.keys()
    assert not rights.keys() & PORTAL_RIGHTS.keys()
    assert unknown_rights({"ib.move_ib", "ib.fly_ib"}) == ["ib.fly_ib"]


@pytest.mark.parametrize("right", ["ib.fly_ib", "portal.view_own"])
def test_role_with_an_unknown_right_is_refused(broker: Broker, system_actor: Actor, now: datetime, right: str) -> None:
    with pytest.raises(UnknownRight, match=f"no right called {right}"):
        create_role(code="odd", name="Odd", rights=["ib.view_ib", right], actor=system_actor, now=now)

    assert not Role.objects.filter(code="odd").exists()


def test_every_role_in_a_broker_holds_known_rights_only(broker: Broker, system_actor: Actor, now: datetime) -> None:
    roles = seed_roles(actor=system_actor, now=now)

    assert {role.code for role in roles} == {"owner", "finance", "risk", "sales", "support", "auditor"}
    assert {role.code: unknown_rights(set(role.rights)) for role in roles} == {role.code: [] for role in roles}
    assert all(role.rights for role in roles)


def test_owner_has_every_right_and_auditor_only_reads() -> None:
    by_code = {spec.code: set(spec.rights_among(all_rights())) for spec in BUILT_IN_ROLES}

    assert by_code["owner"] == set(all_rights())
    assert by_code["auditor"] == {code for code in all_rights() if ".view_" in code}
    assert "ib.move_ib" not in by_code["support"]
    assert "access.approve_role" not in by_code["finance"]


def test_pattern_never_wins() -> None:
    role = BuiltInRole("x", "X", ("ib.*",), never=("*.move_*",))

    assert role.rights_among(["ib.view_ib", "ib.move_ib", "clients.view_client"]) == ["ib.view_ib"]


def test_seeding_again_brings_a_changed_built_in_role_back(broker: Broker, system_actor: Actor, now: datetime) -> None:
    seed_roles(actor=system_actor, now=now)
    Role.objects.filter(code="auditor").update(rights=["ib.move_ib"])
    events = AuditEvent.objects.count()

    seed_roles(actor=system_actor, now=now)

    assert "ib.move_ib" not in Role.objects.get(code="auditor").rights
    assert AuditEvent.objects.count() == events + 1


def test_built_in_role_is_copied_not_changed(broker: Broker, system_actor: Actor, now: datetime) -> None:
    (owner, *_) = seed_roles(actor=system_actor, now=now)

    with pytest.raises(BuiltInRoleFixed, match="The role Owner is built in"):
        set_role_rights(role=owner, rights=["ib.view_ib"], actor=system_actor, now=now)


def test_actor_has_the_rights_of_all_roles_until_they_are_taken(
    staff: User, system_actor: Actor, now: datetime
) -> None:
    viewer = create_role(code="v", name="V", rights=["ib.view_ib"], actor=system_actor, now=now)
    mover = create_role(code="m", name="M", rights=["ib.view_ib", "ib.move_ib"], actor=system_actor, now=now)
    for role in (viewer, mover):
        grant_role(user=staff, role=role, actor=system_actor, now=now)

    before = actor_for(staff, ip="10.0.0.1").rights
    revoke_role(user=staff, role=mover, reason="moved on", actor=system_actor, now=now)

    assert before == {"ib.view_ib", "ib.move_ib"}
    assert actor_for(staff).rights == {"ib.view_ib"}


@pytest.mark.parametrize("roles", [1, 3])
def test_actor_costs_one_statement(
    staff: User, system_actor: Actor, now: datetime, roles: int, django_assert_num_queries: object
) -> None:
    for place in range(roles):
        role = create_role(code=f"r{place}", name="R", rights=["ib.view_ib"], actor=system_actor, now=now)
        grant_role(user=staff, role=role, actor=system_actor, now=now)

    with django_assert_num_queries(1):
        actor_for(staff)


def test_a_person_grants_no_role_past_the_approval(staff: User, system_actor: Actor, now: datetime) -> None:
    role = create_role(code="v", name="V", rights=["ib.view_ib"], actor=system_actor, now=now)
    person = Actor(ActorKind.STAFF, staff.pk, "Sam", rights=frozenset(all_rights()))

    with pytest.raises(Forbidden):
        grant_role(user=staff, role=role, actor=person, now=now)
    assert not RoleGrant.objects.exists()


def test_a_client_gets_no_role(broker: Broker, system_actor: Actor, now: datetime) -> None:
    client = create_user(email="c@example.com", name="C", kind=UserKind.CLIENT, actor=system_actor, now=now)
    role = create_role(code="v", name="V", rights=["ib.view_ib"], actor=system_actor, now=now)

    with pytest.raises(Forbidden):
        grant_role(user=client, role=role, actor=system_actor, now=now)
    assert actor_for(client).rights == frozenset()


def test_system_has_every_right_and_sees_all(staff: User, system_actor: Actor) -> None:
    assert system_actor.has("whatever.it_is")
    assert list(staff_visible_to(system_actor)) == [staff]
    assert roles_visible_to(Actor(ActorKind.STAFF, 1, "x")).count() == 0
    assert audit_visible_to(Actor(ActorKind.STAFF, 1, "x")).count() == 0


def test_address_is_lower_case_and_unique(staff: User, system_actor: Actor, now: datetime) -> None:
    assert staff.email == "sam@keel.example"
    with pytest.raises(EmailTaken, match=r"sam@keel\.example"):
        create_user(email=" SAM@keel.example", name="S", kind=UserKind.CLIENT, actor=system_actor, now=now)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [("short 12345", "at least 12 characters"), ("password1234", "too common"), ("sam@keel.example", "too similar")],
)
def test_weak_password_is_refused(
    staff: User, system_actor: Actor, now: datetime, password: str, sentence: str
) -> None:
    with pytest.raises(PasswordRefused, match=sentence):
        set_password(user=staff, password=password, actor=system_actor, now=now)


def test_password_is_stored_as_argon2_and_not_in_the_trail(staff: User, system_actor: Actor, now: datetime) -> None:
    row = set_password(user=staff, password=GOOD_PASSWORD, actor=system_actor, now=now)

    assert row.password.startswith("argon2$argon2id$")
    assert row.check_password(GOOD_PASSWORD)
    assert all(GOOD_PASSWORD not in f"{event.before}{event.after}" for event in AuditEvent.objects.all())


def test_changed_role_counts_at_the_next_request(staff: User, system_actor: Actor, now: datetime) -> None:
    role = create_role(code="v", name="V", rights=["ib.view_ib"], actor=system_actor, now=now)
    grant_role(user=staff, role=role, actor=system_actor, now=now)

    set_role_rights(role=role, rights=["ib.view_ib", "clients.view_client"], actor=system_actor, now=now)

    assert actor_for(staff).rights == {"ib.view_ib", "clients.view_client"}
    event = AuditEvent.objects.values("before", "after").get(action="access.set_role_rights")
    assert event == {
        "before": {"rights": ["ib.view_ib"]},
        "after": {"code": "v", "rights": ["clients.view_client", "ib.view_ib"]},
    }
    assert role in roles_visible_to(system_actor)
