"""A worker that is killed after the server took the mail, before it could write that down."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from notifications.enums import MessageState, Outcome
from tenancy.models import Broker
from tests.notifications.conftest import relay_to
from tests.notifications.sink import Sink
from tests.notifications.test_delivery import attempts, deliver, queue

pytestmark = pytest.mark.e2e

WORKER = """
import django
django.setup()
from django.utils import timezone
from notifications.delivery import deliver
from notifications.rendering import house_of
from tenancy.context import broker_context, get_active_broker
import sys
broker = get_active_broker(sys.argv[1])
with broker_context(broker):
    deliver(house=house_of(broker), clock=timezone.now)
"""


def test_a_worker_killed_between_the_servers_yes_and_its_commit_loses_nothing(
    committed_database: dict[str, str], sink: Sink
) -> None:
    now = datetime.now(UTC)
    broker = connection.tenant
    assert isinstance(broker, Broker)
    relay_to(sink.port)
    message = queue("maria", key="paid:1", now=now)
    environment = {**os.environ, **committed_database, "KEEL_RELAY_NETWORKS": "127.0.0.0/8"}
    environment["DJANGO_SETTINGS_MODULE"] = "crm.settings"

    with subprocess.Popen(
        [sys.executable, "-c", WORKER, broker.schema_name], env=environment, cwd=Path(settings.BASE_DIR)
    ) as worker:
        sink.after_data = lambda: os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait(timeout=60) == -signal.SIGKILL
    sink.after_data = lambda: None

    message.refresh_from_db()
    assert (message.state, message.attempts) == (MessageState.SENDING, 1)
    assert deliver(broker, datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert deliver(broker, datetime.now(UTC) + timedelta(minutes=3)) == 1

    message.refresh_from_db()
    assert message.state == MessageState.SENT
    assert [row[1] for row in attempts(message)] == [Outcome.LOST, Outcome.ACCEPTED]
    assert [each.mail["Message-ID"] for each in sink.taken] == [message.reference] * 2
