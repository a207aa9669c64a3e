"""The network's lock and version: what every change takes first, and leaves behind."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from ib.enums import ChangeKind
from ib.models import NetworkChange, NetworkState


class Span(NamedTuple):
    """The half-open period that a change is about; `end` None: from there on."""

    start: datetime
    end: datetime | None


def lock_network() -> None:
    """Wait for this broker's network and hold it until the transaction ends. Read nothing before it.

    One lock, not one per tree: a planned move can close a cycle through several trees, and every change
    bumps the one version anyway."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ib_network_lock()")


def bump(*, span: Span | None = None, by: int = 1) -> int:
    """Raise the network's version in the caller's transaction and return it; `span` may have to be judged again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ib_networkstate SET version = version + %s, affected_from = LEAST(affected_from, %s) "
            "WHERE id = 1 RETURNING version",
            [by, span.start if span else None],
        )
        (version,) = cursor.fetchone()
    return int(version)


def record_change(
    *,
    kind: ChangeKind,
    span: Span,
    now: datetime,
    ib_id: int | None = None,
    client_id: int | None = None,
    account_id: int | None = None,
) -> int:
    """Bump the version and note whose period changed, for the engine; return the version."""
    version = bump(span=span)
    NetworkChange.objects.create(
        version=version, kind=kind, ib_id=ib_id, client_id=client_id, account_id=account_id,
        affected_from=span.start, affected_to=span.end, recorded_at=now,
    )  # fmt: skip
    return version


def record_placements(*, client_ids: Collection[int], span: Span, now: datetime) -> None:
    """Note for the engine, in bulk, that the period of each of these clients changed: a version for each."""
    last = bump(span=span, by=len(client_ids))
    NetworkChange.objects.bulk_create(
        [
            NetworkChange(
                version=version, kind=ChangeKind.CLIENT, client_id=client_id,
                affected_from=span.start, affected_to=span.end, recorded_at=now,
            )
            for version, client_id in enumerate(client_ids, last - len(client_ids) + 1)
        ],
        batch_size=10_000,
    )  # fmt: skip


def hold_network_version() -> int:
    """Return the network's version and keep changes waiting until the caller's transaction ends.

    For whoever writes what it computed from a snapshot: compare, then commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM ib_networkstate WHERE id = 1 FOR SHARE")
        (version,) = cursor.fetchone()
    return int(version)


def take_affected_from() -> datetime | None:
    """Return the earliest moment changed since the last call and clear it, in the caller's transaction.

    None: nothing changed. The caller queues what it has to judge again in the same transaction; which clients,
    accounts and IBs are meant is told by `queries.affected_since`."""
    state = NetworkState.objects.select_for_update().get(pk=1)
    affected_from = state.affected_from
    if affected_from is not None:
        NetworkState.objects.filter(pk=1).update(affected_from=None)
    return affected_from
