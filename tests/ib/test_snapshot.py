"""The network as the engine reads it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ib.models import IB
from ib.queries import network_snapshot, network_version
from ib.services import move_account, move_client, move_ib, set_agreement
from ib.types import OPEN_END_US, AgreementPeriod, IbFacts, Terms
from tenancy.models import Broker
from tests.ib.factories import ACTOR, START, make_account, make_client, make_ib

pytestmark = pytest.mark.unit

MARCH = datetime(2026, 3, 1, 0, 0, 0, 7, tzinfo=UTC)
START_US, MARCH_US = 1_767_225_600_000_000, 1_772_323_200_000_007


@pytest.mark.parametrize("filtered", [False, True])
def test_snapshot_holds_past_and_future_of_everything(broker: Broker, filtered: bool) -> None:
    top, sub = make_ib("top"), make_ib("sub")
    own, other = make_client(), make_client()
    account = make_account(own)
    IB.objects.filter(pk=sub.pk).update(client=own)
    move_ib(ib=sub, parent=top, at=MARCH, actor=ACTOR, now=START)
    for client in (own, other):
        move_client(client=client, ib=sub, at=START, actor=ACTOR, now=START)
    move_client(client=own, ib=top, at=MARCH, actor=ACTOR, now=START)
    move_account(account=account, ib=None, at=MARCH, actor=ACTOR, now=START)
    set_agreement(ib=sub, terms=Terms(Decimal("62.5"), rank=2), at=MARCH, actor=ACTOR, now=START)

    snapshot = network_snapshot(client_ids=[own.pk], account_ids=[account.pk]) if filtered else network_snapshot()

    assert snapshot.version == network_version()
    assert snapshot.ibs == {top.pk: IbFacts("top", "USD"), sub.pk: IbFacts("sub", "USD")}
    assert snapshot.self_ib == {own.pk: sub.pk}
    assert _rows(snapshot.ib_parents) == [
        (top.pk, 0, START_US, OPEN_END_US),
        (sub.pk, 0, START_US, MARCH_US),
        (sub.pk, top.pk, MARCH_US, OPEN_END_US),
    ]
    assert _rows(snapshot.client_ibs) == [
        (own.pk, sub.pk, START_US, MARCH_US),
        (own.pk, top.pk, MARCH_US, OPEN_END_US),
        *([] if filtered else [(other.pk, sub.pk, START_US, OPEN_END_US)]),
    ]
    assert _rows(snapshot.account_ibs) == [(account.pk, 0, MARCH_US, OPEN_END_US)]
    assert snapshot.agreements == {sub.pk: (AgreementPeriod(MARCH_US, OPEN_END_US, Decimal("62.50000000"), 2, True),)}


def test_snapshot_of_an_empty_filter_has_no_links(broker: Broker) -> None:
    move_client(client=make_client(), ib=make_ib("top"), at=START, actor=ACTOR, now=START)

    snapshot = network_snapshot(client_ids=[], account_ids=[])

    assert (_rows(snapshot.client_ibs), _rows(snapshot.account_ibs)) == ([], [])


@pytest.mark.parametrize("rows", [1, 3])
def test_snapshot_costs_the_same_whatever_the_size(
    broker: Broker, rows: int, django_assert_num_queries: object
) -> None:
    for place in range(rows):
        move_client(client=make_client(), ib=make_ib(f"ib{place}"), at=START, actor=ACTOR, now=START)

    with django_assert_num_queries(7):
        network_snapshot()


def _rows(periods: object) -> list[tuple[int, int, int, int]]:
    return list(zip(periods.subject, periods.target, periods.start_us, periods.end_us, strict=True))


def test_snapshot_of_a_network_that_never_rests_is_read_under_its_lock(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_ib("top")
    monkeypatch.setattr("ib.queries.snapshot._TRIES_WITHOUT_LOCK", 0)

    snapshot = network_snapshot()

    assert (snapshot.version, snapshot.ibs) == (network_version(), {top.pk: IbFacts("top", "USD")})
