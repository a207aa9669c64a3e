"""Fixtures of the outbox: mail servers on loopback, and a broker that sends through them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from notifications.models import MailSettings
from tests.notifications.sink import Sink, mail_server, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with a server's certificate and key, and the certificate as PEM."""
    folder = tmp_path_factory.mktemp("mail-certificate")
    return folder, make_certificate(folder)


@pytest.fixture(scope="session")
def shared_sink() -> Iterator[Sink]:
    with mail_server() as found:
        yield found


@pytest.fixture
def sink(shared_sink: Sink, loopback: None) -> Iterator[Sink]:
    """Return a well-behaved mail server without encryption, empty."""
    yield shared_sink
    fresh = Sink()
    for name, value in vars(fresh).items():
        if name != "port":
            setattr(shared_sink, name, value)


@pytest.fixture
def loopback(settings: Any) -> None:
    """Let mail leave for loopback, as an operator with a relay on the same machine does."""
    settings.KEEL_RELAY_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def relay(broker: object, sink: Sink) -> MailSettings:
    """Let the broker in force send through the sink."""
    return relay_to(sink.port)


def relay_to(port: int, **more: Any) -> MailSettings:
    values = {"host": "127.0.0.1", "tls_mode": "none", "sender_address": "desk@aurora.example", **more}
    password = values.pop("password", "")
    found = MailSettings(port=port, **values)
    found.set_password(password)
    found.save()
    return found


@pytest.fixture
def clock(now: datetime) -> Callable[[], datetime]:
    return lambda: now
