"""What `requires` does with those who may not."""

from datetime import datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from access.decorators import public, requires, requires_client, requires_ib
from access.enums import UserKind
from access.models import User
from access.requests import client_ip
from access.services import create_role, create_user, grant_role
from access.types import Actor
from tenancy.models import Broker

pytestmark = pytest.mark.unit


@requires("ib.move_ib")
def move_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.actor.label} from {request.actor.ip}, request {request.actor.request_id}")


@pytest.fixture
def staff(broker: Broker, system_actor: Actor, now: datetime) -> User:
    return create_user(email="sam@keel.example", name="Sam", kind=UserKind.STAFF, actor=system_actor, now=now)


def _request(user: object, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/ib/1/move/?x=1", headers=headers)
    request.user, request.request_id = user, "abc"
    return request


def test_anonymous_people_are_sent_to_sign_in() -> None:
    answer = move_page(_request(AnonymousUser()))

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=/ib/1/move/%3Fx%3D1")


def test_a_fragment_sends_the_whole_page_to_sign_in() -> None:
    answer = move_page(_request(AnonymousUser(), **{"HX-Request": "true"}))

    assert (answer.status_code, answer.headers["HX-Redirect"], answer.content) == (401, "/sign-in/", b"")


def test_without_the_right_it_is_forbidden(staff: User) -> None:
    with pytest.raises(PermissionDenied, match=r"ib\.move_ib"):
        move_page(_request(staff))


def test_with_the_right_the_view_gets_the_actor(staff: User, system_actor: Actor, now: datetime) -> None:
    role = create_role(code="m", name="M", rights=["ib.move_ib"], actor=system_actor, now=now)
    grant_role(user=staff, role=role, actor=system_actor, now=now)

    assert move_page(_request(staff)).content == b"sam@keel.example from 127.0.0.1, request abc"


def test_views_tell_what_they_require() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert [guard(view).required_right for guard in (requires("ib.view_ib"), requires_client, requires_ib, public)] == [
        "ib.view_ib",
        "portal.view_own",
        "portal.view_network",
        None,
    ]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "127.0.0.1"),
        (1, "6.6.6.6, 8.8.8.8", "8.8.8.8"),
        (2, "6.6.6.6, 8.8.8.8, 10.0.0.1", "8.8.8.8"),
        (2, "8.8.8.8", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(proxies: int, forwarded: str, address: str) -> None:
    with override_settings(KEEL_PROXIES=proxies):
        assert client_ip(_request(AnonymousUser(), **{"X-Forwarded-For": forwarded})) == address
