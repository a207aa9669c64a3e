# ruff: noqa: F811 -- fixtures come from other folders
"""Uploaded histories, from the page to the stored deal: real statements in any order, and what is said of each file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent, User
from crm.flows import account_flow, deal_flow, upload_flow
from mt4bridge.enums import ServerKind, UploadState
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import FileDeal, HistoryUpload, MtServer
from mt4bridge.server_settings import ServerSettings
from mt4bridge.services import add_server
from tests.backoffice.conftest import OPENED, SYSTEM, as_staff, make_client, new_staff  # noqa: F401 -- fixtures
from tests.backoffice.pages import errors, facts, messages, text_of, tree
from tests.mt4bridge.conftest import histories  # noqa: F401 -- a fixture
from tests.mt4bridge.reports import DEALS, report_html, report_xlsx
from tests.trading.factories import make_server
from trading.models import Deal, HeldDeal, Symbol
from trading.queries import book_summaries
from trading.sync.models import ServerAccount
from trading.sync.services import assign_account

pytestmark = pytest.mark.integration

RIGHTS = ("mt4bridge.view_server", "mt4bridge.upload_history")
STATEMENTS = (
    "mt4_statement_2019-06-13_jpy.htm", "mt4_statement_2019-07-14_jpy.htm", "mt4_statement_2019-09-21_jpy.htm",
    "mt4_statement_2020-05-16_jpy.htm",
)  # fmt: skip


@pytest.fixture
def server(broker: object) -> MtServer:
    settings = ServerSettings(
        name="Old files", kind=ServerKind.FILES, history_from=OPENED.replace(year=2000), clock_zone="Europe/Athens",
        clock_shift_minutes=0,
    )  # fmt: skip
    close_gateways()
    return add_server(settings=settings, manager_password="", actor=SYSTEM, now=OPENED)


@pytest.fixture
def staff(new_staff: Callable[..., User], as_staff: Callable[[User], Browser]) -> Browser:
    return as_staff(new_staff("Rita Risk", rights=RIGHTS))


def hand_over(
    staff: Browser, server: MtServer, content: bytes, name: str = "report.htm", **fields: str
) -> HistoryUpload:
    file = SimpleUploadedFile(name, content)
    answer = staff.post(f"/office/servers/{server.pk}/files/", {"file": file, **fields})
    assert answer.status_code == 302, errors(answer)
    return HistoryUpload.objects.get(pk=int(answer.url.rstrip("/").rpartition("/")[2]))


def confirm(staff: Browser, upload: HistoryUpload, *, size: str = "100000", quote: str = "USD") -> None:
    page = tree(staff.get(f"/office/uploads/{upload.pk}/"))
    names = page.xpath("//form[contains(@action, '/confirm/')]//input[@name]/@name")
    values = {name: size if name.startswith("size_") else quote for name in names if "_" in name}
    answer = staff.post(f"/office/uploads/{upload.pk}/confirm/", values, follow=True)
    assert messages(answer) == ["The file is confirmed and is recorded in the next round."], errors(answer)


def rounds(server: MtServer, *, count: int = 1) -> None:
    """Do what the walker's task does."""
    for _ in range(count):
        now, gateway = timezone.now(), open_gateway(server)
        account_flow.introduce(server=server, gateway=gateway, now=now)
        upload_flow.take_uploads(server=server, gateway=gateway, now=now)
        deal_flow.walk(server=server, gateway=gateway, now=now)


def give_account(server: MtServer, login: int) -> None:
    account = ServerAccount.objects.get(server=server, login=login)
    assign_account(account=account, client=make_client(), actor=SYSTEM, now=timezone.now())


@pytest.mark.parametrize("order", [(3, 0, 2, 1), (0, 1, 2, 3)], ids=["newest first", "as printed"])
def test_the_real_statements_in_any_order_end_with_the_totals_of_the_last(
    staff: Browser,
    server: MtServer,
    histories: Path,
    order: tuple[int, ...],
) -> None:
    for number, index in enumerate(order):
        upload = hand_over(staff, server, (histories / STATEMENTS[index]).read_bytes(), STATEMENTS[index])
        assert upload.facts["differences"] == []
        confirm(staff, upload, size="100000", quote="JPY")
        rounds(server)
        if number == 0:
            give_account(server, 90010001)
            rounds(server)

    (book,) = book_summaries()
    assert (book.login, book.currency, book.balance, book.closed_profit, book.swap, book.open) == (
        90010001, "JPY", "151396", "-348433", "-171", 22,
    )  # fmt: skip
    closed = Deal.objects.filter(server=server, leg=1, revision=0)
    assert closed.filter(action=1).count() == 581  # a buy is closed by selling
    assert (closed.count(), Deal.objects.filter(server=server, action=2).count()) == (1761, 2)
    assert not HeldDeal.objects.filter(server=server, released_at__isnull=True).exists()
    assert set(HistoryUpload.objects.values_list("state", flat=True)) == {UploadState.TAKEN}


@pytest.mark.parametrize("content", [report_html(), report_xlsx()], ids=["html", "xlsx"])
def test_a_report_is_shown_confirmed_held_and_recorded(staff: Browser, server: MtServer, content: bytes) -> None:
    upload = hand_over(staff, server, content)

    before = staff.get(f"/office/uploads/{upload.pk}/")
    assert "This login belongs to nobody yet" in text_of(tree(before))
    shown = facts(before, "In the file")
    assert (shown["Closed trades"], shown["Balance in the Summary"]) == ("3", "10,247.00 USD")
    assert facts(before, "What it would change") == {
        "New deals": "8", "Changed deals": "0", "There already": "0", "Known better by another file": "0",
        "Held, since the file does not say enough": "0",
    }  # fmt: skip
    assert not FileDeal.objects.exists()
    confirm(staff, upload)
    rounds(server)
    assert facts(staff.get(f"/office/uploads/{upload.pk}/"), "What was recorded") == {
        "New deals": "0", "Changed deals": "0", "Held deals": "8",
    }  # fmt: skip
    give_account(server, 70010001)
    rounds(server)

    (book,) = book_summaries()
    assert (book.balance, book.currency, book.open) == ("10247.00", "USD", 1)
    actions = AuditEvent.objects.filter(action__contains="upload").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["mt4bridge.upload_history", "mt4bridge.confirm_upload"]


def test_the_same_file_is_one_upload_and_recording_twice_changes_nothing(staff: Browser, server: MtServer) -> None:
    first = hand_over(staff, server, report_html())
    confirm(staff, first)
    rounds(server)
    give_account(server, 70010001)
    rounds(server, count=2)
    count = Deal.objects.count()

    again = hand_over(staff, server, report_html(), "another name.htm")
    rounds(server)

    assert (again.pk, HistoryUpload.objects.count(), Deal.objects.count()) == (first.pk, 1, count)
    assert staff.post(f"/office/uploads/{first.pk}/confirm/", follow=True).status_code == 200
    assert FileDeal.objects.count() == count == len(DEALS)


def test_a_later_file_that_says_otherwise_is_shown_as_changed_and_becomes_a_revision(
    staff: Browser, server: MtServer
) -> None:
    confirm(staff, hand_over(staff, server, report_html()))
    rounds(server)
    give_account(server, 70010001)
    rounds(server)
    edited = (*DEALS[:7], (*DEALS[7][:8], "-2.40", *DEALS[7][9:12], "10 246.00", ""))
    head = (("Account:", "70010001 (USD, Sample-Live, real, Hedge)"), ("Date:", "2026.02.07 18:00"))

    upload = hand_over(staff, server, report_html(deals=edited, head=head))
    page = staff.get(f"/office/uploads/{upload.pk}/")

    (note,) = [text_of(note) for note in tree(page).xpath("//*[contains(@class, 'banner bad')]")]
    assert note.startswith("The file does not agree with itself")
    assert "the file says 10247.00, its rows add up to" in note
    assert (facts(page, "What it would change")["Changed deals"], facts(page, "What it would change")["New deals"]) == (
        "1", "0",
    )  # fmt: skip
    confirm(staff, upload)
    rounds(server)
    latest = Deal.objects.filter(ticket=9008).order_by("-revision").first()
    assert latest is not None
    assert (latest.revision, latest.commission_e8) == (1, -240_000_000)


def test_an_older_file_changes_nothing_that_a_later_one_knows(staff: Browser, server: MtServer) -> None:
    confirm(staff, hand_over(staff, server, report_html()))
    head = (("Account:", "70010001 (USD, Sample-Live, real, Hedge)"), ("Date:", "2026.01.01 18:00"))

    upload = hand_over(staff, server, report_html(deals=DEALS[:3], head=head))

    assert (
        facts(staff.get(f"/office/uploads/{upload.pk}/"), "What it would change")["Known better by another file"] == "3"
    )


def test_a_discarded_file_counts_for_nothing_and_may_come_again(staff: Browser, server: MtServer) -> None:
    upload = hand_over(staff, server, report_html())

    answer = staff.post(f"/office/uploads/{upload.pk}/discard/", follow=True)
    rounds(server)
    again = hand_over(staff, server, report_html())

    assert messages(answer) == ["report.htm is discarded."]
    assert (again.pk != upload.pk, Deal.objects.count(), FileDeal.objects.count()) == (True, 0, 0)
    upload.refresh_from_db()
    assert (upload.state, bytes(upload.content)) == (UploadState.DISCARDED, b"")


def test_a_csv_asks_for_login_and_currency(staff: Browser, server: MtServer) -> None:
    content = (Path(__file__).parent.parent / "mt4bridge" / "files" / "small_deals.csv").read_bytes()

    answer = staff.post(f"/office/servers/{server.pk}/files/", {"file": SimpleUploadedFile("d.csv", content)})
    upload = hand_over(staff, server, content, login="77", currency="usd")

    assert (answer.status_code, "type the login" in errors(answer)[0]) == (422, True)
    assert (upload.login, upload.currency) == (77, "USD")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n", "it is damaged. The reader says: expected an MT4 statement"),
        (b"PK\x03\x04nonsense", "damaged or encrypted zip file"),
        (b"x" * ((8 << 20) + 1), "The file is larger than 8 MB."),
        (b"", "The submitted file is empty."),
    ],
    ids=["picture", "broken zip", "too large", "empty"],
)
def test_what_is_no_history_is_refused_beside_the_field(
    staff: Browser, server: MtServer, content: bytes, sentence: str
) -> None:
    answer = staff.post(f"/office/servers/{server.pk}/files/", {"file": SimpleUploadedFile("a.htm", content)})

    assert answer.status_code == 422
    assert [error for error in errors(answer) if sentence in error]
    assert not HistoryUpload.objects.exists()


def test_a_symbol_without_contract_size_is_asked_for_and_never_guessed(staff: Browser, server: MtServer) -> None:
    upload = hand_over(staff, server, report_html())

    answer = staff.post(f"/office/uploads/{upload.pk}/confirm/", {"size_0": "0", "quote_0": "USD", "size_1": ""})

    assert answer.status_code == 422
    assert "A contract size is above 0." in errors(answer)
    upload.refresh_from_db()
    assert upload.state == UploadState.PENDING


def test_a_namesake_on_another_server_proposes_its_contract(staff: Browser, server: MtServer) -> None:
    live = make_server("Live")
    Symbol.objects.create(server=live, name="xau-usd.", contract_size_e8=100 * 10**8, digits=2, quote_currency="USD")
    upload = hand_over(staff, server, report_html())

    boxes = tree(staff.get(f"/office/uploads/{upload.pk}/")).xpath("//input[starts-with(@name, 'size_')]")

    labels = {text_of(box.xpath("../label")[0]): box.get("value") for box in boxes}
    assert labels == {"Contract size of EURUSD": None, "Contract size of XAUUSD": "100"}


def test_who_may_only_look_can_neither_upload_nor_confirm(
    staff: Browser,
    server: MtServer,
    new_staff: Callable[..., User],
    as_staff: Callable[[User], Browser],
) -> None:
    upload = hand_over(staff, server, report_html())
    looker = as_staff(new_staff("Ann Auditor", rights=("mt4bridge.view_server",)))

    assert tree(looker.get(f"/office/uploads/{upload.pk}/")).xpath("//form[contains(@action, '/uploads/')]") == []
    assert looker.post(f"/office/uploads/{upload.pk}/confirm/").status_code == 403
    assert looker.get(f"/office/servers/{server.pk}/files/").status_code == 403
