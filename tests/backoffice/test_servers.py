"""MT servers: adding, editing, testing the connection, switching off; what is refused, and what is never shown."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent, User
from access.types import Actor
from mt4bridge.models import MtServer
from mt4bridge.queries import servers_to_contact
from mt4bridge.services import note_test
from tests.backoffice.pages import errors, facts, heading, messages, rows, text_of, tree
from tests.mt4bridge.conftest import SMALL_BOOK, Simulator, simulators
from tests.trading.factories import make_server
from trading.operations.moving import rules_of

pytestmark = pytest.mark.integration

RIGHTS = ("mt4bridge.view_server", "mt4bridge.edit_server")
SECRET = "Sesame-open-1"
FILLED = {
    "name": "Aurora-MT5", "address": "mt5.aurora.example:443", "manager_login": "1000", "manager_password": SECRET,
    "tls_mode": "ca", "tls_pin": "", "tls_ca": "", "group_mask": "real*,!*test*", "history_from": "2025-01-01",
    "clock_zone": "America/New_York", "clock_shift_minutes": "420",
}  # fmt: skip
MIRROR = {
    "name": "Aurora-Mirror", "platform": "mt4", "engine": "mysql", "address": "10.0.0.5:3306", "database": "mt4",
    "schema": "", "user": "keel_read", "manager_password": SECRET, "tls_mode": "ca", "tls_ca": "", "group_mask": "*",
    "history_from": "2025-01-01", "clock_zone": "Europe/Athens", "clock_shift_minutes": "0",
}  # fmt: skip


@pytest.fixture
def staff(new_staff: Callable[..., User], as_staff: Callable[[User], Browser]) -> Browser:
    return as_staff(new_staff("Rita Risk", rights=RIGHTS))


@pytest.fixture(scope="module")
def mt5(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("servers")) as start:
        yield start(*SMALL_BOOK)


def settings_of(mt5: Simulator, **changes: str) -> dict[str, str]:
    return {
        **FILLED, "address": mt5.address, "manager_login": str(mt5.ready["login"]), "group_mask": "*",
        "manager_password": mt5.ready["password"], "tls_mode": "pin", "tls_pin": mt5.pin,
        "clock_zone": mt5.ready["clock_zone"], "clock_shift_minutes": str(mt5.ready["clock_shift_minutes"]), **changes,
    }  # fmt: skip


def add(staff: Browser, kind: str = "webapi", values: dict[str, str] = FILLED) -> MtServer:
    answer = staff.post(f"/office/servers/new/{kind}/", values)
    assert answer.status_code == 302, errors(answer)
    return MtServer.objects.get(name=values["name"])


def test_a_server_is_added_with_its_password_sealed_and_stands_in_list_and_trail(staff: Browser) -> None:
    server = add(staff)

    assert (server.kind, server.address, server.group_mask) == ("webapi", "mt5.aurora.example:443", "real*,!*test*")
    assert server.manager_password() == SECRET
    assert rows(staff.get("/office/servers/")) == [
        ["Aurora-MT5MetaTrader 5 · mt5.aurora.example:443", "MT5 Web API", "\N{EM DASH}", "Not contacted yet"]
    ]
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_label) == ("mt4bridge.register_server", "rita.risk@aurora.example")
    assert servers_to_contact(now=timezone.now()) == [server.pk]


def test_a_bridge_has_a_platform_a_key_and_a_secret(staff: Browser) -> None:
    page = staff.get("/office/servers/new/httpbridge/").content.decode()
    server = add(staff, "httpbridge", {**FILLED, "platform": "mt4"})

    assert "Number of the key" in page
    assert "Secret of the key" in page
    assert (server.kind, server.platform, server.manager_login) == ("httpbridge", "mt4", int(FILLED["manager_login"]))
    assert server.manager_password() == FILLED["manager_password"]


def test_a_mirror_keeps_what_its_kind_needs(staff: Browser) -> None:
    server = add(staff, "mirror", MIRROR)

    assert (server.kind, server.platform, server.manager_login) == ("mirror", "mt4", 0)
    assert server.options == {"engine": "mysql", "database": "mt4", "schema": "", "user": "keel_read"}


def test_a_server_of_files_has_no_address_and_no_password(staff: Browser) -> None:
    values = {"name": "Old-MT4", "platform": "mt4", "clock_zone": "Europe/Athens", "clock_shift_minutes": "0"}

    server = add(staff, "files", values)

    assert (server.kind, server.address, server.tls_mode) == ("files", "", "ca")
    assert tree(staff.get(f"/office/servers/{server.pk}/")).xpath("//form[contains(@action, '/test/')]") == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"address": "mt5.example"}, "the address must look like host:port"),
        ({"clock_zone": "Mars/Base"}, "the time zone is not known"),
        ({"clock_shift_minutes": "9999"}, "the shift is longer than a day"),
        ({"tls_mode": "pin", "tls_pin": "abc"}, "the pin must be 64 hexadecimal digits"),
        ({"tls_ca": "not a certificate"}, "these are no certificates in PEM form"),
        ({"tls_mode": "off"}, "Tick this to connect without a check, or choose another one."),
        ({"history_from": "1066-10-14"}, "This is no day of trading."),
        ({"manager_password": ""}, "This field is required."),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(staff: Browser, changes: dict[str, str], sentence: str) -> None:
    answer = staff.post("/office/servers/new/webapi/", {**FILLED, **changes})

    assert answer.status_code == 422
    assert [error for error in errors(answer) if sentence in error]
    field = next(iter(changes)) if "tls_mode" not in changes else next(reversed(changes))
    field = "tls_off_sure" if changes == {"tls_mode": "off"} else field
    assert tree(answer).xpath(f"//*[@id='id_{field}_error']")
    assert not MtServer.objects.exists()
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("changes", [{"database": "mt4`; DROP"}, {"user": ""}, {"engine": "sqlite"}])
def test_a_mirror_refuses_names_that_no_database_has(staff: Browser, changes: dict[str, str]) -> None:
    answer = staff.post("/office/servers/new/mirror/", {**MIRROR, **changes})

    assert (answer.status_code, MtServer.objects.count()) == (422, 0)
    assert tree(answer).xpath(f"//*[@id='id_{next(iter(changes))}_error']")


def test_two_servers_cannot_share_a_name(staff: Browser) -> None:
    add(staff)

    answer = staff.post("/office/servers/new/webapi/", FILLED)

    assert (answer.status_code, errors(answer)) == (422, ["There is an MT server called Aurora-MT5 already."])


def test_an_edit_keeps_the_password_and_no_page_ever_shows_it(staff: Browser) -> None:
    server = add(staff)
    page = f"/office/servers/{server.pk}/"

    shown = [staff.get(page), staff.get(f"{page}edit/")]
    answer = staff.post(f"{page}edit/", {**FILLED, "name": "Aurora-Real", "manager_password": ""}, follow=True)

    server.refresh_from_db()
    assert (server.name, server.manager_password()) == ("Aurora-Real", SECRET)
    assert (heading(answer), messages(answer)) == ("Aurora-Real", ["The settings of Aurora-Real are stored."])
    assert all(SECRET not in one.content.decode() for one in (*shown, answer))
    trail = AuditEvent.objects.filter(action="mt4bridge.edit_server").get()
    assert (trail.before, trail.after) == ({"name": "Aurora-MT5"}, {"name": "Aurora-Real"})


@pytest.mark.parametrize("changes", [{"address": "evil.example:443"}, {"tls_mode": "off", "tls_off_sure": "on"}])
def test_a_stored_password_is_never_sent_to_another_place(staff: Browser, changes: dict[str, str]) -> None:
    server = add(staff)

    answer = staff.post(f"/office/servers/{server.pk}/edit/", {**FILLED, **changes, "manager_password": ""})

    server.refresh_from_db()
    assert answer.status_code == 422
    assert "type the password again, because it would go to another place" in errors(answer)[0]
    assert (server.address, server.tls_mode) == ("mt5.aurora.example:443", "ca")


def test_testing_shows_clock_and_groups_and_leaves_a_trace(staff: Browser, mt5: Simulator) -> None:
    server = add(staff, values=settings_of(mt5))

    answer = staff.post(f"/office/servers/{server.pk}/test/")

    found = facts(answer, "Answer of the server")
    assert "The connection works" in text_of(tree(answer))
    assert "does not fit" not in text_of(tree(answer))
    assert found["Minutes ahead of UTC"] in {"120", "180"}
    assert "demo" in found["MT groups it shows"] or "real" in found["MT groups it shows"]
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.after["outcome"]) == ("mt4bridge.test_server", "ok")


def test_a_test_is_noted_although_no_transaction_is_open(committed_database: dict[str, str]) -> None:
    server = make_server()

    note_test(server=server, outcome="ok", actor=Actor.system("test"), now=timezone.now())

    assert AuditEvent.objects.get(action="mt4bridge.test_server").after["outcome"] == "ok"


def test_a_wrong_clock_is_told_with_the_shift_that_fits(staff: Browser, mt5: Simulator) -> None:
    right = int(mt5.ready["clock_shift_minutes"])
    server = add(staff, values=settings_of(mt5, clock_shift_minutes=str(right - 60)))

    answer = staff.post(f"/office/servers/{server.pk}/test/")

    assert f"With this time zone, {right} minutes added would fit." in text_of(tree(answer))


@pytest.mark.parametrize(
    ("changes", "sentence", "code"),
    [
        ({"manager_password": "Wrong-1234"}, "the API password or the manager's right to connect is wrong",
         "wrong_password"),
        ({"tls_pin": "ab" * 32}, "is not the expected one", "untrusted_certificate"),
        ({"tls_mode": "ca", "tls_pin": ""}, "is not the expected one", "untrusted_certificate"),
        ({"address": "127.0.0.1:9"}, "does not answer (Connection refused)", "server_unreachable"),
    ],
)  # fmt: skip
def test_each_failure_is_a_sentence(
    staff: Browser, mt5: Simulator, changes: dict[str, str], sentence: str, code: str
) -> None:
    server = add(staff, values=settings_of(mt5, **changes))

    answer = staff.post(f"/office/servers/{server.pk}/test/")

    assert answer.status_code == 200
    assert [error for error in errors(answer) if sentence in error]
    assert AuditEvent.objects.latest("pk").after["outcome"] == code


def test_an_impostor_is_called_one(staff: Browser, tmp_path: Path) -> None:
    with simulators(tmp_path) as start:
        impostor = start(*SMALL_BOOK, "--faults", "impostor")
        server = add(staff, values=settings_of(impostor))

        answer = staff.post(f"/office/servers/{server.pk}/test/")

    assert "could not prove that it knows the manager password" in errors(answer)[0]


def test_a_server_that_is_switched_off_is_left_alone(staff: Browser) -> None:
    server = add(staff)

    staff.post(f"/office/servers/{server.pk}/switch/", {"active": "0"})
    assert servers_to_contact(now=timezone.now()) == []
    staff.post(f"/office/servers/{server.pk}/switch/", {"active": "1"})

    assert servers_to_contact(now=timezone.now()) == [server.pk]
    trail = AuditEvent.objects.filter(action="mt4bridge.edit_server").order_by("pk")
    assert [event.after for event in trail] == [{"is_active": False}, {"is_active": True}]


def test_who_may_only_look_sees_no_button_and_cannot_post(
    staff: Browser, new_staff: Callable[..., User], as_staff: Callable[[User], Browser]
) -> None:
    server = add(staff)
    looker = as_staff(new_staff("Ann Auditor", rights=("mt4bridge.view_server",)))

    page = looker.get(f"/office/servers/{server.pk}/")

    assert tree(page).xpath("//form[contains(@action, '/office/servers/')]") == []
    assert looker.post(f"/office/servers/{server.pk}/test/").status_code == 403
    assert looker.post(f"/office/servers/{server.pk}/edit/", FILLED).status_code == 403


def test_patience_is_set_within_its_bounds_and_stands_in_the_trail(
    new_staff: Callable[..., User], as_staff: Callable[[User], Browser]
) -> None:
    staff = as_staff(new_staff("Rita Risk", rights=(*RIGHTS, "trading.edit_sending_rules")))
    server = add(staff)
    address = f"/office/servers/{server.pk}/patience/"
    shown = tree(staff.get(address)).xpath("//form[@method='post' and not(@action)]//input[@type='text']/@value")
    wanted = {"settle_window_s": "240", "read_gap_s": "60", "lease_s": "90", "max_attempts": "5"}

    short = staff.post(address, {**wanted, "settle_window_s": "89"})
    many = staff.post(address, {**wanted, "max_attempts": "11"})
    stored = staff.post(address, wanted)

    assert shown == ["90", "60", "90", "3"]
    assert [(answer.status_code, errors(answer)) for answer in (short, many)] == [
        (422, ["From 90 to 3600."]), (422, ["From 1 to 10."]),
    ]  # fmt: skip
    assert stored.status_code == 302
    rules = rules_of(server.pk)
    assert (rules.settle_window, rules.max_attempts) == (timedelta(seconds=240), 5)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.before, event.after) == (
        "trading.edit_sending_rules",
        {"settle_window_s": 90, "read_gap_s": 60, "lease_s": 90, "max_attempts": 3},
        {"settle_window_s": 240, "read_gap_s": 60, "lease_s": 90, "max_attempts": 5},
    )
