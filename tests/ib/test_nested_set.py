"""Numbers of a nested set, and finding wrong ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ib.nested_set import CycleFound, Numbers, faults, number

pytestmark = pytest.mark.unit

FAMILY = {1: None, 2: 1, 3: 1, 4: 2, 9: None}
FAMILY_NUMBERS = {
    1: Numbers(7, 1, 8, 0),
    2: Numbers(7, 2, 5, 1),
    4: Numbers(7, 3, 4, 2),
    3: Numbers(7, 6, 7, 1),
    9: Numbers(8, 1, 2, 0),
}


@st.composite
def families(draw: st.DrawFn) -> dict[int, int | None]:
    size = draw(st.integers(1, 30))
    return {node: draw(st.sampled_from([None, *range(1, node)])) for node in range(1, size + 1)}


def _rows(parents: dict[int, int | None], numbers: dict[int, Numbers]) -> list[tuple[int, int | None, Numbers]]:
    return sorted(((node, parents[node], numbers[node]) for node in parents), key=lambda row: row[2][:2])


def test_number_gives_each_tree_its_own_numbers() -> None:
    assert number(FAMILY, {1: 7, 9: 8}) == FAMILY_NUMBERS


def test_number_names_those_in_a_cycle() -> None:
    with pytest.raises(CycleFound) as caught:
        number({1: None, 2: 3, 3: 2, 4: 3}, {1: 1})

    assert caught.value.nodes == [2, 3, 4]


@given(families())
def test_numbers_of_any_family_have_no_faults(parents: dict[int, int | None]) -> None:
    numbers = number(parents, {node: node for node, parent in parents.items() if parent is None})

    assert faults(_rows(parents, numbers)) == {}


@given(families(), st.data())
def test_any_changed_number_is_a_fault(parents: dict[int, int | None], data: st.DataObject) -> None:
    numbers = number(parents, {node: node for node, parent in parents.items() if parent is None})
    node = data.draw(st.sampled_from(sorted(parents)))
    field = data.draw(st.sampled_from(["rght", "level"]))
    shift = data.draw(st.integers(1, 50))

    broken = numbers | {node: numbers[node]._replace(**{field: getattr(numbers[node], field) + shift})}

    assert faults(_rows(parents, broken)) != {}


@pytest.mark.parametrize(
    ("node", "wrong", "sentence"),
    [
        (2, {"level": 3}, "level 3 where 1 stand above"),
        (3, {"lft": 4, "rght": 9}, "level 1 where 3 stand above"),
        (9, {"tree_id": 7, "lft": 9, "rght": 10}, "a second root in one tree"),
        (1, {"rght": 12}, "numbers 1–12 for 3 below"),
    ],
)
def test_faults_say_what_is_wrong(node: int, wrong: dict[str, int], sentence: str) -> None:
    broken = FAMILY_NUMBERS | {node: FAMILY_NUMBERS[node]._replace(**wrong)}

    assert faults(_rows(FAMILY, broken))[node] == sentence


def test_a_parent_that_the_numbers_deny_is_a_fault() -> None:
    assert faults(_rows(FAMILY | {4: 3}, FAMILY_NUMBERS)) == {4: "numbers put it under 2, its parent is 3"}
