"""Creating and moving IBs: dated links, the live tree, refusals."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from access.models import AuditEvent
from clients.models import Client
from core import jobs
from core.models import Job
from ib.models import IB, IbLink, NetworkState
from ib.queries import account_chains_at, affected_since, chain_of, chains_at, links_of, network_version, parent_at
from ib.services import (
    AlreadyPlaced,
    AlreadyThere,
    CodeTaken,
    CycleRefused,
    NobodyThere,
    ParentNotYetThere,
    UnknownParent,
    create_network,
    move_account,
    move_client,
    move_ib,
    place_clients,
    rebuild_tree,
    release_account,
    take_affected_from,
)
from ib.types import AffectedPeriod, ChainLink, IbSpec
from tenancy.models import Broker
from tests.ib.factories import ACTOR, BEFORE, START, make_account, make_client, make_ib, numbers

pytestmark = pytest.mark.unit

FEB = datetime(2026, 2, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def _move(ib: IB, parent: IB | None, at: datetime, now: datetime = MARCH) -> IbLink:
    return move_ib(ib=ib, parent=parent, at=at, actor=ACTOR, now=now)


def _place(client: Client, ib: IB | None, at: datetime = START) -> None:
    move_client(client=client, ib=ib, at=at, actor=ACTOR, now=MARCH)


def _places(ib: IB) -> list[tuple[str | None, datetime, datetime | None]]:
    return [(link.parent.code if link.parent else None, link.active_from, link.active_to) for link in links_of(ib)]


def test_new_ibs_are_numbered_as_a_tree(broker: Broker) -> None:
    master = make_ib("master")
    sub = make_ib("sub", master)
    make_ib("other", master)
    make_ib("leaf", sub)

    assert numbers() == {"master": (1, 8, 0), "sub": (2, 5, 1), "leaf": (3, 4, 2), "other": (6, 7, 1)}


def test_move_now_changes_link_and_tree(broker: Broker) -> None:
    top, other = make_ib("top"), make_ib("other")
    sub = make_ib("sub", top)
    make_ib("leaf", sub)

    link = _move(sub, other, MARCH)

    assert (link.parent, link.active_from, link.active_to) == (other, MARCH, None)
    assert _places(sub) == [("top", START, MARCH), ("other", MARCH, None)]
    assert numbers() == {"top": (1, 2, 0), "other": (1, 6, 0), "sub": (2, 5, 1), "leaf": (3, 4, 2)}


def test_move_to_the_top_makes_a_tree_of_its_own(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)

    _move(sub, None, MARCH)

    assert numbers() == {"top": (1, 2, 0), "sub": (1, 2, 0)}
    assert IB.objects.get(code="top").tree_id != IB.objects.get(code="sub").tree_id


def test_past_move_holds_until_the_next_recorded_one(broker: Broker) -> None:
    top, first, second = make_ib("top"), make_ib("first"), make_ib("second")
    sub = make_ib("sub", top)
    _move(sub, second, MARCH)

    _move(sub, first, FEB)

    assert _places(sub) == [("top", START, FEB), ("first", FEB, MARCH), ("second", MARCH, None)]
    assert IB.objects.get(code="sub").parent == second


def test_move_at_the_moment_of_a_recorded_one_replaces_it(broker: Broker) -> None:
    top, first, second = make_ib("top"), make_ib("first"), make_ib("second")
    sub = make_ib("sub", top)
    _move(sub, first, FEB)

    _move(sub, second, FEB)

    assert _places(sub) == [("top", START, FEB), ("second", FEB, None)]


def test_future_move_judges_at_once_and_reaches_the_tree_at_its_moment(broker: Broker) -> None:
    top, other = make_ib("top"), make_ib("other")
    sub = make_ib("sub", top)

    _move(sub, other, APRIL)

    assert parent_at(ib=sub, at=APRIL) == other
    assert IB.objects.get(code="sub").parent == top
    assert Job.objects.values_list("name", "run_at").get() == ("ib.show_tree", APRIL)
    assert jobs.run_due(now=APRIL - timedelta(seconds=1)) == 0
    assert jobs.run_due(now=APRIL) == 1
    assert IB.objects.get(code="sub").parent == other
    assert numbers() == {"top": (1, 2, 0), "other": (1, 4, 0), "sub": (2, 3, 1)}


def test_two_ibs_that_change_places_at_one_moment_reach_the_tree_together(broker: Broker) -> None:
    top = make_ib("top")
    upper = make_ib("upper", top)
    lower = make_ib("lower", upper)
    _move(lower, top, APRIL)
    _move(upper, lower, APRIL)

    jobs.run_due(now=APRIL)

    assert numbers() == {"top": (1, 6, 0), "lower": (2, 5, 1), "upper": (3, 4, 2)}


def test_a_move_finds_planned_moves_whose_moment_came_done(broker: Broker) -> None:
    top = make_ib("top")
    upper = make_ib("upper", top)
    lower = make_ib("lower", upper)
    _move(lower, None, APRIL)

    _move(upper, lower, APRIL + timedelta(hours=1), now=APRIL + timedelta(hours=1))

    assert numbers() == {"top": (1, 2, 0), "lower": (1, 4, 0), "upper": (2, 3, 1)}


def test_cycle_is_refused_by_a_sentence_that_names_the_ib(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)
    leaf = make_ib("leaf", sub)

    with pytest.raises(CycleRefused) as caught:
        _move(top, leaf, MARCH)

    assert str(caught.value) == (
        "top cannot stand under leaf: from 2026-03-01 00:00 UTC on, leaf itself stands below top (leaf → sub → top)."
    )
    assert numbers() == {"top": (1, 6, 0), "sub": (2, 5, 1), "leaf": (3, 4, 2)}


def test_cycle_with_oneself_is_refused(broker: Broker) -> None:
    top = make_ib("top")

    with pytest.raises(CycleRefused, match="top cannot stand under top"):
        _move(top, top, MARCH)


def test_cycle_with_a_planned_move_is_refused(broker: Broker) -> None:
    one, two = make_ib("one"), make_ib("two")
    _move(two, one, APRIL)

    with pytest.raises(CycleRefused, match="from 2026-04-01 00:00 UTC on, two itself stands below one"):
        _move(one, two, MARCH)


def test_past_move_that_was_a_cycle_then_is_refused(broker: Broker) -> None:
    one = make_ib("one")
    two = make_ib("two", one)
    _move(two, None, MARCH)

    with pytest.raises(CycleRefused, match="from 2026-02-01 00:00 UTC on"):
        _move(one, two, FEB)


def test_move_to_the_same_place_is_refused(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)

    with pytest.raises(AlreadyThere, match="sub stands there"):
        _move(sub, top, MARCH)


def test_nobody_stands_under_an_ib_before_it_begins(broker: Broker) -> None:
    late = make_ib("late", at=MARCH)
    sub = make_ib("sub")

    with pytest.raises(ParentNotYetThere, match="from 2026-03-01 00:00 UTC on only"):
        _move(sub, late, FEB)
    with pytest.raises(ParentNotYetThere):
        make_ib("early", late, at=FEB)
    with pytest.raises(ParentNotYetThere):
        _place(make_client(), late, FEB)


def test_taken_code_is_refused_and_leaves_the_tree_alone(broker: Broker) -> None:
    top = make_ib("top")

    with pytest.raises(CodeTaken, match="IB top"):
        make_ib("top", top)

    assert numbers() == {"top": (1, 2, 0)}


def test_network_is_created_at_once_in_any_order(broker: Broker) -> None:
    old = make_ib("old")
    specs = [IbSpec("leaf", "L", "USD", "sub"), IbSpec("sub", "S", "EUR", "old"), IbSpec("top", "T", "USD")]

    made = create_network(specs=specs, at=START, actor=ACTOR, now=START)

    assert {code: ib.level for code, ib in made.items()} == {"leaf": 2, "sub": 1, "top": 0}
    assert numbers() == {"old": (1, 6, 0), "sub": (2, 5, 1), "leaf": (3, 4, 2), "top": (1, 2, 0)}
    assert chain_of(ib_id=made["leaf"].pk, at=START) == [
        ChainLink(made["leaf"].pk, 1),
        ChainLink(made["sub"].pk, 2),
        ChainLink(old.pk, 3),
    ]


@pytest.mark.parametrize(
    ("specs", "refusal", "sentence"),
    [
        (
            [IbSpec("one", "1", "USD", "two"), IbSpec("two", "2", "USD", "one")],
            CycleRefused,
            "one → two → one|two → one → two",
        ),
        ([IbSpec("one", "1", "USD", "nobody")], UnknownParent, "IB one names nobody as its parent"),
        ([IbSpec("one", "1", "USD"), IbSpec("taken", "2", "USD")], CodeTaken, "IB taken"),
    ],
)
def test_faulty_network_is_refused_whole(
    broker: Broker, specs: list[IbSpec], refusal: type[Exception], sentence: str
) -> None:
    make_ib("taken")

    with pytest.raises(refusal, match=sentence):
        create_network(specs=specs, at=START, actor=ACTOR, now=START)

    assert numbers() == {"taken": (1, 2, 0)}


def test_client_chain_follows_its_link(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)
    client, nobodys = make_client(), make_client()
    _place(client, sub)
    _place(client, top, FEB)
    _place(client, None, MARCH)

    chains = [chains_at(client_ids=[client.pk, nobodys.pk], at=at)[client.pk] for at in (BEFORE, START, FEB, MARCH)]

    assert chains == [[], [ChainLink(sub.pk, 1), ChainLink(top.pk, 2)], [ChainLink(top.pk, 1)], []]
    assert chains_at(client_ids=[nobodys.pk], at=START) == {nobodys.pk: []}


def test_account_link_wins_until_it_is_released(broker: Broker) -> None:
    one, two = make_ib("one"), make_ib("two")
    client = make_client()
    account, sister = make_account(client), make_account(client, login=1002)
    _place(client, one)
    move_account(account=account, ib=two, at=FEB, actor=ACTOR, now=MARCH)
    move_account(account=account, ib=None, at=MARCH, actor=ACTOR, now=MARCH)
    release_account(account=account, at=APRIL, actor=ACTOR, now=MARCH)

    direct = [
        {key: chain[0].ib_id if chain else None for key, chain in chains.items()}
        for chains in (
            account_chains_at(account_ids=[account.pk, sister.pk], at=at) for at in (START, FEB, MARCH, APRIL)
        )
    ]

    assert [found[account.pk] for found in direct] == [one.pk, two.pk, None, one.pk]
    assert [found[sister.pk] for found in direct] == [one.pk] * 4
    with pytest.raises(NobodyThere):
        release_account(account=sister, at=APRIL, actor=ACTOR, now=MARCH)


def test_clients_are_placed_at_once_and_only_once(broker: Broker) -> None:
    ib = make_ib("one")
    clients = [make_client(), make_client()]
    places = {client.pk: ib.pk for client in clients}

    before = network_version()

    assert place_clients(places=places, at=START, actor=ACTOR, now=START) == 2

    assert network_version() == before + 2
    assert affected_since(version=before) == [
        AffectedPeriod(before + place, None, client.pk, None, START, None) for place, client in enumerate(clients, 1)
    ]
    assert chains_at(client_ids=list(places), at=START) == {pk: [ChainLink(ib.pk, 1)] for pk in places}
    with pytest.raises(AlreadyPlaced, match=clients[0].code):
        place_clients(places=places, at=MARCH, actor=ACTOR, now=MARCH)


@pytest.mark.parametrize("rows", [1, 3])
def test_chains_cost_two_statements_whatever_the_size(
    broker: Broker, rows: int, django_assert_num_queries: object
) -> None:
    parent = make_ib("top")
    clients = [make_client() for _ in range(rows)]
    for place, client in enumerate(clients):
        parent = make_ib(f"sub{place}", parent)
        _place(client, parent)

    with django_assert_num_queries(2):
        chains_at(client_ids=[client.pk for client in clients], at=MARCH)


def test_each_change_bumps_the_version_and_notes_who_is_affected(broker: Broker) -> None:
    top, other = make_ib("top"), make_ib("other")
    client = make_client()
    before = network_version()

    _place(client, top, FEB)
    _move(top, other, APRIL)
    _place(client, other, START)

    assert network_version() == before + 3
    assert affected_since(version=before) == [
        AffectedPeriod(before + 1, None, client.pk, None, FEB, None),
        AffectedPeriod(before + 2, top.pk, None, None, APRIL, None),
        AffectedPeriod(before + 3, None, client.pk, None, START, FEB),
    ]
    assert take_affected_from() == START
    assert take_affected_from() is None


def test_refused_move_leaves_version_audit_and_jobs_alone(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)
    before = (network_version(), AuditEvent.objects.count(), NetworkState.objects.get().affected_from)

    with pytest.raises(CycleRefused):
        _move(top, sub, APRIL)

    assert (network_version(), AuditEvent.objects.count(), NetworkState.objects.get().affected_from) == before
    assert not Job.objects.exists()


def test_move_is_in_the_audit_trail(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)

    move_ib(ib=sub, parent=None, at=MARCH, actor=ACTOR, now=MARCH, reason="left the group")

    event = AuditEvent.objects.get(action="ib.move_ib")
    assert (event.object_type, event.object_id, event.reason) == ("ib", str(sub.pk), "left the group")
    assert event.before == {"parent": "top", "from": "2026-01-01T00:00:00Z"}
    assert event.after == {"ib": "sub", "parent": None, "from": "2026-03-01T00:00:00Z"}


def test_rebuild_repairs_numbers(broker: Broker) -> None:
    top = make_ib("top")
    make_ib("sub", top)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL keel.ib_tree_writer = 'on'")
        cursor.execute("UPDATE ib_ib SET lft = 5, rght = 90 WHERE code = 'sub'")
        cursor.execute("SET LOCAL keel.ib_tree_writer = ''")

    assert rebuild_tree() == 1

    assert numbers() == {"top": (1, 4, 0), "sub": (2, 3, 1)}


def test_move_to_before_its_first_place_lets_the_ib_begin_earlier(broker: Broker) -> None:
    top, sub = make_ib("top", at=BEFORE), make_ib("sub")

    _move(sub, top, BEFORE)

    assert _places(sub) == [("top", BEFORE, START), (None, START, None)]
    assert IB.objects.get(code="sub").parent is None


def test_placing_somebody_where_they_are_is_refused(broker: Broker) -> None:
    ib, late = make_ib("one"), make_ib("late", at=APRIL)
    client = make_client()
    account = make_account(client)
    _place(client, ib)
    move_account(account=account, ib=None, at=START, actor=ACTOR, now=MARCH)

    with pytest.raises(AlreadyThere, match=client.code):
        _place(client, ib, MARCH)
    with pytest.raises(AlreadyThere, match="1001"):
        move_account(account=account, ib=None, at=MARCH, actor=ACTOR, now=MARCH)
    with pytest.raises(ParentNotYetThere, match="late is in the network from 2026-04-01"):
        place_clients(places={make_client().pk: late.pk}, at=MARCH, actor=ACTOR, now=MARCH)
