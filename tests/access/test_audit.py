"""The audit trail: complete, masked, only added to."""

from datetime import datetime
from decimal import Decimal

import psycopg2
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from access.enums import ActorKind, UserKind
from access.masking import mask_email, mask_fields, mask_name, mask_phone
from access.models import AuditEvent
from access.services import create_user, record_audit
from access.types import Actor
from tenancy.models import Broker

pytestmark = pytest.mark.unit


def _record(actor: Actor, now: datetime, **fields: object) -> AuditEvent:
    values = {"action": "ib.move_ib", "object_type": "ib", "object_id": 7, "before": None, "after": None, **fields}
    return record_audit(actor=actor, now=now, **values)


def test_event_says_who_what_where_and_why(broker: Broker, system_actor: Actor, now: datetime) -> None:
    user = create_user(email="sam@keel.example", name="Sam", kind=UserKind.STAFF, actor=system_actor, now=now)
    actor = Actor(ActorKind.STAFF, user.pk, user.email, ip="10.1.2.3", request_id="req1")

    _record(actor, now, before={"parent": "top"}, after={"parent": None, "amount": Decimal("1.50")}, reason="asked")

    columns = ("at", "actor_kind", "actor_user", "actor_label", "action", "object_type", "object_id")
    event = AuditEvent.objects.filter(action="ib.move_ib").values(
        *columns, "before", "after", "reason", "ip", "request_id"
    )
    assert event.get() == {
        "at": now, "actor_kind": "staff", "actor_user": user.pk, "actor_label": "sam@keel.example",
        "action": "ib.move_ib", "object_type": "ib", "object_id": "7", "before": {"parent": "top"},
        "after": {"parent": None, "amount": "1.50"}, "reason": "asked", "ip": "10.1.2.3", "request_id": "req1",
    }  # fmt: skip


def test_event_leaves_with_its_change(broker: Broker, system_actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        _record(system_actor, now)
        transaction.set_rollback(True)

    assert not AuditEvent.objects.filter(action="ib.move_ib").exists()


def test_event_without_a_transaction_is_refused(
    committed_database: dict[str, str], system_actor: Actor, now: datetime
) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        _record(system_actor, now)

    assert not AuditEvent.objects.filter(action="ib.move_ib").exists()


CHANGES = [
    "UPDATE access_auditevent SET reason = 'other'",
    "DELETE FROM access_auditevent",
    "TRUNCATE access_auditevent",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_trail_is_only_added_to(broker: Broker, system_actor: Actor, now: datetime, statement: str) -> None:
    _record(system_actor, now, reason="first")

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditEvent.objects.values_list("reason", flat=True).get(action="ib.move_ib") == "first"


@pytest.mark.parametrize("statement", CHANGES)
def test_even_the_owner_of_the_tables_only_adds(broker: Broker, statement: str) -> None:
    login = settings.DATABASE_OWNER
    owner = psycopg2.connect(
        user=login["USER"], password=login["PASSWORD"], host=login["HOST"], port=login["PORT"],
        dbname=connection.settings_dict["NAME"],
    )  # fmt: skip
    try:
        with owner.cursor() as cursor:
            cursor.execute(f'SET ROLE crm_owner; SET search_path = "{broker.schema_name}"')
            with pytest.raises(psycopg2.errors.CheckViolation, match="access_auditevent is append only"):
                cursor.execute(statement)
    finally:
        owner.close()


def test_a_person_without_a_user_is_refused(broker: Broker, now: datetime) -> None:
    with pytest.raises(DatabaseError, match="audit_person_has_user"), transaction.atomic():
        _record(Actor(ActorKind.STAFF, None, "nobody"), now)


def test_secrets_and_contacts_are_masked_however_deep() -> None:
    masked = mask_fields(
        {"password": "x", "Api_Token": "y", "deep": {"iban": "DE1", "email": "anna@example.com"},
         "list": [{"otp": "1"}], "phone": "+34600123", "name": "Anna", "secret": None}
    )  # fmt: skip

    assert masked == {
        "password": "•••", "Api_Token": "•••", "deep": {"iban": "•••", "email": "a•••@example.com"},
        "list": [{"otp": "•••"}], "phone": "•••23", "name": "Anna", "secret": None,
    }  # fmt: skip


def test_masks_tell_little() -> None:
    assert (mask_name("Maria de Lopez"), mask_name(""), mask_email("nonsense"), mask_phone("1234")) == (
        "M••• d••• L•••",
        "•••",
        "•••",
        "•••",
    )
