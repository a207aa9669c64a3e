"""Clients and IBs are found by parts of names in any script, by the trigram index, the best first."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from access.types import Actor
from clients.models import Client
from clients.search import find_clients, matching
from clients.services import create_client
from core.search import contains_words
from ib.models import IB
from ib.queries.search import find_ibs
from ib.services import create_ib
from tenancy.models import Broker
from tests.trading.factories import make_account, make_mt_group, make_server
from trading.models import TradingAccount
from trading.queries import accounts_of_login, clients_of_login

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEM = Actor.system("test")


def found(text: str) -> list[str]:
    return [client.name for client in find_clients(Client.objects.all(), text, limit=6)]


@pytest.fixture
def people(broker: Broker) -> None:
    for name, email in (
        ("王雪梅", "xuemei@example.com"), ("王小明", "xiaoming@example.com"), ("José Ñandú", "jose@example.com"),
        ("Anna Chen", "anna@example.com"), ("Chen Wei", "wei@example.com"), ("Машенька", "masha@example.com"),
        ("100% Capital_Ltd", "capital@example.com"),
    ):  # fmt: skip
        create_client(name=name, email=email, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("王", ["王小明", "王雪梅"]),
        ("雪梅", ["王雪梅"]),
        ("雪王", []),
        ("jose nandu", ["José Ñandú"]),
        ("ñandú", ["José Ñandú"]),
        ("chen", ["Chen Wei", "Anna Chen"]),
        ("wei chen", ["Chen Wei"]),
        ("ch", ["Chen Wei", "Anna Chen"]),
        ("he", []),
        ("hen", ["Chen Wei", "Anna Chen"]),
        ("маш", ["Машенька"]),
        ("100% cap", ["100% Capital_Ltd"]),
        ("%", []),
        ("a_t", []),
        ("anna@example.com", ["Anna Chen"]),
    ],
)
def test_a_part_of_a_name_finds_a_client(people: None, text: str, names: list[str]) -> None:
    assert found(text) == names


def test_what_was_meant_exactly_comes_first(people: None) -> None:
    meant = create_client(name="Wei", email="chen@example.com", actor=SYSTEM, now=NOW)
    for _more in range(3):
        create_client(name="Weiss Chen", email="other@example.com", actor=SYSTEM, now=NOW)

    assert found("Wei")[0] == "Wei"
    assert found(meant.code) == ["Wei"]
    assert found("chen@example.com") == ["Wei"]


def test_nobody_is_found_who_is_not_among_the_rows(people: None) -> None:
    rows = Client.objects.exclude(name="王雪梅")

    assert [client.name for client in find_clients(rows, "王", limit=6)] == ["王小明"]
    hidden = Client.objects.get(name="王雪梅").pk
    assert find_clients(rows, "王雪", limit=6, also=[hidden]) == []


def test_the_first_digits_of_a_login_find_its_client(broker: Broker) -> None:
    client = create_client(name="Amir", email="amir@example.com", actor=SYSTEM, now=NOW)
    group = make_mt_group(make_server())
    for login in (80_011, 80_012, 90_011):
        make_account(group, login, client=client)
    accounts = TradingAccount.objects.all()

    assert [one.login for one in accounts_of_login("8001", accounts=accounts)] == [80_011, 80_012]
    assert set(clients_of_login("9", accounts=accounts)) == {client.pk}
    assert clients_of_login("9x", accounts=accounts) == []
    assert find_clients(Client.objects.all(), "9001", limit=3, also=clients_of_login("9001", accounts=accounts)) == [
        client
    ]


def test_an_ib_is_found_by_code_and_name(broker: Broker) -> None:
    for code, name in (("NORTH", "Nordlicht"), ("NORTH-2", "Zweite"), ("LIGHT", "North Star 北极星")):
        create_ib(code=code, name=name, currency="USD", parent=None, at=NOW, actor=SYSTEM, now=NOW)

    assert [ib.code for ib in find_ibs(IB.objects.all(), "north", limit=5)] == ["NORTH", "LIGHT", "NORTH-2"]
    assert [ib.code for ib in find_ibs(IB.objects.all(), "极", limit=5)] == ["LIGHT"]


def test_indexes_answer_the_searches(broker: Broker) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # small tables are read whole otherwise

    for text in ("雪", "hen", "ch", "jose ñan"):
        assert "client_search" in Client.objects.filter(matching(text)).order_by().explain(), text
        assert "ib_search" in IB.objects.filter(contains_words(text, "name", "code")).order_by().explain(), text
    accounts = TradingAccount.objects.filter(login__startswith="80").order_by()
    assert "trading_account_login_text" in accounts.explain()
