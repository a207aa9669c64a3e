"""Random networks moved at random moments, past and future, against a model that remembers every move."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from ib.models import IB
from ib.queries import account_chains_at, chain_of, chains_at, network_snapshot, verify_network
from ib.services import AlreadyThere, CycleRefused, move_client, move_ib, show_tree
from ib.types import Periods
from tenancy.models import Broker
from tests.ib.factories import ACTOR, make_account, make_client, make_ib

pytestmark = pytest.mark.unit

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
LAST_DAY = 12
NOW_DAY = 6


def day(number: int) -> datetime:
    return DAY0 + timedelta(days=number)


Moves = list[tuple[int, int | None, int]]  # subject, target, day
subject_moves = st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 5)), st.integers(0, LAST_DAY))


class Model:
    """Who stands under whom on each day: the latest move at or before the day, written out day by day."""

    def __init__(self, nodes: int) -> None:
        self.moves: dict[int, dict[int, int | None]] = {node: {0: None} for node in range(nodes)}

    def parent(self, node: int, on_day: int) -> int | None:
        return self.moves[node][max(moved for moved in self.moves[node] if moved <= on_day)]

    def chain(self, node: int | None, on_day: int) -> list[int]:
        chain: list[int] = []
        while node is not None:
            if node in chain:
                raise RecursionError
            chain.append(node)
            node = self.parent(node, on_day)
        return chain

    def has_cycle(self) -> bool:
        try:
            for on_day in range(LAST_DAY + 1):
                for node in self.moves:
                    self.chain(node, on_day)
        except RecursionError:
            return True
        return False

    def try_move(self, node: int, parent: int | None, on_day: int) -> type[DomainError] | None:
        """Move, unless that is nothing new or makes a cycle on any day; return the refusal to expect."""
        if self.parent(node, on_day) == parent:
            return AlreadyThere
        before = dict(self.moves[node])
        self.moves[node][on_day] = parent
        if self.has_cycle():
            self.moves[node] = before
            return CycleRefused
        return None


def _value_at(periods: Periods, subject: int, at: datetime) -> int | None:
    """Read a snapshot's columns the slow way."""
    moment = int(at.timestamp()) * 1_000_000
    rows = zip(periods.subject, periods.target, periods.start_us, periods.end_us, strict=True)
    found = [target for row, target, start, end in rows if row == subject and start <= moment < end]
    assert len(found) <= 1
    return found[0] if found and found[0] else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ib_moves=st.lists(subject_moves, max_size=14), client_moves=st.lists(subject_moves, max_size=8))
def test_chains_and_tree_equal_the_model(broker: Broker, ib_moves: Moves, client_moves: Moves) -> None:
    with transaction.atomic():
        _play(ib_moves, client_moves)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def _play(ib_moves: Moves, client_moves: Moves) -> None:
    model, ibs = Model(6), [make_ib(f"ib{place}", at=DAY0, now=day(NOW_DAY)) for place in range(6)]
    for subject, target, on_day in ib_moves:
        refusal = model.try_move(subject, target, on_day)
        parent = None if target is None else ibs[target]
        if refusal is None:
            move_ib(ib=ibs[subject], parent=parent, at=day(on_day), actor=ACTOR, now=day(NOW_DAY))
        else:
            with pytest.raises(refusal):
                move_ib(ib=ibs[subject], parent=parent, at=day(on_day), actor=ACTOR, now=day(NOW_DAY))
        assert _tree_parents(ibs) == {place: model.parent(place, NOW_DAY) for place in range(6)}
    placed = _place_clients(ibs, client_moves)
    _compare_every_day(model, ibs, placed)
    for on_day in range(NOW_DAY, LAST_DAY + 1):
        show_tree(now=day(on_day))
        assert _tree_parents(ibs) == {place: model.parent(place, on_day) for place in range(6)}
        assert verify_network(now=day(on_day)) == []


def _place_clients(ibs: list[IB], moves: Moves) -> dict[int, dict[int, int | None]]:
    """Place six clients by the moves; return by client id what was said for which day."""
    clients = [make_client() for _ in range(6)]
    said: dict[int, dict[int, int | None]] = {client.pk: {-1: None} for client in clients}
    for subject, target, on_day in moves:
        client = clients[subject]
        if said[client.pk][max(moved for moved in said[client.pk] if moved <= on_day)] == target:
            continue
        ib = None if target is None else ibs[target]
        move_client(client=client, ib=ib, at=day(on_day), actor=ACTOR, now=day(NOW_DAY))
        said[client.pk][on_day] = target
    return said


def _compare_every_day(model: Model, ibs: list[IB], placed: dict[int, dict[int, int | None]]) -> None:
    place_of = {ib.pk: place for place, ib in enumerate(ibs)}
    snapshot = network_snapshot()
    for on_day in range(LAST_DAY + 1):
        at = day(on_day)
        direct = {pk: said[max(moved for moved in said if moved <= on_day)] for pk, said in placed.items()}
        expected = {pk: model.chain(place, on_day) for pk, place in direct.items()}
        chains = chains_at(client_ids=list(placed), at=at)
        assert {pk: [place_of[link.ib_id] for link in chain] for pk, chain in chains.items()} == expected
        assert all([link.level for link in chain] == list(range(1, len(chain) + 1)) for chain in chains.values())
        for place, ib in enumerate(ibs):
            assert [place_of[link.ib_id] for link in chain_of(ib_id=ib.pk, at=at)] == model.chain(place, on_day)
            above = _value_at(snapshot.ib_parents, ib.pk, at)
            assert (None if above is None else place_of[above]) == model.parent(place, on_day)
        for pk, place in direct.items():
            ib_id = _value_at(snapshot.client_ibs, pk, at)
            assert (None if ib_id is None else place_of[ib_id]) == place


def _tree_parents(ibs: list[IB]) -> dict[int, int | None]:
    """Return the parent of each IB as the tree's numbers alone tell it."""
    place_of = {ib.pk: place for place, ib in enumerate(ibs)}
    rows = {ib.pk: ib for ib in IB.objects.filter(pk__in=place_of)}
    parents: dict[int, int | None] = {}
    for pk, ib in rows.items():
        above = [o for o in rows.values() if o.tree_id == ib.tree_id and o.lft < ib.lft and o.rght > ib.rght]
        nearest = max(above, key=lambda other: other.lft, default=None)
        parents[place_of[pk]] = None if nearest is None else place_of[nearest.pk]
        assert ib.level == len(above)
    return dict(sorted(parents.items()))


def test_account_chain_equals_its_clients_without_a_link_of_its_own(broker: Broker) -> None:
    top = make_ib("top", at=DAY0)
    client = make_client()
    account = make_account(client)
    move_client(client=client, ib=top, at=DAY0, actor=ACTOR, now=DAY0)

    chains = account_chains_at(account_ids=[account.pk], at=DAY0)

    assert chains[account.pk] == chains_at(client_ids=[client.pk], at=DAY0)[client.pk] != []
