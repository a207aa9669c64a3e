"""What people see of the network: levels with counts, who may see whom, masked clients, the agreement in force."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from access.enums import ActorKind, UserKind
from access.queries import actor_for
from access.services import create_user
from access.types import Actor
from ib.models import IB
from ib.queries import agreement_at, children, ibs_visible_to, network_clients
from ib.queries.live import tree_shows
from ib.queries.staff import Below, below, clients_below
from ib.services import AlreadyThere, ShareOutOfRange, move_account, move_client, move_ib, set_agreement
from ib.types import ChildPage, ChildRow, MaskedClient, Terms
from tenancy.models import Broker
from tests.ib.factories import ACTOR, BEFORE, START, make_account, make_client, make_ib

pytestmark = pytest.mark.unit

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def family(broker: Broker) -> dict[str, IB]:
    """top ← (left ← leaf, right); a client at each of left, leaf and right; other stands alone."""
    top = make_ib("top")
    left, right = make_ib("left", top), make_ib("right", top)
    leaf = make_ib("leaf", left)
    for ib, name in ((left, "Ann Lee"), (leaf, "Bo Chen"), (right, "Cy Doe")):
        move_client(client=make_client(name), ib=ib, at=START, actor=ACTOR, now=START)
    return {"top": top, "left": left, "right": right, "leaf": leaf, "other": make_ib("other")}


def test_children_are_a_level_with_counts(family: dict[str, IB]) -> None:
    left, right = family["left"], family["right"]

    assert children(ib_id=family["top"].pk, at=START) == ChildPage(
        rows=(
            ChildRow(left.pk, "left", "IB left", "USD", 1, 1, 1, 2),
            ChildRow(right.pk, "right", "IB right", "USD", 0, 0, 1, 1),
        ),
        total=2,
    )


def test_children_of_nobody_are_the_top_ones(family: dict[str, IB]) -> None:
    page = children(ib_id=None, at=START)

    assert [
        (row.code, row.direct_ibs, row.network_ibs, row.direct_clients, row.network_clients) for row in page.rows
    ] == [
        ("other", 0, 0, 0, 0),
        ("top", 2, 3, 0, 3),
    ]


def test_children_follow_the_moment(family: dict[str, IB]) -> None:
    move_ib(ib=family["left"], parent=family["other"], at=MARCH, actor=ACTOR, now=START)

    assert [row.code for row in children(ib_id=family["top"].pk, at=START).rows] == ["left", "right"]
    assert [row.code for row in children(ib_id=family["top"].pk, at=MARCH).rows] == ["right"]
    assert children(ib_id=None, at=BEFORE) == ChildPage(rows=(), total=0)


def test_the_live_tree_and_the_dated_links_count_the_same(family: dict[str, IB]) -> None:
    top = family["top"]
    shown = children(ib_id=top.pk, at=START), children(ib_id=None, at=START)
    counted = below(ib_id=top.pk, at=START), clients_below(ib_id=top.pk, at=START)
    was_live = tree_shows(at=START)
    make_ib("planned", family["leaf"], at=MARCH)  # stands in the tree already, but nobody may count it yet

    assert (was_live, tree_shows(at=START), tree_shows(at=MARCH)) == (True, False, False)
    assert (children(ib_id=top.pk, at=START), children(ib_id=None, at=START)) == shown
    assert (below(ib_id=top.pk, at=START), clients_below(ib_id=top.pk, at=START)) == counted
    assert counted == (Below(ibs=3, clients=3, accounts=0), 3)
    assert below(ib_id=top.pk, at=MARCH).ibs == 4


def test_an_account_is_counted_where_it_belongs(family: dict[str, IB]) -> None:
    """One stays with its client's IB, one counts below another IB of the tree, one has left the tree, one came in."""
    inside, outside = make_client("Di Ray"), make_client("Ed Fox")
    for client, ib in ((inside, family["leaf"]), (outside, family["other"])):
        move_client(client=client, ib=ib, at=START, actor=ACTOR, now=START)
    accounts = [make_account(client, login=number) for number, client in enumerate([inside] * 3 + [outside] * 2, 1)]
    for account, ib in ((accounts[1], family["right"]), (accounts[2], family["other"]), (accounts[3], family["left"])):
        move_account(account=account, ib=ib, at=START, actor=ACTOR, now=START)
    wanted = Below(ibs=3, clients=4, accounts=3)

    live = below(ib_id=family["top"].pk, at=START)
    make_ib("planned", family["leaf"], at=MARCH)

    assert (live, below(ib_id=family["top"].pk, at=START)) == (wanted, wanted)
    assert below(ib_id=family["other"].pk, at=START) == Below(ibs=0, clients=1, accounts=2)


def test_the_tree_does_not_show_the_past(family: dict[str, IB]) -> None:
    move_ib(ib=family["left"], parent=family["other"], at=START, actor=ACTOR, now=MARCH)

    assert (tree_shows(at=BEFORE), tree_shows(at=START), tree_shows(at=MARCH)) == (False, False, True)


@pytest.mark.parametrize("rows", [1, 3])
def test_children_cost_two_statements_and_come_in_pages(
    broker: Broker, rows: int, django_assert_num_queries: object
) -> None:
    for place in range(4):
        make_ib(f"ib{place}")

    with django_assert_num_queries(2):
        page = children(ib_id=None, at=START, limit=rows, after="ib0")

    assert [row.code for row in page.rows] == [f"ib{place}" for place in range(1, rows + 1)]
    assert page.total == 4


def test_staff_with_the_right_see_all_ibs_others_none(family: dict[str, IB]) -> None:
    allowed = Actor(ActorKind.STAFF, 1, "staff", rights=frozenset({"ib.view_ib"}))
    without = Actor(ActorKind.STAFF, 1, "staff", rights=frozenset({"clients.view_client"}))

    assert {ib.code for ib in ibs_visible_to(allowed)} == {"top", "left", "right", "leaf", "other"}
    assert list(ibs_visible_to(without)) == []


def test_an_ib_sees_itself_and_those_below(family: dict[str, IB]) -> None:
    user = create_user(email="left@example.com", name="Left", kind=UserKind.CLIENT, actor=ACTOR, now=START)
    IB.objects.filter(pk=family["left"].pk).update(user=user)

    actor = actor_for(user)

    assert actor.ib_id == family["left"].pk
    assert {ib.code for ib in ibs_visible_to(actor)} == {"left", "leaf"}


def test_a_client_who_is_an_ib_is_both(family: dict[str, IB]) -> None:
    user = create_user(email="leaf@example.com", name="Leaf", kind=UserKind.CLIENT, actor=ACTOR, now=START)
    client = make_client(user=user)
    IB.objects.filter(pk=family["leaf"].pk).update(client=client)

    actor = actor_for(user)

    assert (actor.client_id, actor.ib_id) == (client.pk, family["leaf"].pk)
    assert actor.rights == frozenset({"portal.view_own", "portal.view_network"})


def test_network_clients_are_masked(family: dict[str, IB]) -> None:
    found = network_clients(ib_id=family["left"].pk, at=START)

    assert [(row.masked_name, row.country, row.ib_code, row.since) for row in found] == [
        ("A••• L•••", "ES", "left", START),
        ("B••• C•••", "ES", "leaf", START),
    ]
    assert all(isinstance(row, MaskedClient) and "maria" not in repr(row) for row in found)
    assert [row.ib_code for row in network_clients(ib_id=family["left"].pk, at=START, direct_only=True)] == ["left"]


def test_agreement_holds_from_its_moment_to_the_next(family: dict[str, IB]) -> None:
    ib = family["top"]
    first, second = Terms(keep_percent=Decimal(70), rank=3), Terms(rank=3, active=False)
    set_agreement(ib=ib, terms=second, at=MARCH, actor=ACTOR, now=MARCH)
    set_agreement(ib=ib, terms=first, at=START, actor=ACTOR, now=MARCH)

    assert [agreement_at(ib=ib, at=at) for at in (BEFORE, START, MARCH)] == [Terms(), first, second]
    with pytest.raises(AlreadyThere):
        set_agreement(ib=ib, terms=second, at=MARCH, actor=ACTOR, now=MARCH)


@pytest.mark.parametrize("share", ["-1", "100.1", "33.333333333"])
def test_share_out_of_range_is_refused(family: dict[str, IB], share: str) -> None:
    with pytest.raises(ShareOutOfRange):
        set_agreement(ib=family["top"], terms=Terms(keep_percent=Decimal(share)), at=START, actor=ACTOR, now=START)
