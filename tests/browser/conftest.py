"""A running web server with a broker to look at, and the installed Chromium to look with."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from access.enums import UserKind
from access.models import Role, User
from access.services import create_user, grant_role
from commissions.levels.changes import place_ib
from commissions.levels.evaluation import evaluate_period, measure_progress, next_duty
from commissions.levels.exclusions import exclude_ib
from commissions.levels.ladders import create_ladder, publish_ladder_version
from commissions.levels.periods import PeriodKind, period_of
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import Plan
from commissions.settlement.round import settle_round
from house.browser import find_browser
from house.keel_processes import processes
from house.ports import free_port
from ib.models import IB
from mt4bridge.types import AccountState, PositionRow
from notifications.enums import MailTls, Outcome, Outgoing
from notifications.leasing import record, take_one
from notifications.models import Message
from notifications.services import MailSpec, queue_notice, save_mail_settings
from notifications.types import Answer, Recipient
from tests.browser.outbox import add_outbox
from tests.browser.partners import add_partner_pages
from tests.conftest import _use_database, get_broker
from tests.databases import ROOT, cloned_database, urls_for
from tests.portal.book import OPENED, PASSWORD, SYSTEM, Book, open_book
from trading.accounts import store_snapshots
from trading.models import TradingAccount

HOST = "aurora.localhost"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SIZES = {390: 844, 1440: 900}


@dataclass(frozen=True)
class Site:
    """The web server's address, and addresses of things that pages are about, by what they are."""

    base: str
    paths: dict[str, str]
    database: str


@dataclass
class Visit:
    """One page of the browser with everything that it complained about."""

    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.site.base + path)


@pytest.fixture(scope="session")
def site(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Serve a judged book from a database of its own, as in production: no debug mode, hashed and packed files."""
    if not (ROOT / "static" / "build" / "app.css").exists():
        _missing("the front-end is not built; ./run test builds it")
    before = connection.settings_dict["NAME"]
    with cloned_database() as name, django_db_blocker.unblock():
        _use_database(name)
        connection.set_tenant(get_broker("aurora"))
        account, deal_id, partner_paths = _fill(datetime.now(UTC))
        others = list(TradingAccount.objects.exclude(pk=account.pk).order_by("pk"))
        paths = {
            "account": f"/accounts/{account.pk}/", "why": f"/partner/rebates/{deal_id}/",
            "deal": f"/office/deals/{deal_id}/", "plan": f"/office/plans/{Plan.objects.get(code='master-plan').pk}/",
            "ib": f"/office/ibs/{IB.objects.get(code='MASTER').pk}/", **partner_paths,
            "staff_client": f"/office/clients/{account.client_id}/",
            "account_move": f"/office/clients/accounts/{account.pk}/move/",
            **add_outbox(account, others, datetime.now(UTC)),
            "message": f"/office/messages/{Message.objects.get(attempts=1).pk}/",
        }  # fmt: skip
        _use_database(before)
        state = tmp_path_factory.mktemp("state")
        environment = {**urls_for(name), "KEEL_DEBUG": "0", "KEEL_STATE_DIR": str(state)}
        _collect_static(environment)
        port = free_port()
        with processes(["web"], environment, web_port=port):
            yield Site(f"http://{HOST}:{port}", paths, name)


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Browser]:
    """Start the installed Chromium; without one the tests are skipped, in CI they fail."""
    path = find_browser()
    if path is None:
        _missing("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cookies(chromium: Browser, site: Site) -> Callable[[str], list[dict[str, str]]]:
    """Return the cookies of a person who signed in through the form; once for each person."""
    known: dict[str, list[dict[str, str]]] = {}

    def of(person: str) -> list[dict[str, str]]:
        if person not in known:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"{site.base}/sign-in/")
            page.fill("[name=email]", f"{person}@example.com")
            page.fill("[name=password]", PASSWORD)
            page.click("form[novalidate] [type=submit]")
            page.wait_for_url(lambda url: "sign-in" not in url)
            known[person] = [each for each in context.cookies() if each["name"] == "session"]
            context.close()
        return known[person]

    return of


@pytest.fixture
def visit(
    chromium: Browser, site: Site, cookies: Callable[[str], list[dict[str, str]]]
) -> Iterator[Callable[..., Visit]]:
    """Return an opener of pages for a person, a width, a theme and a language."""
    contexts: list[BrowserContext] = []

    def open_page(person: str = "", *, width: int = 1440, theme: str = "light", language: str = "en") -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": SIZES[width]}, locale="en-GB")
        contexts.append(context)
        chosen = [{"name": "theme", "value": theme}, {"name": "django_language", "value": language}]
        context.add_cookies([{**each, "url": site.base} for each in chosen])
        if person:
            context.add_cookies(cookies(person))
        return _watched(context.new_page(), site)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def served(site: Site, django_db_blocker: pytest.FixtureRequest) -> Callable[[Callable[[], object]], None]:
    """Return what runs something in the served database, as a worker does."""

    def run(work: Callable[[], object]) -> None:
        before = connection.settings_dict["NAME"]
        with django_db_blocker.unblock():
            _use_database(site.database)
            connection.set_tenant(get_broker("aurora"))
            try:
                work()
            finally:
                _use_database(before)
                connection.close()

    def in_thread(work: Callable[[], object]) -> None:
        with ThreadPoolExecutor(1) as pool:  # Playwright's event loop runs in this one, where Django reads no database
            pool.submit(run, work).result()

    return in_thread


@pytest.fixture
def settle(served: Callable[[Callable[[], object]], None]) -> Callable[[], None]:
    """Return what runs one round of settlement in the served database, as the worker does every half minute."""
    return lambda: served(lambda: settle_round(now=datetime.now(UTC)))


def _watched(page: Page, site: Site) -> Visit:
    visit = Visit(page, site)
    page.on("console", lambda message: message.type in {"error", "warning"} and visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    return visit


def _missing(what: str) -> None:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"Browser tests must run in CI, but {what}.")
    pytest.skip(f"Browser tests cannot run: {what}.")


def _collect_static(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, timeout=120)


def _fill(now: datetime) -> tuple[TradingAccount, int, dict[str, str]]:
    """Fill the broker in force: three IBs, clients who traded for weeks, one who signs in, staff with every right."""
    book = open_book()
    trader = create_user(
        email="trader@example.com",
        name="Chen Wei Ling",
        kind=UserKind.CLIENT,
        password=PASSWORD,
        actor=SYSTEM,
        now=OPENED,
    )
    accounts = [
        book.add_client("Amir Haddad", "leaf"),
        book.add_client("王雪梅", "sub"),
        book.add_client("Thabo Nkosi", "master"),
    ]
    own = book.add_client("Chen Wei Ling", "master", user=trader)
    for day in range(40):
        for number, account in enumerate([*accounts, own]):
            book.trade(
                account, lots=f"0.{1 + (day * 7 + number * 3) % 9}", at=now - timedelta(days=day, hours=1 + number)
            )
    held_short = book.trade(accounts[0], lots="3", at=now - timedelta(minutes=30), held=timedelta(seconds=5))
    paid = book.trade(accounts[0], lots="2", at=now - timedelta(minutes=20))
    book.judge(now=now)
    book.server.cursor.refresh_from_db()
    book.server.cursor.complete_until = now
    book.server.cursor.save(update_fields=["complete_until"])
    _tell_state(own, now)
    _add_staff()
    _add_levels(book, now)
    paths = add_partner_pages(book, own, now=now)
    _add_messages(now)
    assert held_short.pk < paid.pk
    return own, paid.pk, paths


def _tell_state(account: TradingAccount, now: datetime) -> None:
    state = AccountState(
        login=account.login, balance=Decimal("10450.22"), credit=Decimal(0), equity=Decimal("10462.42"),
        margin=Decimal("50.00"), margin_free=Decimal("10412.42"), floating=Decimal("12.20"), currency_digits=2,
    )  # fmt: skip
    position = PositionRow(
        position=771, login=account.login, symbol="EURUSD", action=0, volume_e8=10_000_000,
        price_open_e8=110_000_000, price_current_e8=110_125_000, profit=Decimal("12.50"), swap=Decimal("-0.30"),
        opened_at=now - timedelta(hours=3),
    )  # fmt: skip
    store_snapshots(server_id=account.server_id, states=[state], positions=[position], now=now)


def _add_levels(book: Book, now: datetime) -> None:
    """Evaluate last month by a ladder of four levels, whose changes wait for a person, and measure this one."""
    month = period_of(PeriodKind.MONTH, (now.replace(day=1) - timedelta(days=1)).date())
    steps = (("bronze", None, None), ("silver", "1", None), ("gold", "50", 2), ("platinum", "500", 5))
    levels = tuple(
        LevelTerms(code=code, name=code.title(), min_lots=lots and Decimal(lots), min_active_clients=clients)
        for code, lots, clients in steps
    )
    ladder = create_ladder(code="partners", name="Partners", actor=SYSTEM, now=OPENED)
    terms = LadderTerms(levels=levels, effective_date=month.first, demotion_after=2)
    publish_ladder_version(ladder=ladder, terms=terms, actor=SYSTEM, now=OPENED)
    since = month.moments("UTC")[0]
    place_ib(ib=book.ibs["master"], ladder=ladder, level_code="gold", at=since, reason="", actor=SYSTEM, now=OPENED)
    exclude_ib(ib=book.ibs["sub"], reason="own contract", until=None, actor=SYSTEM, now=OPENED)
    duty = next_duty(ladder, now=now)
    assert duty
    evaluate_period(duty=duty, now=now)
    measure_progress(ladder=ladder, now=now)


def _add_messages(now: datetime) -> None:
    """Leave a mail that is refused for now in the history, and notices for partner and staff."""
    for person in ("master", "dana"):
        user = User.objects.get(email=f"{person}@example.com")
        for number, amount in enumerate(("1,204.50", "96.00")):
            params = {"amount": amount, "currency": "USD", "first": "2026-02-01", "last": f"2026-02-{27 + number}"}
            to = Recipient(user_id=user.pk, name=user.name, email=user.email)
            made = now - timedelta(hours=3 - number)
            queue_notice(kind="statement_paid", to=to, params=params, key=f"paid:{person}:{number}", now=made)
    spec = MailSpec(host="mail.example.com", port=587, tls_mode=MailTls.STARTTLS, sender_address="desk@example.com")
    save_mail_settings(spec=spec, actor=SYSTEM, now=now)
    message = take_one(Outgoing.MAIL, sender_domain="example.com", now=now)
    assert message
    answer = Answer(Outcome.DELAYED, "recipient_delayed", "452 4.2.2 mailbox of master@example.com is full")
    record(message, answer, took_ms=180, now=now)


def _add_staff() -> None:
    """Add Dana, who holds every role, and Sam of Finance, the second person of her decisions."""
    for mailbox, name, roles in (
        ("dana", "Dana Kim", Role.objects.all()), ("sam", "Sam Rossi", Role.objects.filter(code="finance"))
    ):  # fmt: skip
        staff = create_user(
            email=f"{mailbox}@example.com", name=name, kind=UserKind.STAFF, password=PASSWORD, actor=SYSTEM, now=OPENED
        )
        for role in roles.order_by("pk"):
            grant_role(user=staff, role=role, actor=SYSTEM, now=OPENED)
