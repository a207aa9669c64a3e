"""Real PostgreSQL and Valkey servers, started, shared, stopped, and apart from each other."""

import os
import signal

import psycopg2
import pytest
import redis

from house.checkout import Checkout
from house.identity import ProcessIdentity, is_alive, wait_until_gone
from house.service import running_service
from house.services import keep_services, services
from house.trouble import Trouble
from tests.house.conftest import MakeCheckout

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def own_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the addresses that this test run itself was given."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KEEL_ADMIN_DATABASE_URL", "KEEL_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


def server(checkout: Checkout, name: str) -> ProcessIdentity:
    found = running_service(checkout.state / f"{name}.json")
    assert found is not None
    return found


def ask_postgres(url: str, question: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def test_services_answer_inside_the_block_and_are_gone_after_it(own_checkout: Checkout) -> None:
    with services(own_checkout) as addresses:
        version = ask_postgres(addresses["KEEL_ADMIN_DATABASE_URL"], "SHOW server_version_num")
        locks = ask_postgres(addresses["KEEL_ADMIN_DATABASE_URL"], "SHOW max_locks_per_transaction")
        valkey = redis.Redis.from_url(addresses["REDIS_URL"])
        policy = valkey.config_get("maxmemory-policy")
        valkey.close()
        started = [server(own_checkout, "postgres"), server(own_checkout, "valkey")]

    assert int(str(version)) >= 180000
    assert locks == "256"
    assert policy == {"maxmemory-policy": "noeviction"}
    assert [is_alive(process) for process in started] == [False, False]


def test_servers_refuse_whoever_lacks_the_password(own_checkout: Checkout) -> None:
    with services(own_checkout) as addresses:
        wrong_database_url = addresses["KEEL_ADMIN_DATABASE_URL"].replace("postgres:", "postgres:not-", 1)
        wrong_valkey_url = addresses["REDIS_URL"].replace("redis://:", "redis://:not-")

        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(wrong_database_url)
        valkey = redis.Redis.from_url(wrong_valkey_url)
        with pytest.raises(redis.AuthenticationError):
            valkey.ping()
        valkey.close()


def test_second_user_reuses_the_servers_and_the_last_one_stops_them(own_checkout: Checkout) -> None:
    first_user = services(own_checkout)
    first_addresses = first_user.__enter__()
    started = [server(own_checkout, "postgres"), server(own_checkout, "valkey")]

    with services(own_checkout) as second_addresses:
        first_user.__exit__(None, None, None)

        assert second_addresses == first_addresses
        assert [is_alive(process) for process in started] == [True, True]

    assert [is_alive(process) for process in started] == [False, False]


def test_kept_servers_outlive_their_user_until_that_is_undone(own_checkout: Checkout) -> None:
    keep_services(own_checkout, up=True)
    with services(own_checkout):
        started = server(own_checkout, "postgres")
    assert is_alive(started)

    keep_services(own_checkout, up=False)
    with services(own_checkout):
        assert server(own_checkout, "postgres") == started

    assert not is_alive(started)


def test_killed_postgres_comes_back_with_its_data_and_its_address(own_checkout: Checkout) -> None:
    with services(own_checkout) as before:
        ask_postgres(before["KEEL_ADMIN_DATABASE_URL"], "SELECT 1")
        connection = psycopg2.connect(before["KEEL_ADMIN_DATABASE_URL"])
        connection.autocommit = True
        connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.close()
        killed = server(own_checkout, "postgres")
        os.kill(killed.pid, signal.SIGKILL)
        assert wait_until_gone(killed, within_s=5)

        with services(own_checkout) as after:
            answer = ask_postgres(after["KEEL_ADMIN_DATABASE_URL"], "SELECT answer FROM kept")

            assert answer == 42
            assert after == before


def test_two_checkouts_do_not_disturb_each_other(make_checkout: MakeCheckout) -> None:
    here, there = make_checkout("here"), make_checkout("there")

    with services(here) as our_addresses:
        with services(there) as their_addresses:
            same = {name for name in our_addresses if our_addresses[name] == their_addresses[name]}
            theirs = server(there, "postgres")
        ours = server(here, "postgres")
        still_there = ask_postgres(our_addresses["KEEL_ADMIN_DATABASE_URL"], "SELECT 1")

    assert same == set()
    assert not is_alive(theirs)
    assert ours != theirs
    assert still_there == 1


def test_addresses_of_the_environment_win_and_start_nothing(
    own_checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://crm_app:secret@db.example/keel")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://crm_migrate:secret@db.example/keel")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/0")

    with services(own_checkout) as addresses:
        assert list(addresses) == ["KEEL_SECRET_KEY"]

    assert not (own_checkout.state / "postgres.json").exists()
    assert not (own_checkout.state / "valkey.json").exists()


def test_half_a_database_address_is_refused(own_checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://crm_app:secret@db.example/keel")

    with pytest.raises(Trouble, match="Set both DATABASE_URL and DATABASE_OWNER_URL"), services(own_checkout):
        pytest.fail("the block must not be entered")
