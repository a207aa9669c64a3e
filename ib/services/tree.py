"""The live tree: django-mptt's numbers, brought to the dated links in force. The only code that changes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction

from ib.models import IB, NetworkState
from ib.nested_set import Numbers, number
from ib.services.state import lock_network

# IBs whose place in the tree is not the one of the dated links at the moment; before its first link, an IB
# stands where that link will put it.
_MISPLACED = """
WITH candidate AS (
    SELECT unnest(%(also)s::bigint[]) AS ib_id
    UNION
    SELECT ib_id FROM ib_iblink
    WHERE active_from <= %(moment)s AND active_from > coalesce(%(since)s::timestamptz, '-infinity')
)
SELECT i.id, l.parent_id FROM candidate c
JOIN ib_ib i ON i.id = c.ib_id
JOIN LATERAL (
    SELECT parent_id FROM ib_iblink WHERE ib_id = i.id
    ORDER BY active_from > %(moment)s, abs(extract(epoch FROM active_from - %(moment)s)) LIMIT 1
) l ON true
WHERE i.parent_id IS DISTINCT FROM l.parent_id
ORDER BY i.id
"""

_WRITE = """
UPDATE ib_ib i SET parent_id = v.parent_id, tree_id = v.tree_id, lft = v.lft, rght = v.rght, level = v.level
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
    AS v(id, parent_id, tree_id, lft, rght, level)
WHERE i.id = v.id AND (i.parent_id, i.tree_id, i.lft, i.rght, i.level)
    IS DISTINCT FROM (v.parent_id, v.tree_id, v.lft, v.rght, v.level)
"""


@contextmanager
def tree_writing() -> Iterator[None]:
    """Allow changes of the tree for a block; the caller holds the network's lock. The trigger refuses all others."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL keel.ib_tree_writer = 'on'")
        yield
        cursor.execute("SET LOCAL keel.ib_tree_writer = ''")


@transaction.atomic
def show_tree(*, now: datetime, also: tuple[int, ...] = ()) -> int:
    """Move every IB whose place changed by `now` to where the dated links have it; return how many moved.

    `also` are IBs whose links were just changed. Repeatable; a clock behind another's never turns the tree back."""
    lock_network()
    since = NetworkState.objects.values_list("tree_at", flat=True).get(pk=1)
    moment = max(now, since) if since else now
    with connection.cursor() as cursor:
        cursor.execute(_MISPLACED, {"moment": moment, "since": since, "also": list(also)})
        misplaced: dict[int, int | None] = dict(cursor.fetchall())
    if len(misplaced) == 1:
        _move_one(*misplaced.popitem())
        moved = 1
    else:
        moved = _move_several(misplaced) if misplaced else 0
    NetworkState.objects.filter(pk=1).update(tree_at=moment)
    return moved


@transaction.atomic
def rebuild_tree() -> int:
    """Number the whole tree anew from the parents, in one statement; return how many rows were wrong.

    For repair only: tree ids stay, sibling order follows the code."""
    lock_network()
    rows = IB.objects.order_by("code").values_list("pk", "parent_id", "tree_id")
    return _renumber({pk: parent_id for pk, parent_id, _ in rows}, {pk: tree_id for pk, _, tree_id in rows})


def insert_into_tree(ib: IB, parent_id: int | None) -> None:
    """Save a new IB as the last child of the parent, read anew under the lock."""
    parent = None if parent_id is None else IB.objects.get(pk=parent_id)
    with tree_writing():
        IB.objects.insert_node(ib, parent, position="last-child", save=True)


def _move_one(ib_id: int, parent_id: int | None) -> None:
    node = IB.objects.get(pk=ib_id)
    parent = None if parent_id is None else IB.objects.get(pk=parent_id)
    with tree_writing():
        IB.objects.move_node(node, parent, position="last-child")


def _move_several(misplaced: dict[int, int | None]) -> int:
    """Move several IBs at once: one after the other could pass through a cycle (two that change places)."""
    touched = {pk for pk in (*misplaced, *misplaced.values()) if pk is not None}
    tree_ids = IB.objects.order_by().filter(pk__in=touched).values("tree_id")
    rows = list(
        IB.objects.filter(tree_id__in=tree_ids).order_by("tree_id", "lft").values_list("pk", "parent_id", "tree_id")
    )
    _renumber({pk: misplaced.get(pk, parent_id) for pk, parent_id, _ in rows}, {pk: tree_id for pk, _, tree_id in rows})
    return len(misplaced)


def _renumber(parents: dict[int, int | None], tree_ids: dict[int, int]) -> int:
    """Write parents and their numbers in one statement. Each root keeps its tree's id; a new root gets a new one."""
    taken: set[int] = set()
    root_trees: dict[int, int] = {}
    for root in sorted((pk for pk, parent_id in parents.items() if parent_id is None), key=lambda pk: tree_ids[pk]):
        tree_id = tree_ids[root]
        root_trees[root] = IB.objects._get_next_tree_id() if tree_id in taken else tree_id  # noqa: SLF001 -- our own manager
        taken.add(tree_id)
    return _write_numbers(parents, number(parents, root_trees))


def _write_numbers(parents: dict[int, int | None], numbers: dict[int, Numbers]) -> int:
    """Write the places of existing rows; return how many were different."""
    ids = list(numbers)
    places = [numbers[pk] for pk in ids]
    columns = [[getattr(place, field) for place in places] for field in ("tree_id", "lft", "rght", "level")]
    with tree_writing(), connection.cursor() as cursor:
        cursor.execute(_WRITE, [ids, [parents[pk] for pk in ids], *columns])
        return int(cursor.rowcount)
