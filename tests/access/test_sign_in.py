"""Sign-in: throttled in the database, the same for known and unknown people, sessions that end."""

import threading
import time
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
import time_machine
from django import test
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.urls import reverse

from access.enums import UserKind
from access.middleware import BACKGROUND, LIMITS
from access.models import AuditEvent, SignInAttempt, User
from access.services import create_user, set_password, set_user_active, sign_in, sweep_sign_in_attempts
from access.services.sign_in import ADDRESS_LIMIT, IP_LIMIT, KEEP_ATTEMPTS, PAIR_LIMIT, TOO_MANY, WINDOW, WRONG
from access.types import Actor
from clients.services import create_client
from tenancy.models import Broker
from tests.conftest import get_broker

PASSWORD = "violet harbour 29"
EMAIL, IP = "maria@example.com", "10.0.0.1"
SYSTEM = Actor.system("test")


@pytest.fixture
def user(broker: Broker, now: datetime) -> User:
    return _user(now)


def _user(now: datetime, *, kind: UserKind = UserKind.CLIENT, email: str = EMAIL) -> User:
    user = create_user(email=email, name="Maria", kind=kind, password=PASSWORD, actor=SYSTEM, now=now)
    if kind == UserKind.CLIENT:
        create_client(name="Maria", email=email, user=user, actor=SYSTEM, now=now)
    return user


def _fail(now: datetime, count: int, *, email: str = EMAIL, ip: str = IP) -> None:
    SignInAttempt.objects.bulk_create([SignInAttempt(email=email, ip=ip, at=now) for _ in range(count)])


@pytest.mark.unit
def test_right_password_signs_in_and_is_recorded(user: User, now: datetime) -> None:
    outcome = sign_in(email=" MARIA@example.com ", password=PASSWORD, ip=IP, now=now, request_id="r1")

    assert (outcome.user, str(outcome.refusal)) == (user, "")
    assert SignInAttempt.objects.values_list("email", "ip", "succeeded").get() == (EMAIL, IP, True)
    event = AuditEvent.objects.values_list("actor_kind", "actor_user", "ip", "request_id").get(action="access.sign_in")
    assert event == ("client", user.pk, IP, "r1")


@pytest.mark.unit
@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_wrong_password_and_unknown_address_get_the_same_answer(user: User, now: datetime, email: str) -> None:
    outcome = sign_in(email=email, password="wrong password", ip=IP, now=now)

    assert (outcome.user, outcome.refusal) == (None, WRONG)
    assert SignInAttempt.objects.values_list("email", "succeeded").get() == (email, False)
    assert AuditEvent.objects.filter(action="access.sign_in_failed").count() == (1 if email == EMAIL else 0)


@pytest.mark.unit
def test_unknown_address_takes_the_time_of_a_known_one(broker: Broker, settings: Any, now: datetime) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]  # at its real cost
    _user(now)

    def seconds(email: str, place: int) -> float:
        started = time.process_time()
        sign_in(email=email, password="wrong password", ip=f"10.0.1.{place}", now=now)
        return time.process_time() - started

    known = median(seconds(EMAIL, place) for place in range(9))
    unknown = median(seconds("nobody@example.com", place) for place in range(9))

    assert abs(known - unknown) < max(0.05, known / 2)
    assert unknown > 0.01  # a hash was computed


@pytest.mark.unit
def test_inactive_user_gets_the_same_answer(user: User, now: datetime) -> None:
    set_user_active(user=user, is_active=False, actor=SYSTEM, reason="left", now=now)

    assert sign_in(email=EMAIL, password=PASSWORD, ip=IP, now=now).refusal == WRONG


@pytest.mark.unit
def test_guessing_from_one_place_is_stopped_and_reopens(user: User, now: datetime) -> None:
    answers = [sign_in(email=EMAIL, password="wrong password", ip=IP, now=now).refusal for _ in range(PAIR_LIMIT + 1)]

    assert answers == [WRONG] * PAIR_LIMIT + [TOO_MANY]
    assert sign_in(email=EMAIL, password=PASSWORD, ip=IP, now=now).refusal == TOO_MANY
    assert sign_in(email=EMAIL, password=PASSWORD, ip="10.0.0.2", now=now).user == user
    assert sign_in(email=EMAIL, password=PASSWORD, ip=IP, now=now + WINDOW).user == user


@pytest.mark.unit
def test_guessing_many_addresses_from_one_place_is_stopped(user: User, now: datetime) -> None:
    for place in range(IP_LIMIT):
        _fail(now, 1, email=f"guess{place}@example.com")

    assert sign_in(email=EMAIL, password=PASSWORD, ip=IP, now=now).refusal == TOO_MANY


@pytest.mark.unit
def test_guessing_one_address_from_everywhere_does_not_lock_its_owner_out(user: User, now: datetime) -> None:
    assert sign_in(email=EMAIL, password=PASSWORD, ip="10.9.9.9", now=now - timedelta(days=2)).user == user
    for place in range(ADDRESS_LIMIT):
        _fail(now, 1, ip=f"10.1.{place // 200}.{place % 200}")

    assert sign_in(email=EMAIL, password=PASSWORD, ip="10.5.5.5", now=now).refusal == TOO_MANY
    assert sign_in(email=EMAIL, password=PASSWORD, ip="10.9.9.9", now=now).user == user


@pytest.mark.integration
def test_parallel_guesses_share_one_count(committed_database: dict[str, str], now: datetime) -> None:
    _user(now)
    aurora = get_broker("aurora")
    connection.set_tenant(aurora)
    answers: list[object] = []

    def guess() -> None:
        connection.set_tenant(aurora)
        answers.append(sign_in(email=EMAIL, password="wrong password", ip=IP, now=now).refusal)
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(PAIR_LIMIT + 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert (answers.count(WRONG), answers.count(TOO_MANY)) == (PAIR_LIMIT, 7)


@pytest.mark.unit
def test_old_attempts_are_swept(user: User, now: datetime) -> None:
    _fail(now - KEEP_ATTEMPTS - timedelta(seconds=1), 2)
    _fail(now, 1)

    assert sweep_sign_in_attempts(now=now) == 2
    assert SignInAttempt.objects.count() == 1


class Browser(test.Client):
    """A browser at aurora; afterwards the test's broker is in force again."""

    def __init__(self) -> None:
        super().__init__(headers={"host": "aurora.localhost"})
        self.broker = connection.tenant

    def request(self, **request: object) -> HttpResponse:
        try:
            return super().request(**request)
        finally:
            connection.set_tenant(self.broker)


def _signed_in(email: str = EMAIL) -> Browser:
    browser = Browser()
    answer = browser.post(reverse("sign_in"), {"email": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return browser


def _is_in(browser: Browser, **headers: str) -> bool:
    answer = browser.get(reverse("portal:home"), headers=headers)
    assert answer.status_code in {200, 302, 403}
    return answer.status_code != 302


@pytest.mark.integration
def test_session_id_changes_at_sign_in(user: User) -> None:
    browser = Browser()
    browser.get(reverse("sign_in"))
    session = browser.session
    session["planted"] = "yes"
    session.save()
    browser.cookies["session"] = session.session_key

    browser.post(reverse("sign_in"), {"email": EMAIL, "password": PASSWORD})

    assert browser.cookies["session"].value != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()


@pytest.mark.integration
@pytest.mark.parametrize("kind", [UserKind.STAFF, UserKind.CLIENT])
def test_session_ends_when_idle_and_when_old(broker: Broker, now: datetime, kind: UserKind) -> None:
    limit = LIMITS[kind]
    with time_machine.travel(now, tick=False) as clock:
        _user(now, kind=kind)
        browser = _signed_in()
        clock.shift(limit.idle - timedelta(seconds=1))
        assert _is_in(browser)
        clock.shift(limit.idle)
        assert not _is_in(browser)

        browser = _signed_in()
        step = limit.idle - timedelta(minutes=1)
        answers = []
        for _ in range(-(-limit.total // step)):
            answers.append(_is_in(browser))
            clock.shift(step)
        assert set(answers) == {True}
        assert not _is_in(browser)


@pytest.mark.integration
def test_a_page_that_refreshes_itself_keeps_no_session_alive(user: User, now: datetime) -> None:
    with time_machine.travel(now, tick=False) as clock:
        browser = _signed_in()
        for _ in range(3):
            clock.shift(LIMITS[UserKind.CLIENT].idle / 3)
            alive = _is_in(browser, **{BACKGROUND: "1"})

        assert not alive


@pytest.mark.integration
def test_new_password_and_deactivation_end_every_session(user: User, now: datetime) -> None:
    browser, other = _signed_in(), _signed_in()
    assert (_is_in(browser), _is_in(other)) == (True, True)

    set_password(user=user, password="another harbour 30", actor=SYSTEM, now=now)
    assert (_is_in(browser), _is_in(other)) == (False, False)

    set_password(user=user, password=PASSWORD, actor=SYSTEM, now=now)
    browser = _signed_in()
    set_user_active(user=user, is_active=False, actor=SYSTEM, reason="left", now=now)
    assert not _is_in(browser)


@pytest.mark.integration
def test_session_of_one_broker_means_nothing_at_another(user: User) -> None:
    browser = _signed_in()

    answer = browser.get(reverse("portal:home"), headers={"host": "borealis.localhost"})

    assert answer.status_code == 302


@pytest.mark.integration
def test_forged_forwarded_address_is_not_believed(user: User) -> None:
    for place in range(PAIR_LIMIT + 1):
        answer = Browser().post(
            reverse("sign_in"), {"email": EMAIL, "password": "wrong"}, headers={"x-forwarded-for": f"10.7.7.{place}"}
        )

    assert str(TOO_MANY) in answer.content.decode()
    assert set(SignInAttempt.objects.values_list("ip", flat=True)) == {"127.0.0.1"}
