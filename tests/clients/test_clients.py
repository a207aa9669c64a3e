"""Clients: codes, refusals, moves of their status, who sees whom."""

from datetime import datetime

import pytest
from django.db import IntegrityError, transaction

from access.enums import ActorKind, UserKind
from access.models import AuditEvent
from access.queries import actor_for
from access.services import create_user
from access.types import Actor
from clients.enums import CLIENT_MOVES, ClientStatus
from clients.models import Client
from clients.queries import clients_visible_to
from clients.services import ClientMoveRefused, create_client, set_client_status
from core.errors import InvalidInput
from tenancy.context import broker_context
from tenancy.models import Broker

pytestmark = pytest.mark.unit

STAFF = Actor(ActorKind.STAFF, 1, "staff", rights=frozenset({"clients.view_client"}))


@pytest.fixture
def client_row(broker: Broker, system_actor: Actor, now: datetime) -> Client:
    return create_client(name="Maria Lopez", email="Maria@Example.com", country="es", actor=system_actor, now=now)


def test_codes_count_up_for_each_broker(
    client_row: Client, other_broker: Broker, system_actor: Actor, now: datetime
) -> None:
    sister = create_client(name="Ana Lopez", email="maria@example.com", actor=system_actor, now=now)

    assert int(sister.code[1:]) == int(client_row.code[1:]) + 1
    with broker_context(other_broker):
        assert Client.objects.count() == 0


def test_new_client_is_clean_and_recorded(client_row: Client) -> None:
    assert (client_row.email, client_row.country, client_row.status) == ("maria@example.com", "ES", ClientStatus.ACTIVE)
    event = AuditEvent.objects.filter(object_type="client")
    assert event.values_list("action", "object_id", "after").get() == (
        "clients.create_client",
        str(client_row.pk),
        {"code": client_row.code, "name": "Maria Lopez", "email": "m•••@example.com", "country": "ES"},
    )


@pytest.mark.parametrize(("field", "value"), [("name", "  "), ("country", "ESP"), ("country", "1X")])
def test_faulty_client_is_refused(broker: Broker, system_actor: Actor, now: datetime, field: str, value: str) -> None:
    values = {"name": "Maria", "email": "m@example.com", field: value}

    with pytest.raises(InvalidInput) as caught:
        create_client(**values, actor=system_actor, now=now)

    assert (caught.value.field, Client.objects.count()) == (field, 0)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("client_code_shape", {"code": "X1"}),
        ("client_country_shape", {"country": "es"}),
        ("client_name_given", {"name": ""}),
    ],
)
def test_rows_that_cannot_be_are_refused(client_row: Client, rule: str, change: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Client.objects.filter(pk=client_row.pk).update(**change)


@pytest.mark.parametrize("start", list(ClientStatus))
@pytest.mark.parametrize("wanted", list(ClientStatus))
def test_status_moves_only_as_the_table_says(
    client_row: Client, system_actor: Actor, now: datetime, start: ClientStatus, wanted: ClientStatus
) -> None:
    Client.objects.filter(pk=client_row.pk).update(status=start)
    allowed = wanted in CLIENT_MOVES.get(start, frozenset())

    try:
        set_client_status(client=client_row, wanted=wanted, reason="asked", actor=system_actor, now=now)
        moved = True
    except ClientMoveRefused:
        moved = False

    assert moved is allowed
    assert Client.objects.get().status == (wanted if allowed else start)
    assert AuditEvent.objects.filter(action="clients.change_status").count() == int(allowed)


def test_staff_with_the_right_see_all_others_none(client_row: Client) -> None:
    assert list(clients_visible_to(STAFF)) == [client_row]
    assert list(clients_visible_to(Actor(ActorKind.STAFF, 1, "staff"))) == []


def test_a_client_sees_itself_only(client_row: Client, system_actor: Actor, now: datetime) -> None:
    user = create_user(email="own@example.com", name="Own", kind=UserKind.CLIENT, actor=system_actor, now=now)
    own = create_client(name="Own", email="own@example.com", user=user, actor=system_actor, now=now)

    assert list(clients_visible_to(actor_for(user))) == [own]


def test_a_client_cannot_widen_its_sight_by_a_staff_right(client_row: Client) -> None:
    forged = Actor(ActorKind.CLIENT, 1, "client", rights=frozenset({"clients.view_client"}))

    assert list(clients_visible_to(forged)) == []
