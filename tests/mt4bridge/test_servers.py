"""MT servers in a broker's schema: registering, the sealed password, back-off, errors in words, kept gateways."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from access.models import AuditEvent
from access.types import Actor
from core.crypto import SealBroken
from mt4bridge import gateways
from mt4bridge.errors import BY_CODE, BridgeError, ServerUnreachable, UnsupportedServer, WrongPassword
from mt4bridge.models import MtServer
from mt4bridge.queries import error_in_words, last_error_in_words, servers_to_contact, wait_after
from mt4bridge.services import InvalidServer, note_contact, note_error, register_server
from tenancy.context import broker_context
from tenancy.models import Broker
from tests.mt4bridge.conftest import Simulator

pytestmark = pytest.mark.unit

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = {
    "name": "MT5 Live",
    "address": "mt5.example.org:443",
    "manager_login": 1000,
    "manager_password": "Sesame-1",
    "history_from": BEGINNING,
}


@pytest.fixture
def server(broker: Broker, system_actor: Actor, now: datetime) -> MtServer:
    return register_server(**SETTINGS, actor=system_actor, now=now)


@pytest.fixture
def no_gateways() -> Iterator[None]:
    gateways.close_gateways()
    yield
    gateways.close_gateways()


def test_registering_again_changes_nothing_and_leaves_no_trace(
    server: MtServer, system_actor: Actor, now: datetime
) -> None:
    again = register_server(**SETTINGS, actor=system_actor, now=now)

    assert again.pk == server.pk
    assert again.manager_password_sealed == MtServer.objects.get().manager_password_sealed
    events = AuditEvent.objects.filter(action__startswith="mt4bridge.")
    assert [event.action for event in events] == ["mt4bridge.register_server"]


def test_registering_with_other_settings_updates_and_audits_without_the_password(
    server: MtServer, system_actor: Actor, now: datetime
) -> None:
    note_error(server=server, error=WrongPassword(login=1000), now=now)

    register_server(
        **{**SETTINGS, "address": "10.0.0.7:1950", "manager_password": "Sesame-2"}, actor=system_actor, now=now
    )

    server.refresh_from_db()
    event = AuditEvent.objects.latest("pk")
    assert (server.address, server.manager_password(), server.failures) == ("10.0.0.7:1950", "Sesame-2", 0)
    assert event.action == "mt4bridge.edit_server"
    assert event.before == {"address": "mt5.example.org:443"}
    assert event.after["address"] == "10.0.0.7:1950"
    assert "Sesame" not in f"{event.before}{event.after}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "mt5.example.org"}, "address"),
        ({"address": "https://mt5.example.org:443"}, "address"),
        ({"address": "mt5.example.org:70000"}, "address"),
        ({"clock_zone": "Mars/Base"}, "clock_zone"),
        ({"clock_zone": "../../etc/passwd"}, "clock_zone"),
        ({"tls_pin": "abc"}, "tls_pin"),
        ({"manager_password": ""}, "manager_password"),
    ],
)
def test_settings_without_sense_are_refused_by_name(
    broker: Broker, system_actor: Actor, now: datetime, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidServer) as caught:
        register_server(**{**SETTINGS, **changes}, actor=system_actor, now=now)

    assert caught.value.field == field
    assert not MtServer.objects.exists()


def test_a_pin_is_checked_when_there_is_one(broker: Broker, system_actor: Actor, now: datetime) -> None:
    pinned = register_server(**SETTINGS, tls_pin="AB:" * 31 + "AB", actor=system_actor, now=now)

    assert (pinned.tls_mode, pinned.tls_pin) == ("pin", "ab" * 32)


def test_the_password_is_sealed_and_bound_to_its_row(server: MtServer, system_actor: Actor, now: datetime) -> None:
    other = register_server(**{**SETTINGS, "name": "MT5 Demo"}, actor=system_actor, now=now)
    sealed = server.manager_password_sealed

    other.manager_password_sealed = sealed

    assert "Sesame" not in sealed + repr(server) + str(server)
    assert server.manager_password() == "Sesame-1"
    with pytest.raises(SealBroken):
        other.manager_password()


def test_a_sealed_password_of_one_broker_is_useless_to_another(server: MtServer, other_broker: Broker) -> None:
    with broker_context(other_broker), pytest.raises(SealBroken):
        server.manager_password()


def test_failures_wait_longer_and_longer_and_a_contact_ends_it(server: MtServer, now: datetime) -> None:
    error = ServerUnreachable(address="mt5.example.org:443", detail="Connection refused")
    assert servers_to_contact(now=now) == [server.pk]

    note_error(server=server, error=error, now=now)
    assert servers_to_contact(now=now + timedelta(seconds=1)) == []
    assert servers_to_contact(now=now + timedelta(seconds=3)) == [server.pk]
    for _ in range(9):
        note_error(server=server, error=error, now=now)
    assert servers_to_contact(now=now + timedelta(seconds=119)) == []
    assert servers_to_contact(now=now + timedelta(seconds=151)) == [server.pk]

    note_contact(server=server, now=now + timedelta(seconds=20))
    server.refresh_from_db()
    assert servers_to_contact(now=now + timedelta(seconds=20)) == [server.pk]
    assert (server.failures, server.last_ok_at, server.last_error_code) == (
        0, now + timedelta(seconds=20), "server_unreachable",
    )  # fmt: skip


def test_a_lock_out_waits_longer_than_a_broken_line() -> None:
    broken = wait_after(failures=1, code="session_lost", server_id=1)
    locked = wait_after(failures=1, code="wrong_password", server_id=1)

    assert timedelta(seconds=2) <= broken < timedelta(seconds=2.5)
    assert timedelta(seconds=15) <= locked < timedelta(seconds=19)


def test_an_inactive_server_is_left_alone(server: MtServer, now: datetime) -> None:
    MtServer.objects.update(is_active=False)

    assert servers_to_contact(now=now) == []


def test_a_contact_is_written_at_most_every_five_seconds(server: MtServer, now: datetime) -> None:
    note_contact(server=server, now=now)
    note_contact(server=server, now=now + timedelta(seconds=4))
    server.refresh_from_db()
    first = server.last_ok_at
    note_contact(server=server, now=now + timedelta(seconds=5))
    server.refresh_from_db()

    assert (first, server.last_ok_at) == (now, now + timedelta(seconds=5))


def test_the_last_error_is_a_sentence(server: MtServer, now: datetime) -> None:
    assert last_error_in_words(server) == ""

    note_error(server=server, error=WrongPassword(login=1000), now=now)
    server.refresh_from_db()

    with translation.override("en"):
        assert last_error_in_words(server) == (
            "The trading server refuses manager 1000: the API password or the manager's right to connect is wrong. "
            "Set the password again; it is not the master password."
        )


def test_every_code_has_words_even_when_its_fields_are_from_another_release() -> None:
    for code, kind in [*BY_CODE.items(), ("from_the_future", BridgeError)]:
        sentence = error_in_words(code=code, fields={})
        assert sentence.endswith(".")
        assert "%(" not in sentence
        assert code in BY_CODE or sentence == kind.message


def test_a_process_keeps_one_gateway_for_each_server_and_setting(
    server: MtServer, system_actor: Actor, now: datetime, no_gateways: None
) -> None:
    first = gateways.open_gateway(server)

    assert gateways.open_gateway(MtServer.objects.get()) is first
    changed = register_server(**{**SETTINGS, "clock_shift_minutes": 120}, actor=system_actor, now=now)
    assert gateways.open_gateway(changed) is not first


def test_equal_ids_of_two_brokers_never_share_a_gateway(
    server: MtServer, other_broker: Broker, system_actor: Actor, now: datetime, no_gateways: None
) -> None:
    ours = gateways.open_gateway(server)

    with broker_context(other_broker):
        theirs = register_server(**SETTINGS, actor=system_actor, now=now)
        theirs.pk = server.pk
        assert gateways.open_gateway(theirs) is not ours
    assert gateways.open_gateway(server) is ours


def test_a_kind_without_adapter_is_named(server: MtServer) -> None:
    server.kind = "carrier_pigeon"

    with pytest.raises(UnsupportedServer, match="carrier_pigeon"):
        gateways.open_gateway(server)


@pytest.mark.integration
def test_a_registered_simulator_is_read_through_its_gateway(
    broker: Broker, small: Simulator, system_actor: Actor, now: datetime, no_gateways: None
) -> None:
    server = register_server(
        name="Simulator",
        address=small.address,
        manager_login=small.ready["login"],
        manager_password=small.ready["password"],
        tls_pin=small.pin,
        history_from=BEGINNING,
        actor=system_actor,
        now=now,
    )
    gateway = gateways.open_gateway(server)

    assert len(gateway.users()) == 12
    assert sum(state.balance for state in gateway.account_states([user.login for user in gateway.users()])) > Decimal(0)


@pytest.mark.integration
def test_a_forked_process_does_not_touch_its_parents_session(
    broker: Broker, small: Simulator, system_actor: Actor, now: datetime, no_gateways: None
) -> None:
    server = register_server(
        **{**SETTINGS, "address": small.address, "manager_password": small.ready["password"]},
        tls_pin=small.pin,
        actor=system_actor,
        now=now,
    )
    gateway = gateways.open_gateway(server)
    gateway.ping()

    child = os.fork()
    if child == 0:
        os._exit(0 if gateways._pool == {} else 1)
    _, status = os.waitpid(child, 0)
    requests = small.control("/sim/totals")["requests"]
    gateway.ping()

    assert os.waitstatus_to_exitcode(status) == 0
    assert small.control("/sim/totals")["requests"] == requests + 1
