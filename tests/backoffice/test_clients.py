"""Clients: found by what staff know of them, paged by keyset, moved to another IB from a moment on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import AuditEvent
from ib.models import AccountLink, ClientLink
from mt4bridge.types import AccountState
from tests.backoffice.conftest import OPENED, Network, make_account, make_client
from tests.backoffice.pages import errors, facts, fragment, messages, rows, text_of, tree
from trading.accounts import store_snapshots
from trading.models import MtGroup, TradingAccount

pytestmark = pytest.mark.integration

COST = 9  # statements of the list


def names(response: object) -> list[str]:
    return [
        text_of(cell) for cell in tree(response).xpath("//table//tbody/tr/td[1]//span[contains(@class, 'font-medium')]")
    ]


def test_list_shows_each_client_with_its_ib_and_accounts(office: Browser, network: Network) -> None:
    make_client("Chen Wei Ling")

    found = rows(office.get("/office/clients/"))

    assert [row[1:] for row in found] == [
        ["chen.wei.ling@example.com", "no IB", "0", "1 Jan 2026", "Active"],
        ["maria.lopez@example.com", "Omar Farouk 7230", "1", "1 Jan 2026", "Active"],
    ]


@pytest.mark.parametrize("words", ["maria", "LOPEZ", "maria.lopez@", "50101", "  Maria Lopez "])
def test_search_finds_by_name_address_and_login(office: Browser, network: Network, words: str) -> None:
    make_client("Chen Wei Ling")

    assert names(office.get("/office/clients/", {"q": words})) == ["Maria Lopez"]


@pytest.mark.parametrize("words", ["nobody", "%", "50102", "9" * 40])
def test_search_that_finds_nothing_says_so(office: Browser, network: Network, words: str) -> None:
    answer = office.get("/office/clients/", {"q": words})

    assert names(answer) == []
    assert "No client fits" in answer.content.decode()


def test_an_unknown_status_is_refused_and_shows_nobody(office: Browser, network: Network) -> None:
    answer = office.get("/office/clients/", {"status": "gone"})

    assert (answer.status_code, names(answer)) == (422, [])


def test_pages_follow_each_other_without_a_gap(
    office: Browser, broker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_client(f"Client {number}").name for number in range(120)]

    first = office.get("/office/clients/")
    seen = names(first)
    page = first
    while links := tree(page).xpath("//a[@rel='next']/@href"):
        page = fragment(office, f"/office/clients/{links[0]}")
        seen += names(page)

    assert seen == made[::-1]
    assert b"<aside" not in page.content


@pytest.mark.parametrize("wrong", ["x", "1-2-3", "-1", "9" * 40])
def test_a_place_that_is_none_shows_the_first_page(office: Browser, network: Network, wrong: str) -> None:
    assert names(office.get("/office/clients/", {"before": wrong})) == ["Maria Lopez"]


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_1_and_3_clients(
    office: Browser, network: Network, mt_group: MtGroup, count: int
) -> None:
    for number in range(1, count):
        make_account(make_client(f"Client {number}", ib=network.omar), mt_group, 60_000 + number)
    office.get("/office/clients/")

    with CaptureQueriesContext(connection) as queries:
        answer = office.get("/office/clients/")

    assert len(names(answer)) == count
    assert len(queries) == COST


def test_page_shows_accounts_chain_and_history(office: Browser, network: Network) -> None:
    state = AccountState(
        login=50101, balance=Decimal("1000.00"), credit=Decimal(0), equity=Decimal("1012.5"), margin=Decimal(0),
        margin_free=Decimal("1012.5"), floating=Decimal("12.5"), currency_digits=2,
    )  # fmt: skip
    store_snapshots(server_id=network.account.server_id, states=[state], positions=[], now=timezone.now())

    answer = office.get(f"/office/clients/{network.maria.pk}/")

    page = tree(answer)
    assert facts(answer, "Client")["Direct IB"] == "Omar Farouk"
    assert rows(answer)[0][1:5] == ["real\\standard", "1,000.00 USD", "1,012.50 USD", "0"]
    chain = page.xpath("//section[.//h2='IBs above now']//ol/li")
    assert [text_of(one) for one in chain] == ["Level 1Omar Farouk7230", "Level 2Grace Tan7013"]
    history = page.xpath("//section[.//h2='History of its IBs']//ol/li")
    assert [text_of(one) for one in history] == ["Omar Farouk 7230 Now 2026-01-01 00:00:00 – without end"]


def test_move_from_a_past_moment_keeps_the_history(office: Browser, network: Network) -> None:
    form = {"ib": "7020", "at": "2026-02-01T00:00", "reason": "Agreed by phone"}

    answer = office.post(f"/office/clients/{network.maria.pk}/move/", form, follow=True)

    moment = datetime(2026, 2, 1, tzinfo=UTC)
    assert answer.redirect_chain == [(f"/office/clients/{network.maria.pk}/", 302)]
    assert messages(answer) == ["Maria Lopez moves as you said."]
    links = ClientLink.objects.filter(client=network.maria).order_by("active_from")
    assert list(links.values_list("ib__code", "active_from", "active_to")) == [
        ("7230", OPENED, moment),
        ("7020", moment, None),
    ]
    event = AuditEvent.objects.get(action="ib.move_client", actor_kind="staff")
    assert (event.reason, event.actor_label) == ("Agreed by phone", "dana.kim@aurora.example")


def test_move_without_a_moment_is_from_now_on(office: Browser, network: Network) -> None:
    before = timezone.now()

    office.post(f"/office/clients/{network.maria.pk}/move/", {"ib": "", "at": "", "reason": ""})

    (link,) = ClientLink.objects.filter(client=network.maria)
    assert before <= link.active_to <= before + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"ib": "nope"}, "There is no IB with the code nope."),
        ({"ib": "7230"}, "C{code} stands there at that moment already."),
        ({"ib": "7020", "at": "yesterday"}, "Enter a valid date/time."),
        (
            {"ib": "7020", "at": "2020-01-01T00:00"},
            "7020 is in the network from 2026-01-01 00:00 UTC on only. Choose that moment or a later one.",
        ),
    ],
)  # fmt: skip
def test_a_refused_move_comes_back_on_the_form(
    office: Browser, network: Network, form: dict[str, str], sentence: str
) -> None:
    answer = office.post(f"/office/clients/{network.maria.pk}/move/", form)

    expected = sentence.replace("C{code}", network.maria.code)
    assert (answer.status_code, errors(answer)) == (422, [expected])
    assert ClientLink.objects.filter(client=network.maria).count() == 1


def test_moving_takes_the_right(new_staff: object, as_staff: object, network: Network) -> None:
    viewer = as_staff(new_staff("Vera Look", rights=("clients.view_client",)))

    assert viewer.post(f"/office/clients/{network.maria.pk}/move/", {"ib": ""}).status_code == 403
    assert b"/move/" not in viewer.get(f"/office/clients/{network.maria.pk}/").content
    assert ClientLink.objects.filter(client=network.maria, active_to=None).count() == 1


def test_a_single_account_moves_with_its_effect_shown_first(office: Browser, network: Network) -> None:
    account = TradingAccount.objects.get(login=50101)
    path = f"/office/clients/accounts/{account.pk}/move/"
    at = timezone.now() + timedelta(days=1)
    wanted = {"ib": network.elena.code, "at": at.strftime("%Y-%m-%dT%H:%M:%S"), "reason": "agreed"}

    effect = office.get(path, wanted)
    office.post(path, wanted)

    chains = [[text_of(one) for one in chain.xpath(".//a")] for chain in tree(effect).xpath("//main//ol")]
    assert chains == [["Omar Farouk", "Grace Tan"], ["Elena Popescu"]]
    (link,) = AccountLink.objects.all()
    assert (link.account_id, link.ib_id, link.active_to) == (account.pk, network.elena.pk, None)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.object_id, event.reason) == ("ib.move_account", str(account.pk), "agreed")


def test_an_account_follows_its_client_again(office: Browser, network: Network) -> None:
    account = TradingAccount.objects.get(login=50101)
    path = f"/office/clients/accounts/{account.pk}/move/"
    office.post(path, {"ib": network.elena.code, "at": ""})

    both = office.post(path, {"ib": network.elena.code, "follow": "on", "at": ""})
    office.post(path, {"follow": "on", "at": ""})

    assert errors(both) == ["Name an IB, or let the account follow its client: not both."]
    assert [link.active_to is not None for link in AccountLink.objects.all()] == [True]
