"""Come in and go out: one page for staff, clients and IBs."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from access.enums import UserKind
from access.models import AuditEvent, User
from clients.models import Client
from tests.portal.conftest import PASSWORD

pytestmark = pytest.mark.integration


def sign_in(browser: Browser, email: str, password: str = PASSWORD, **more: str) -> object:
    return browser.post("/sign-in/", {"email": email, "password": password, **more})


def test_the_page_offers_three_languages_and_keeps_the_policy(browser: Browser) -> None:
    answer = browser.get("/sign-in/")

    assert answer.status_code == 200
    html = answer.content.decode()
    assert [f'value="{code}"' in html for code in ("en", "zh-hans", "zh-hant")] == [True] * 3
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"HX-Request", "HX-Request-Type"} <= {part.strip() for part in answer.headers["Vary"].split(",")}
    assert "style=" not in html
    assert "<script>" not in html


def test_a_trader_comes_to_the_accounts(browser: Browser, trader: Client) -> None:
    answer = sign_in(browser, "Trader@Example.com")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert browser.get("/").headers["Location"] == "/accounts/"


def test_staff_come_to_the_back_office(browser: Browser, new_user: Callable[..., User]) -> None:
    new_user("dana@example.com", kind=UserKind.STAFF)
    sign_in(browser, "dana@example.com")

    assert browser.get("/").headers["Location"] == "/office/"


def test_a_user_without_client_is_told_so(browser: Browser, new_user: Callable[..., User]) -> None:
    new_user("nobody@example.com")
    sign_in(browser, "nobody@example.com")

    assert "not linked to a client yet" in browser.get("/").content.decode()


def test_a_wrong_password_stays_on_the_form(browser: Browser, trader: Client) -> None:
    answer = sign_in(browser, "trader@example.com", "wrong password, sorry")

    assert answer.status_code == 422
    html = answer.content.decode()
    assert "This e-mail address and password do not fit together." in html
    assert 'value="trader@example.com"' in html
    assert "wrong password" not in html


def test_an_empty_form_names_its_fields(browser: Browser) -> None:
    answer = browser.post("/sign-in/", {"email": "", "password": ""})

    assert answer.status_code == 422
    assert answer.content.decode().count('class="err"') == 2


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/accounts/", "/accounts/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_only_own_pages_follow_a_sign_in(browser: Browser, trader: Client, wanted: str, goes_to: str) -> None:
    answer = sign_in(browser, "trader@example.com", next=wanted)

    assert answer.headers["Location"] == goes_to


def test_the_person_s_language_is_spoken_unless_another_was_chosen(
    browser: Browser, new_user: Callable[..., User]
) -> None:
    new_user("mei@example.com", language="zh-hant")

    assert sign_in(browser, "mei@example.com").cookies["django_language"].value == "zh-hant"

    browser.cookies["django_language"] = "en"
    assert "django_language" not in sign_in(browser, "mei@example.com").cookies


def test_the_language_switch_sets_its_cookie_and_returns(browser: Browser) -> None:
    answer = browser.post("/language/", {"language": "zh-hans", "next": "/sign-in/"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
    assert '<html lang="zh-Hans"' in browser.get("/sign-in/").content.decode()


@pytest.mark.parametrize(
    ("cookie", "attribute"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ("x", "")]
)
def test_the_theme_of_the_cookie_is_drawn_by_the_server(browser: Browser, cookie: str, attribute: str) -> None:
    browser.cookies["theme"] = cookie

    assert f'<html lang="en"{attribute}>' in browser.get("/sign-in/").content.decode()


def test_signing_out_ends_the_session_and_is_recorded(browser: Browser, trader: Client) -> None:
    sign_in(browser, "trader@example.com")

    assert browser.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert browser.get("/accounts/").headers["Location"] == "/sign-in/?next=/accounts/"
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[-1] == "access.sign_out"


def test_signing_out_takes_a_post(browser: Browser) -> None:
    assert browser.get("/sign-out/").status_code == 405


def test_a_fragment_after_the_session_ended_leads_the_whole_page_to_sign_in(browser: Browser) -> None:
    answer = browser.get("/accounts/", headers={"HX-Request": "true", "HX-Request-Type": "partial"})

    assert (answer.status_code, answer.headers["HX-Redirect"], answer.content) == (401, "/sign-in/", b"")
