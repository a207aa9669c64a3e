"""Held deals, symbols and MT groups: what staff see and do about them, and how they are refused."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent, User
from mt4bridge.models import MtServer
from tests.backoffice.pages import errors, messages, rows, tree
from trading.models import HeldDeal, MtGroup, Symbol, SymbolGroup
from trading.queries import release_keys
from trading.sync.models import ServerChange
from trading.sync.structure import sync_symbols

pytestmark = pytest.mark.integration


def hold(server: MtServer, ticket: int, *, reason: str = "unknown_login", detail: str = "", hours: int = 1) -> HeldDeal:
    return HeldDeal.objects.create(
        server=server, ticket=ticket, login=90001, reason=reason, detail=detail, payload={"symbol": "EURUSD"},
        held_at=timezone.now() - timedelta(hours=hours),
    )  # fmt: skip


def make_symbol(server: MtServer, name: str, group: SymbolGroup | None = None) -> Symbol:
    return Symbol.objects.create(
        server=server, name=name, group=group, contract_size_e8=100_000 * 10**8, digits=5, quote_currency="USD"
    )


def test_held_deals_stand_oldest_first_with_their_reason_in_words(office: Browser, server: MtServer) -> None:
    hold(server, 7002, reason="bad_row", detail="the field Volume is not a number")
    hold(server, 7001, hours=5)

    found = rows(office.get("/office/held/"))

    assert found == [
        ["", "5h 00m ago", "7001 · EURUSDAurora-Live · login 90001", "No trading account has this login", "Release"],
        [
            "", "1h 00m ago", "7002 · EURUSDAurora-Live · login 90001",
            "The server's row cannot be readthe field Volume is not a number", "Release",
        ],
    ]  # fmt: skip


def test_releasing_several_asks_for_each_and_writes_the_trail(office: Browser, server: MtServer) -> None:
    first, second, untouched = hold(server, 1), hold(server, 2), hold(server, 3)

    answer = office.post("/office/held/release/", {"held": [first.pk, second.pk]}, follow=True)

    assert answer.redirect_chain == [("/office/held/", 302)]
    assert messages(answer) == ["2 deals are read again in the next round."]
    asked = HeldDeal.objects.filter(release_asked_at__isnull=False).order_by("pk")
    assert [row.pk for row in asked] == [first.pk, second.pk]
    trail = AuditEvent.objects.filter(action="trading.release_held_deal").order_by("pk")
    assert [(event.actor_label, event.object_id) for event in trail] == [
        ("dana.kim@aurora.example", str(first.pk)),
        ("dana.kim@aurora.example", str(second.pk)),
    ]
    untouched.refresh_from_db()
    assert untouched.release_asked_at is None


def test_releasing_nothing_comes_back_with_a_sentence(office: Browser, server: MtServer) -> None:
    hold(server, 1)

    answer = office.post("/office/held/release/", {})

    assert (answer.status_code, errors(answer)) == (422, ["Tick at least one deal."])


@pytest.mark.parametrize("wrong", ["x", "-1", "1e9", "９", "9" * 30])
def test_what_is_no_row_is_refused_and_nothing_is_released(office: Browser, server: MtServer, wrong: str) -> None:
    held = hold(server, 1)

    answer = office.post("/office/held/release/", {"held": [held.pk, wrong]})

    assert answer.status_code == 422
    held.refresh_from_db()
    assert held.release_asked_at is None


def test_a_row_that_does_not_exist_releases_none_of_them(office: Browser, server: MtServer) -> None:
    held = hold(server, 1)

    answer = office.post("/office/held/release/", {"held": [held.pk, held.pk + 1]})

    assert answer.status_code == 404
    held.refresh_from_db()
    assert held.release_asked_at is None


def test_without_the_right_to_release_there_is_no_button(
    new_staff: Callable[..., User], as_staff: Callable[[User], Browser], server: MtServer
) -> None:
    hold(server, 1)
    viewer = as_staff(new_staff("Vera Look", rights=("trading.view_held_deal",)))

    page = viewer.get("/office/held/")

    assert b"Release" not in page.content
    assert rows(page)[0][4] == ""


def test_symbols_without_a_group_are_put_into_one(office: Browser, server: MtServer) -> None:
    metals = SymbolGroup.objects.create(code="metals", name="Metals")
    gold, silver = make_symbol(server, "XAUUSD"), make_symbol(server, "XAGUSD")
    make_symbol(server, "XPTUSD", metals)

    before = rows(office.get("/office/symbols/"))
    answer = office.post("/office/symbols/classify/", {"symbols": [gold.pk], "group": metals.pk}, follow=True)

    assert [row[1] for row in before] == ["XAGUSDAurora-Live", "XAUUSDAurora-Live"]
    assert messages(answer) == ["1 symbol is now in Metals."]
    assert [row[1] for row in rows(answer)] == ["XAGUSDAurora-Live"]
    assert list(Symbol.objects.filter(group=metals).order_by("name").values_list("name", flat=True)) == [
        "XAUUSD",
        "XPTUSD",
    ]
    assert AuditEvent.objects.get(action="trading.classify_symbol").object_id == str(gold.pk)
    assert Symbol.objects.get(pk=silver.pk).group is None


def test_classifying_needs_symbols_and_a_group(office: Browser, server: MtServer) -> None:
    gold = make_symbol(server, "XAUUSD")

    nothing = office.post("/office/symbols/classify/", {})
    no_group = office.post("/office/symbols/classify/", {"symbols": [gold.pk], "group": 999})

    assert (nothing.status_code, errors(nothing)) == (422, ["Tick at least one symbol.", "This field is required."])
    assert no_group.status_code == 422
    assert Symbol.objects.get(pk=gold.pk).group is None


def test_a_symbol_that_the_server_does_not_describe_is_described_by_staff(office: Browser, server: MtServer) -> None:
    for ticket in (1, 2):
        hold(server, ticket, reason="unknown_symbol", detail="USDJPY.m")
    hold(server, 3, reason="unknown_symbol", detail="XAUUSD.m")
    wanted = {"symbol": f"{server.pk}/USDJPY.m", "contract_size": "100000", "digits": "3", "quote_currency": "jpy"}

    shown = tree(office.get("/office/symbols/")).xpath("//select[@name='symbol']/option/text()")
    wrong = office.post("/office/symbols/add/", {**wanted, "contract_size": "0"})
    added = office.post("/office/symbols/add/", wanted, follow=True)
    again = office.post("/office/symbols/add/", wanted)

    assert shown == ["USDJPY.m · Aurora-Live (2)", "XAUUSD.m · Aurora-Live (1)"]
    assert (wrong.status_code, again.status_code) == (422, 422)
    assert messages(added) == ["USDJPY.m is known now; the deals that waited for it are read in the next round."]
    symbol = Symbol.objects.get()
    assert (symbol.name, symbol.contract_size_e8, symbol.digits, symbol.quote_currency, symbol.group) == (
        "USDJPY.m", 100_000 * 10**8, 3, "JPY", None,
    )  # fmt: skip
    assert [key.ticket for key in release_keys(server_id=server.pk)] == [1, 2]
    assert AuditEvent.objects.get(action="trading.add_symbol").object_id == str(symbol.pk)
    assert sync_symbols(server_id=server.pk, rows=[], now=timezone.now()) == 0
    assert not ServerChange.objects.exists()


def test_a_symbol_group_is_added_once(office: Browser, server: MtServer) -> None:
    first = office.post("/office/symbols/groups/", {"code": "metals", "name": "Metals"})
    again = office.post("/office/symbols/groups/", {"code": "metals", "name": "Other"})

    assert first.status_code == 302
    assert (again.status_code, errors(again)) == (422, ["There is a symbol group called metals already."])
    assert list(SymbolGroup.objects.values_list("code", "name")) == [("metals", "Metals")]


def test_groups_without_a_factor_stand_first(office: Browser, server: MtServer) -> None:
    MtGroup.objects.create(server=server, name="a-standard", currency="USD", lot_factor=Decimal("1"))
    MtGroup.objects.create(server=server, name="z-cent", currency="USC")

    assert rows(office.get("/office/mt-groups/")) == [
        ["z-centAurora-Live", "USC", "0", "Not set", "Set factor"],
        ["a-standardAurora-Live", "USD", "0", "1", ""],
    ]


def test_a_factor_is_set_once_by_typing_the_name(office: Browser, server: MtServer) -> None:
    cent = MtGroup.objects.create(server=server, name="real\\cent", currency="USC")
    page = f"/office/mt-groups/{cent.pk}/lot-factor/"

    wrong_name = office.post(page, {"lot_factor": "0.01", "confirm": "cent"})
    done = office.post(page, {"lot_factor": "0.01", "confirm": "real\\cent"})
    again = office.post(page, {"lot_factor": "0.02", "confirm": "real\\cent"})

    assert (wrong_name.status_code, errors(wrong_name)) == (422, ["This is not the name of the group."])
    assert done.status_code == 302
    assert (again.status_code, errors(again)) == (
        422,
        ["The group real\\cent already counts 0.01 of a lot. A factor is set once; make a new group to change it."],
    )
    assert MtGroup.objects.get(pk=cent.pk).lot_factor == Decimal("0.01")
    assert AuditEvent.objects.get(action="trading.set_lot_factor").after == {"lot_factor": "0.01"}


@pytest.mark.parametrize("wrong", ["0", "-1", "abc", "0.000000001", "NaN", ""])
def test_a_factor_that_is_no_number_above_zero_is_refused(office: Browser, server: MtServer, wrong: str) -> None:
    cent = MtGroup.objects.create(server=server, name="cent", currency="USC")

    answer = office.post(f"/office/mt-groups/{cent.pk}/lot-factor/", {"lot_factor": wrong, "confirm": "cent"})

    assert answer.status_code == 422
    assert len(errors(answer)) == 1
    assert MtGroup.objects.get(pk=cent.pk).lot_factor is None


def test_a_symbol_gets_its_group_once(office: Browser, server: MtServer) -> None:
    metals = SymbolGroup.objects.create(code="metals", name="Metals")
    indices = SymbolGroup.objects.create(code="indices", name="Indices")
    gold = make_symbol(server, "XAUUSD", metals)

    answer = office.post("/office/symbols/classify/", {"symbols": [gold.pk], "group": indices.pk})

    assert answer.status_code == 422
    assert errors(answer) == ["The symbol XAUUSD is in the group Metals already. A symbol gets its group once."]
    assert Symbol.objects.get(pk=gold.pk).group == metals
