"""Create IBs and move them, in the past, now or in the future."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Min, QuerySet

from access.models import User
from access.services import record_audit
from access.types import Actor
from clients.models import Client
from core import jobs
from ib.enums import ChangeKind
from ib.models import IB, IbLink
from ib.nested_set import CycleFound, number
from ib.queries.places import in_force
from ib.services.errors import AlreadyThere, CodeTaken, CycleRefused, ParentNotYetThere, UnknownParent
from ib.services.periods import put_from
from ib.services.state import Span, bump, lock_network, record_change
from ib.services.tree import insert_into_tree, show_tree, tree_writing
from ib.types import IbSpec

UNIQUE_VIOLATION = "23505"

# Walk up from the new parent; `during` is the part of the period in which the path so far exists.
_FIND_CYCLE = """
WITH RECURSIVE up(node, during, path) AS (
    SELECT %(parent)s::bigint, tstzrange(%(start)s, %(end)s), ARRAY[%(parent)s::bigint]
    UNION ALL
    SELECT l.parent_id, up.during * tstzrange(l.active_from, l.active_to), up.path || l.parent_id
    FROM up JOIN ib_iblink l ON l.ib_id = up.node AND tstzrange(l.active_from, l.active_to) && up.during
    WHERE up.node <> %(ib)s AND l.parent_id IS NOT NULL
)
SELECT lower(during), (SELECT string_agg(i.code, ' → ' ORDER BY p.place)
                       FROM unnest(path) WITH ORDINALITY AS p(id, place) JOIN ib_ib i ON i.id = p.id)
FROM up WHERE node = %(ib)s ORDER BY lower(during) LIMIT 1
"""


@transaction.atomic
def create_ib(
    *,
    code: str,
    name: str,
    currency: str,
    parent: IB | None,
    at: datetime,
    actor: Actor,
    now: datetime,
    client: Client | None = None,
    user: User | None = None,
) -> IB:
    """Create an IB that stands under `parent` (None: at the top) from `at` on.

    :raises CodeTaken: the code, the client or the user belongs to another IB.
    :raises ParentNotYetThere: the parent's place in the network begins later."""
    lock_network()
    _check_parent(parent, at)
    show_tree(now=now)
    ib = IB(code=code.strip(), name=name.strip(), currency=currency, client=client, user=user, created_at=now)
    try:
        with transaction.atomic():
            insert_into_tree(ib, None if parent is None else parent.pk)
    except IntegrityError as error:
        if not _is_taken(error):
            raise
        raise CodeTaken(field="code", ib=code) from error
    IbLink.objects.create(ib=ib, parent=parent, active_from=at)
    bump()
    _record(ib, "ib.create_ib", None, _place(parent, at), actor, now)
    return ib


@transaction.atomic
def create_network(*, specs: Sequence[IbSpec], at: datetime, actor: Actor, now: datetime) -> dict[str, IB]:
    """Create many IBs at once, as an import does, in any order; return them by code. All or none.

    :raises UnknownParent: a parent is neither in the list nor in the network.
    :raises CycleRefused: an IB of the list stands below itself.
    :raises CodeTaken: a code, client or user belongs to another IB."""
    lock_network()
    show_tree(now=now)
    wanted = {spec.code for spec in specs}
    outside = {spec.parent for spec in specs if spec.parent and spec.parent not in wanted}
    _refuse_listed_cycle(specs, at)
    known = {ib.code: ib for ib in IB.objects.order_by().filter(code__in=outside)}
    for spec in specs:
        if spec.parent and spec.parent not in wanted and spec.parent not in known:
            raise UnknownParent(field="parent", ib=spec.code, parent=spec.parent)
    for parent in known.values():
        _check_parent(parent, at)
    created = _insert_all(specs, known, at=at, now=now)
    bump()
    record_audit(
        actor=actor, action="ib.create_network", object_type="ib", object_id="", before=None,
        after={"ibs": {spec.code: spec.parent for spec in specs}, "from": at}, now=now,
    )  # fmt: skip
    return created


@transaction.atomic
def move_ib(*, ib: IB, parent: IB | None, at: datetime, actor: Actor, now: datetime, reason: str = "") -> IbLink:
    """Let the IB, with all below it, stand under `parent` (None: at the top) from `at` until its next recorded move.

    `at` may be past (deals since then are judged again), now, or to come: then the dated link exists at once, so
    judging needs nothing more, and a job moves the live tree at its moment.

    :raises CycleRefused: the parent would stand below the IB at some moment of the period.
    :raises AlreadyThere: the IB stands there at that moment.
    :raises ParentNotYetThere: the parent's place in the network begins later."""
    lock_network()
    rows = IbLink.objects.filter(ib=ib)
    before = in_force(rows, at=at).select_related("parent").first()
    if before is not None and before.parent_id == (parent.pk if parent else None):
        raise AlreadyThere(subject=ib.code)
    _check_parent(parent, at)
    _refuse_cycle(ib, parent, Span(at, _end_of_place(rows, before, at)))
    span = put_from(rows, at=at, subject={"ib": ib}, values={"parent": parent})
    if at > now:
        jobs.enqueue("ib.show_tree", key=f"ib.show_tree:{at.isoformat()}", now=now, run_at=at)
    show_tree(now=now, also=(ib.pk,))
    record_change(kind=ChangeKind.IB, ib_id=ib.pk, span=span, now=now)
    previous = _place(before.parent, before.active_from) if before else None
    _record(ib, "ib.move_ib", previous, _place(parent, at), actor, now, reason)
    return rows.get(active_from=at)


def _end_of_place(rows: QuerySet[IbLink], current: IbLink | None, at: datetime) -> datetime | None:
    if current is not None:
        return current.active_to
    end: datetime | None = rows.filter(active_from__gt=at).aggregate(next=Min("active_from"))["next"]
    return end


def _check_parent(parent: IB | None, at: datetime) -> None:
    if parent is None:
        return
    since = IbLink.objects.filter(ib=parent).aggregate(since=Min("active_from"))["since"]
    if since is None or since > at:
        raise ParentNotYetThere(field="parent", parent=parent.code, since=_moment(since) if since else "—")


def _refuse_cycle(ib: IB, parent: IB | None, span: Span) -> None:
    if parent is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_FIND_CYCLE, {"ib": ib.pk, "parent": parent.pk, "start": span.start, "end": span.end})
        found = cursor.fetchone()
    if found is not None:
        moment, path = found
        raise CycleRefused(field="parent", ib=ib.code, parent=parent.code, moment=_moment(moment), path=path)


def _insert_all(specs: Sequence[IbSpec], known: dict[str, IB], *, at: datetime, now: datetime) -> dict[str, IB]:
    """Insert each IB as a tree of its own, with its dated link, then let the tree follow the links in one statement."""
    new_tree_ids = _new_tree_ids(len(specs))
    rows = [_alone(spec, tree_id, now) for spec, tree_id in zip(specs, new_tree_ids, strict=True)]
    try:
        with transaction.atomic(), tree_writing():
            made = {ib.code: ib for ib in IB.objects.bulk_create(rows)}
    except IntegrityError as error:
        if not _is_taken(error):
            raise
        raise CodeTaken(field="code", ib=str(error).rpartition("(")[2].partition(")")[0]) from error
    above = known | made
    IbLink.objects.bulk_create(
        [IbLink(ib=made[s.code], parent=above[s.parent] if s.parent else None, active_from=at) for s in specs]
    )
    show_tree(now=now, also=tuple(ib.pk for ib in made.values()))
    return {ib.code: ib for ib in IB.objects.filter(pk__in=[ib.pk for ib in made.values()])}


def _alone(spec: IbSpec, tree_id: int, now: datetime) -> IB:
    return IB(
        code=spec.code, name=spec.name, currency=spec.currency, client_id=spec.client_id, user_id=spec.user_id,
        created_at=now, tree_id=tree_id, lft=1, rght=2, level=0,
    )  # fmt: skip


def _refuse_listed_cycle(specs: Sequence[IbSpec], at: datetime) -> None:
    places = {spec.code: index for index, spec in enumerate(specs)}
    parents = {place: places.get(specs[place].parent or "") for place in places.values()}
    try:
        number(parents, dict.fromkeys(parents, 0))
    except CycleFound as cycle:
        start = specs[cycle.nodes[0]]
        path = [start.code]
        while (above := specs[places[path[-1]]].parent) and above not in path:
            path.append(above)
        raise CycleRefused(
            field="parent", ib=path[-1], parent=above, moment=_moment(at), path=" → ".join([*path, above or ""])
        ) from cycle


def _new_tree_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('ib_tree_id_seq') FROM generate_series(1, %s)", [count])
        return [tree_id for (tree_id,) in cursor.fetchall()]


def _is_taken(error: IntegrityError) -> bool:
    cause = error.__cause__
    return UNIQUE_VIOLATION in {getattr(cause, "pgcode", None), getattr(cause, "sqlstate", None)}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _place(parent: IB | None, since: datetime) -> dict[str, Any]:
    return {"parent": None if parent is None else parent.code, "from": since}


def _record(
    ib: IB,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    record_audit(
        actor=actor, action=action, object_type="ib", object_id=ib.pk,
        before=before, after={"ib": ib.code, **after}, reason=reason, now=now,
    )  # fmt: skip
