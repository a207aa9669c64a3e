"""People who sign in at the portal, and the client that carries them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from access.enums import UserKind
from access.models import User
from access.services import create_user
from access.types import Actor
from clients.models import Client
from clients.services import create_client
from tenancy.models import Broker

PASSWORD = "correct horse battery staple"
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "aurora.localhost"


class BrokersBrowser(Browser):
    """A test client that puts the broker back in force: an answered request leaves none."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(headers={"host": HOST})
        self.broker = broker

    def request(self, **request: Any) -> Any:
        try:
            return super().request(**request)
        finally:
            connection.set_tenant(self.broker)


@pytest.fixture
def browser(broker: Broker) -> Browser:
    """Return a browser without a session at the broker's address."""
    return BrokersBrowser(broker)


@pytest.fixture
def new_user(broker: Broker) -> Callable[..., User]:
    """Return a maker of users of this broker."""

    def make(email: str, *, kind: UserKind = UserKind.CLIENT, name: str = "Grace Tan", language: str = "en") -> User:
        return create_user(
            email=email,
            name=name,
            kind=kind,
            language=language,
            password=PASSWORD,
            actor=Actor.system("test"),
            now=OPENED,
        )

    return make


@pytest.fixture
def trader(new_user: Callable[..., User]) -> Client:
    """Return a client with a sign-in."""
    user = new_user("trader@example.com", name="Chen Wei Ling")
    return create_client(name=user.name, email=user.email, user=user, actor=Actor.system("test"), now=OPENED)


@pytest.fixture
def as_user(browser: Browser) -> Callable[[User], Browser]:
    """Return a maker of signed-in browsers."""

    def sign_in(user: User) -> Browser:
        browser.force_login(user, backend="access.backends.SessionBackend")
        return browser

    return sign_in
