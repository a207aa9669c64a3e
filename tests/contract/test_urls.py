"""Every address × everybody: anonymous, client, IB, staff without and with the right, another broker and its host."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from access.models import AuditEvent, User
from access.rights import all_rights
from access.sessions import SEEN_AT, SIGNED_IN_AT
from tenancy.context import broker_context
from tenancy.models import Broker
from tests.contract.addresses import ADDRESSES
from tests.contract.world import World, give_rights, leave_room_for_ids

pytestmark = pytest.mark.integration

STAFF_DOORS = sorted(name for name, address in ADDRESSES.items() if address.right and not address.owner)
PORTAL_DOORS = sorted(name for name, address in ADDRESSES.items() if address.owner)
GUARDED = sorted(STAFF_DOORS + PORTAL_DOORS)
WITH_OBJECTS = sorted(
    name for name in GUARDED if any(not value.startswith("=") for value in ADDRESSES[name].args.values())
)


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)
        else:
            yield f"{prefix}{entry.name}", entry


PATTERNS = dict(_patterns(get_resolver()))


class Visitor:
    """Somebody at a browser. After each visit the test's broker is in force again, and nothing that was done stays."""

    def __init__(self, user: User | None = None) -> None:
        self.broker = connection.tenant
        self.browser = Browser(headers={"host": "aurora.localhost"})
        if user:
            self.browser.force_login(user)
            session = self.browser.session
            session[SIGNED_IN_AT] = session[SEEN_AT] = int(time.time())  # else the first visit notes it: a write
            session.save()

    def visit(self, name: str, ids: dict[str, Any], *, host: str = "aurora.localhost") -> HttpResponse:
        address = ADDRESSES[name]
        path = reverse(name, kwargs={key: _value(value, ids) for key, value in address.args.items()})
        data = {key: _value(value, ids, mark="@") for key, value in address.data.items()}
        send = self.browser.get if address.method == "GET" else self.browser.post
        with transaction.atomic():
            try:
                if address.method == "GET":
                    _only_read()
                return _read(send(path, data, headers={"host": host}))
            finally:
                connection.set_tenant(self.broker)
                transaction.set_rollback(True)


def _read(answer: HttpResponse) -> HttpResponse:
    """Read a file that is streamed to its end, as a browser does: its last piece closes the file behind it."""
    if answer.streaming:
        for _piece in answer.streaming_content:
            pass
    return answer


def _only_read() -> None:
    """Let the database refuse every write until the savepoint is rolled back: GET never writes."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")


def _value(value: str, ids: dict[str, Any], *, mark: str = "") -> Any:
    if mark:
        return ids[value[1:]] if value.startswith(mark) else value
    return value[1:] if value.startswith("=") else ids[value]


@pytest.fixture
def world(broker: Broker) -> World:
    return World(now=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def foreign_ids(world: World, other_broker: Broker) -> dict[str, Any]:
    """Ids that exist at the broker borealis and at no other."""
    with broker_context(other_broker):
        leave_room_for_ids()
        ids = World(now=world.now).ids
    assert not set(ids.values()) & set(world.ids.values())
    return ids


def test_every_address_is_in_the_table() -> None:
    assert sorted(PATTERNS) == sorted(ADDRESSES)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_every_address_declares_what_the_table_says(name: str) -> None:
    view = PATTERNS[name].callback

    assert hasattr(view, "required_right"), f"{name} declares neither a right nor that it is public"
    assert view.required_right == ADDRESSES[name].right


def test_rights_of_the_table_exist() -> None:
    named = {right for name in STAFF_DOORS for right in (ADDRESSES[name].right, *ADDRESSES[name].also)}

    assert named - all_rights().keys() == set()


def test_public_addresses_answer_anybody(world: World) -> None:
    visitor = Visitor()
    names = [name for name, address in ADDRESSES.items() if address.right is None]

    answers = {name: visitor.visit(name, world.ids).status_code for name in names}

    assert answers == {name: ADDRESSES[name].code for name in names}


def test_anonymous_people_come_to_the_sign_in(world: World) -> None:
    visitor = Visitor()

    for name in GUARDED:
        answer = visitor.visit(name, world.ids)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/sign-in/"), name


@pytest.mark.parametrize("user", ["client", "ib"])
def test_clients_and_ibs_open_their_own_door_only(world: World, user: str) -> None:
    visitor = Visitor(world.users[user])

    answers = {name: visitor.visit(name, world.ids).status_code for name in GUARDED}

    assert answers == {name: ADDRESSES[name].code if ADDRESSES[name].owner == user else 403 for name in GUARDED}


def test_staff_without_the_right_are_refused_and_nothing_is_done(world: World) -> None:
    visitor = Visitor(world.users["staff"])
    events = AuditEvent.objects.count()

    for name in STAFF_DOORS:
        give_rights(sorted(all_rights().keys() - {ADDRESSES[name].right}))
        assert visitor.visit(name, world.ids).status_code == 403, name
    give_rights(sorted(all_rights()))
    assert {visitor.visit(name, world.ids).status_code for name in PORTAL_DOORS} == {403}
    assert AuditEvent.objects.count() == events


def test_staff_with_the_right_come_in(world: World) -> None:
    visitor = Visitor(world.users["staff"])
    answers = {}

    for name in STAFF_DOORS:
        give_rights([ADDRESSES[name].right, *ADDRESSES[name].also])
        answers[name] = visitor.visit(name, world.ids).status_code

    assert answers == {name: ADDRESSES[name].code for name in STAFF_DOORS}


def test_objects_of_another_broker_are_not_there(world: World, foreign_ids: dict[str, Any]) -> None:
    visitors = {
        "": Visitor(world.users["staff"]),
        "client": Visitor(world.users["client"]),
        "ib": Visitor(world.users["ib"]),
    }
    give_rights(sorted(all_rights()))

    answers = {name: visitors[ADDRESSES[name].owner].visit(name, foreign_ids).status_code for name in WITH_OBJECTS}

    assert answers == dict.fromkeys(WITH_OBJECTS, 404)


def test_objects_of_others_at_the_same_broker_are_not_there(world: World) -> None:
    strangers = world.strangers()

    assert Visitor(world.users["client"]).visit("portal:account", strangers).status_code == 404
    assert Visitor(world.users["ib"]).visit("portal:network", strangers).status_code == 404
    for page in ("portal:statement", "portal:statement_file"):
        assert Visitor(world.users["ib"]).visit(page, strangers).status_code == 404
    for page in ("portal:own_statement", "portal:own_statement_file"):
        assert Visitor(world.users["client"]).visit(page, strangers).status_code == 404


def test_a_session_means_nothing_at_another_brokers_host(world: World) -> None:
    visitor = Visitor(world.users["staff"])
    give_rights(sorted(all_rights()))

    for name in STAFF_DOORS:
        answer = visitor.visit(name, world.ids, host="borealis.localhost")
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/sign-in/"), name


def test_a_host_of_no_broker_has_no_pages(world: World) -> None:
    visitor = Visitor(world.users["staff"])

    answers = {name: visitor.visit(name, world.ids, host="nobody.localhost").status_code for name in ADDRESSES}

    assert answers == dict.fromkeys(ADDRESSES, 404)


def test_actions_without_the_token_are_refused(world: World) -> None:
    visitor = Visitor(world.users["staff"])
    give_rights(sorted(all_rights()))
    visitor.browser.handler.enforce_csrf_checks = True
    actions = [name for name, address in ADDRESSES.items() if address.method == "POST" and address.right]

    answers = {name: visitor.visit(name, world.ids).status_code for name in actions}

    assert answers == dict.fromkeys(actions, 403)
