"""What goes wrong on the wire is a sentence on the health page, and nothing is stored or half done."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from commissions.models import Judgement
from crm.demo.once import read_ready_file
from crm.demo.setup import BEGINNING, SimulatorAddress
from crm.flows import deal_flow, tasks
from house.ports import free_port
from mt4bridge.enums import DealEntry
from mt4bridge.gateways import close_gateways
from mt4bridge.models import MtServer
from mt4bridge.queries import last_error_in_words, servers_to_contact
from tenancy.models import Broker
from tenancy.tasks import BrokerMissing
from tests.crm.world import run_simulator
from tests.trading.factories import deal_row, make_account, make_mt_group, make_server, make_symbol
from trading.cursor import get_cursor
from trading.models import Deal, DealCursor
from trading.services import Reading, record_deals

pytestmark = pytest.mark.integration


@contextmanager
def simulator(tmp_path: Path, *options: str) -> Iterator[SimulatorAddress]:
    ready = tmp_path / "ready.json"
    small = ["--accounts", "2", "--days", "2"]
    with run_simulator(port=free_port(), ready_file=ready, options=[*small, *options]):
        yield read_ready_file(ready)
    close_gateways()


def server_at(address: SimulatorAddress, *, password: str | None = None, pin: str | None = None) -> MtServer:
    server = make_server(
        address=address.address, manager_login=address.login, tls_mode="pin", tls_pin=pin or address.pin,
        history_from=BEGINNING,
    )  # fmt: skip
    server.set_manager_password(address.password if password is None else password)
    server.save()
    return server


def walk_and_look(server: MtServer) -> tuple[str, str, int, bool]:
    """Walk through the task's path; return (error code, sentence, deals stored, whether it is left alone now)."""
    tasks._with_gateway(server.pk, deal_flow.walk)
    server.refresh_from_db()
    waits = server.pk not in servers_to_contact(now=timezone.now())
    return server.last_error_code, last_error_in_words(server), Deal.objects.count(), waits


def test_a_wrong_manager_password(broker: Broker, tmp_path: Path) -> None:
    with simulator(tmp_path) as address:
        code, sentence, deals, waits = walk_and_look(server_at(address, password="not the password"))

    assert (code, deals, waits) == ("wrong_password", 0, True)
    assert "refuses manager 1000" in sentence
    assert "Set the password again" in sentence


def test_an_impostor_server(broker: Broker, tmp_path: Path) -> None:
    with simulator(tmp_path, "--faults", "impostor") as address:
        code, sentence, deals, waits = walk_and_look(server_at(address))

    assert (code, deals, waits) == ("impostor_server", 0, True)
    assert "could not prove that it knows the manager password" in sentence


def test_another_certificate(broker: Broker, tmp_path: Path) -> None:
    with simulator(tmp_path) as address:
        code, _sentence, deals, waits = walk_and_look(server_at(address, pin="0" * 64))

    assert (code, deals, waits) == ("untrusted_certificate", 0, True)


def test_a_server_that_is_not_there(broker: Broker) -> None:
    server = make_server(address=f"127.0.0.1:{free_port()}")

    code, sentence, deals, waits = walk_and_look(server)

    assert (code, deals, waits) == ("server_unreachable", 0, True)
    assert "does not answer" in sentence
    assert server.pk in servers_to_contact(now=timezone.now() + timedelta(minutes=3))


def test_a_second_walker_leaves_the_server_alone(broker: Broker) -> None:
    server = make_server(address=f"127.0.0.1:{free_port()}")
    from django.db import connection

    other = connection.copy()
    other.set_tenant(broker)
    try:
        with other.cursor() as cursor:
            key = f"{broker.schema_name}:walk:{server.pk}"
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
        tasks._with_gateway(server.pk, deal_flow.walk)
    finally:
        other.close()

    assert (MtServer.objects.get().last_error_code, DealCursor.objects.count()) == ("", 0)


def test_a_task_without_its_broker_is_refused(broker: Broker) -> None:
    from tenancy.context import public_context

    with public_context(), pytest.raises(BrokerMissing, match="sent without a broker"):
        tasks.walk_server.apply_async(kwargs={"server_id": 1})
    with pytest.raises(BrokerMissing, match="started without an active broker"):
        tasks.walk_server(server_id=1)


def test_what_is_stored_is_judged_though_the_server_is_gone(broker: Broker) -> None:
    server = make_server(address=f"127.0.0.1:{free_port()}")
    make_symbol(server)
    make_account(make_mt_group(server))
    rows = [deal_row(1), deal_row(2, position=1, entry=DealEntry.OUT)]
    version = get_cursor(server.pk).version
    record_deals(server_id=server.pk, version=version, reading=Reading(rows=rows), now=timezone.now())

    tasks._with_gateway(server.pk, deal_flow.walk)

    server.refresh_from_db()
    assert (server.last_error_code, Judgement.objects.count()) == ("server_unreachable", 1)


def test_what_nobody_expected_is_a_sentence_and_is_tried_again_later(broker: Broker) -> None:
    server = make_server(address=f"127.0.0.1:{free_port()}")

    def broken(**_: object) -> None:
        raise ValueError("postgres://crm_app:hunter2@db/keel")

    tasks._with_gateway(server.pk, broken)

    server.refresh_from_db()
    sentence = last_error_in_words(server)
    assert (server.last_error_code, server.failures) == ("round_failed", 1)
    assert "ValueError in crm/flows/tasks.py" in sentence or "ValueError in tests/crm/test_trouble.py" in sentence
    assert "hunter2" not in sentence + str(server.last_error_fields)
    assert server.pk not in servers_to_contact(now=timezone.now())
    assert server.pk in servers_to_contact(now=timezone.now() + timedelta(minutes=3))
