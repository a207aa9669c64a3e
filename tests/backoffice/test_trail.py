"""The audit trail with its filters, the four-eyes queue, and the search over everything."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.enums import ApprovalState
from access.models import Approval, AuditEvent, Role, RoleGrant, User
from access.queries import actor_for
from access.services import create_role, record_audit, request_role
from backoffice.audit_words import action_words
from backoffice.views.approvals import in_words
from tests.backoffice.conftest import OPENED, SYSTEM, Network, make_client
from tests.backoffice.pages import errors, fragment, messages, rows, text_of, tree
from trading.models import Deal

pytestmark = pytest.mark.integration

AUDIT_COST = 7  # statements of the list
DECIDES = ("backoffice.view_overview", "access.approve_role")


def record(at: datetime, action: str, object_id: int, **fields: object) -> AuditEvent:
    with transaction.atomic():
        return record_audit(
            actor=SYSTEM, action=action, object_type="ib", object_id=object_id, now=at,
            before=fields.get("before"), after=fields.get("after"), reason=str(fields.get("reason", "")),
        )  # fmt: skip


@pytest.fixture
def trail(broker: object) -> list[AuditEvent]:
    start = datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC)
    return [
        record(
            start, "ib.move_ib", 1, before={"parent": "7013"}, after={"parent": None, "active": True}, reason="Agreed"
        ),
        record(start + timedelta(seconds=1), "probe.unknown", 2, after={"email": "anna@example.com", "list": [1, 2]}),
    ]


def actions(answer: object) -> list[str]:
    return [row[2] for row in rows(answer)]


def test_trail_tells_who_what_before_and_after(office: Browser, trail: list[AuditEvent]) -> None:
    found = rows(office.get("/office/audit/", {"until": "2026-02-02", "since": "2026-02-01"}))

    assert found == [
        ["2026-02-02 00:00:00", "testSystem", "probe.unknownib 2", "—", "After: email a•••@example.comlist [1, 2]"],
        [
            "2026-02-01 23:59:59", "testSystem",
            "Move an IB, a client or a trading account within the networkib.move_ibib 1“Agreed”",
            "Before: parent 7013", "After: active yesparent —",
        ],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"action": "move"}, 1),
        ({"object_type": "ib", "object_id": "2"}, 1),
        ({"since": "2026-02-02", "until": "2026-02-02"}, 1),
        ({"since": "2026-02-01", "until": "2026-02-01"}, 1),
        ({"who": "nobody"}, 0),
        ({"who": "TEST", "object_type": "ib"}, 2),
    ],
)
def test_trail_is_narrowed(office: Browser, trail: list[AuditEvent], query: dict[str, str], found: int) -> None:
    answer = office.get("/office/audit/", query)

    assert len(tree(answer).xpath("//tbody/tr")) == found


def test_every_action_that_services_record_has_words() -> None:
    recorded = re.compile(r"""(?:action=f?|_audit\(|_record\([\w.]+, |_ACTION = )"([a-z0-9]+\.[a-z_]+)""")
    rooms = ("access", "clients", "commissions", "ib", "ledger", "mt4bridge", "notifications", "trading")
    sources = [
        path.read_text()
        for room in rooms
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py")
        if "migrations" not in path.parts
    ]

    codes = {code for source in sources for code in recorded.findall(source)}

    assert len(codes) > 20
    assert sorted(code for code in codes if not action_words(code)) == []


def test_approvals_are_told_with_their_state() -> None:
    assert action_words("access.grant_role:approved") == "Give staff a role (approved by a second person)"
    assert action_words("nobody.knows") == ""


def test_a_day_that_is_none_is_refused_and_shows_nothing(office: Browser, trail: list[AuditEvent]) -> None:
    answer = office.get("/office/audit/", {"since": "2026-02-30"})

    assert (answer.status_code, errors(answer)) == (422, ["Enter a valid date."])
    assert tree(answer).xpath("//tbody/tr") == []


def test_trail_goes_on_where_a_page_stopped_also_within_one_moment(office: Browser, broker: object) -> None:
    made = [record(OPENED, "probe.same_moment", number).object_id for number in range(120)]

    page, seen = office.get("/office/audit/", {"action": "same_moment"}), []
    while True:
        seen += [text_of(link).removeprefix("ib ") for link in tree(page).xpath("//tbody//a")]
        more = tree(page).xpath("//a[@rel='next']/@href")
        if not more:
            break
        page = fragment(office, f"/office/audit/{more[0]}")

    assert seen == made[::-1]


@pytest.mark.parametrize("count", [1, 3])
def test_trail_costs_the_same_for_1_and_3_events(office: Browser, broker: object, count: int) -> None:
    for number in range(count):
        record(OPENED, "probe.counted", number)
    office.get("/office/audit/", {"action": "counted"})

    with CaptureQueriesContext(connection) as queries:
        answer = office.get("/office/audit/", {"action": "counted"})

    assert len(rows(answer)) == count
    assert len(queries) == AUDIT_COST


@pytest.fixture
def request_for_role(new_staff: Callable[..., User]) -> Approval:
    """Ines asks that Ravi be given a role."""
    ines = new_staff("Ines Duarte", rights=("backoffice.view_overview", "access.request_role", "access.approve_role"))
    ravi = new_staff("Ravi Menon", rights=())
    role = create_role(code="payments", name="Payments", rights=["ledger.view_entry"], actor=SYSTEM, now=OPENED)
    return request_role(user=ravi, role=role, reason="Covers in December", actor=actor_for(ines), now=timezone.now())


def approvals(answer: object) -> list[str]:
    return [text_of(one.xpath(".//p")[0]) for one in tree(answer).xpath("//article")]


def test_a_second_person_sees_the_request_in_words_and_approves(
    request_for_role: Approval, new_staff: Callable[..., User], as_staff: Callable[[User], Browser]
) -> None:
    dana = as_staff(new_staff("Dana Kim", rights=DECIDES))

    page = dana.get("/office/approvals/")
    done = dana.post(f"/office/approvals/{request_for_role.pk}/", {"decision": "approve"}, follow=True)

    shown = text_of(tree(page).xpath("//article//dl")[0])
    assert shown == "ForRavi Menon (ravi.menon@aurora.example) RolePayments"
    assert messages(done) == ["Approved and done."]
    assert approvals(done) == []
    request_for_role.refresh_from_db()
    assert request_for_role.state == ApprovalState.APPROVED
    assert RoleGrant.objects.filter(user__name="Ravi Menon", role=Role.objects.get(code="payments")).count() == 1


def test_a_correction_is_told_in_figures_as_people_write_them(broker: object) -> None:
    totals = {"USD": "0E-8", "JPY": "-1200.50000000", "EUR": "11.44950000"}
    asked = Approval(object_type="correction", object_id="1", payload={"run": 1, "deals": 15200, "difference": totals})

    (wanted,) = in_words([asked])

    assert wanted.facts == [
        ("Deals that pay differently", "15,200"), ("Difference", "0.00 USD, −1,200.5 JPY, +11.4495 EUR"),
    ]  # fmt: skip


def test_who_asked_cannot_decide(request_for_role: Approval, as_staff: Callable[[User], Browser]) -> None:
    ines = as_staff(User.objects.get(name="Ines Duarte"))

    page = ines.get("/office/approvals/")
    answer = ines.post(f"/office/approvals/{request_for_role.pk}/", {"decision": "approve"})

    assert tree(page).xpath("//article//form") == []
    assert (answer.status_code, errors(answer)) == (
        422, ["You asked for this yourself. Somebody else has to decide."],
    )  # fmt: skip
    request_for_role.refresh_from_db()
    assert request_for_role.state == ApprovalState.REQUESTED


def test_refusing_takes_a_reason(
    request_for_role: Approval, new_staff: Callable[..., User], as_staff: Callable[[User], Browser]
) -> None:
    dana = as_staff(new_staff("Dana Kim", rights=DECIDES))
    page = f"/office/approvals/{request_for_role.pk}/"

    silent = dana.post(page, {"decision": "reject", "reason": " "})
    spoken = dana.post(page, {"decision": "reject", "reason": "Not needed"}, follow=True)

    assert (silent.status_code, errors(silent)) == (422, ["Say why, so that the person who asked understands."])
    assert messages(spoken) == ["Refused. Nothing was changed."]
    request_for_role.refresh_from_db()
    assert (request_for_role.state, request_for_role.decision_reason) == (ApprovalState.REJECTED, "Not needed")


def test_requests_that_one_may_not_decide_are_not_there(request_for_role: Approval, office: Browser) -> None:
    assert approvals(office.get("/office/approvals/")) == []
    assert office.post(f"/office/approvals/{request_for_role.pk}/", {"decision": "approve"}).status_code == 404


def hits(answer: object) -> list[str]:
    return [text_of(link) for link in tree(answer).xpath("//a[contains(@class, 'opt')]")]


def test_search_finds_clients_ibs_logins_and_tickets(office: Browser, network: Network) -> None:
    said = make_client("Omar Said")
    Deal.objects.create(
        server=network.account.server, ticket=50101, account=network.account, action=2, entry=0, reason=0, position=0,
        volume_e8=0, volume_closed_e8=0, price_e8=0, contract_size_e8=0, digits=0, profit_e8=0, swap_e8=0,
        commission_e8=0, fee_e8=0, deal_at=OPENED, recorded_at=OPENED,
    )  # fmt: skip

    by_name = hits(fragment(office, "/office/search/?q=omar"))
    by_number = hits(fragment(office, "/office/search/?q=50101"))

    assert by_name == [f"OSOmar Said{said.code}Client", "OFOmar Farouk7230IB"]
    assert by_number == [
        f"MLMaria Lopez{network.maria.code}Client",
        "50101Aurora-Live · Maria LopezTrading account",
        "50101Aurora-Live · 50101 · 2026-01-01 00:00Deal",
    ]


@pytest.mark.parametrize("words", ["nobody", "%", "9" * 30, "\x00", "<b>"])
def test_search_that_finds_nothing_says_so(office: Browser, network: Network, words: str) -> None:
    answer = office.get("/office/search/", {"q": words})

    assert (answer.status_code, hits(answer)) == (200, [])


def test_search_shows_only_what_one_may_see(
    new_staff: Callable[..., User], as_staff: Callable[[User], Browser], network: Network
) -> None:
    viewer = as_staff(new_staff("Vera Look", rights=("backoffice.view_overview",)))

    assert hits(viewer.get("/office/search/", {"q": "a"})) == []
    assert hits(viewer.get("/office/search/", {"q": "50101"})) == []


def test_menu_shows_only_what_one_may_open(
    new_staff: Callable[..., User], as_staff: Callable[[User], Browser], network: Network
) -> None:
    viewer = as_staff(new_staff("Vera Look", rights=("backoffice.view_overview", "ib.view_ib")))

    answer = viewer.get("/office/")

    menu = tree(answer).xpath("//aside//nav")[0]
    assert [text_of(link) for link in menu.xpath(".//a")] == ["Overview", "Approvals", "Introducing brokers"]
