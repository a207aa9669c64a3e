"""Nested sets from parents, and what is wrong with given numbers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Numbers(NamedTuple):
    """A node's place: `lft` < those of everybody below it < `rght`, per tree; the root has level 0."""

    tree_id: int
    lft: int
    rght: int
    level: int


class CycleFound(ValueError):
    """The parents don't form trees; `nodes` are those that no root reaches."""

    def __init__(self, nodes: Sequence[int]) -> None:
        super().__init__(f"no root above {list(nodes)[:5]}")
        self.nodes = nodes


def number(parents: Mapping[int, int | None], tree_ids: Mapping[int, int]) -> dict[int, Numbers]:
    """Return the numbers of all nodes; siblings keep the order of `parents`. `tree_ids` has one for each root.

    :raises CycleFound: a node is below itself."""
    below: dict[int, list[int]] = {node: [] for node in parents}
    roots: list[int] = []
    for node, parent in parents.items():
        if parent is None:
            roots.append(node)
        else:
            below[parent].append(node)
    numbers: dict[int, Numbers] = {}
    for root in roots:
        _number_tree(root, tree_ids[root], below, numbers)
    if len(numbers) < len(parents):
        raise CycleFound(sorted(parents.keys() - numbers.keys()))
    return numbers


def _number_tree(root: int, tree_id: int, below: Mapping[int, list[int]], numbers: dict[int, Numbers]) -> None:
    opened: dict[int, int] = {}
    stack: list[tuple[int, int, bool]] = [(root, 0, False)]
    cursor = 0
    while stack:
        node, level, seen = stack.pop()
        cursor += 1
        if seen:
            numbers[node] = Numbers(tree_id, opened[node], cursor, level)
            continue
        opened[node] = cursor
        stack.append((node, level, True))
        stack.extend((child, level + 1, False) for child in reversed(below[node]))


def faults(rows: Iterable[tuple[int, int | None, Numbers]]) -> dict[int, str]:
    """Return what is wrong, by node, in rows (node, parent, numbers) ordered by (tree, lft); {} when all is right."""
    wrong: dict[int, str] = {}
    members: dict[int, int] = {}  # how many stand below, by node
    spans: dict[int, Numbers] = {}
    path: list[int] = []
    tree_id = 0
    for node, parent, now in rows:
        first_of_tree = now.tree_id != tree_id
        while path and (first_of_tree or spans[path[-1]].rght < now.lft):
            path.pop()
        if problem := _fault(parent, now, [(above, spans[above]) for above in path[-1:]], len(path), first_of_tree):
            wrong[node] = problem
        for above in path:
            members[above] += 1
        members[node], spans[node], tree_id = 0, now, now.tree_id
        path.append(node)
    for node, below in members.items():
        if node not in wrong and spans[node].rght - spans[node].lft != 2 * below + 1:
            wrong[node] = f"numbers {spans[node].lft}–{spans[node].rght} for {below} below"
    return wrong


def _fault(
    parent: int | None, now: Numbers, nearest: list[tuple[int, Numbers]], depth: int, first_of_tree: bool
) -> str:
    if now.level != depth:
        return f"level {now.level} where {depth} stand above"
    if not nearest:
        if not first_of_tree:
            return "a second root in one tree"
        return "" if parent is None else f"numbers put it at the top, its parent is {parent}"
    above, span = nearest[0]
    if parent != above:
        return f"numbers put it under {above}, its parent is {parent}"
    return "numbers reach beyond the parent's" if now.rght >= span.rght else ""
