"""Rows as columns: parts of parts hold what the whole holds there, whatever is asked for first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.judging.columns import Rows

pytestmark = pytest.mark.unit
SIZE = 12
PLACES = st.integers(min_value=0, max_value=SIZE - 1)


def rows_of(size: int = SIZE) -> Rows:
    return Rows({"id": np.arange(size), "twice": 2 * np.arange(size)})


@given(index=st.lists(PLACES), start=PLACES, mask=st.lists(st.booleans(), min_size=SIZE, max_size=SIZE))
def test_parts_of_parts_hold_what_the_whole_holds(index: list[int], start: int, mask: list[bool]) -> None:
    chosen = (mask + [False] * len(index))[: len(index)]
    wanted = [place for place, is_chosen in zip(index, chosen, strict=True) if is_chosen][start:]

    part = rows_of()[np.array(index, dtype=np.int64)][np.array(chosen, dtype=np.bool_)][start:]

    assert len(part) == len(wanted)
    assert part["twice"].tolist() == [2 * place for place in wanted]
    assert part["id"].tolist() == wanted
    assert list(part.each()) == [{"id": place, "twice": 2 * place} for place in wanted]


def test_rows_one_by_one_are_plain_integers() -> None:
    rows = rows_of(3)

    assert rows.row(2) == {"id": 2, "twice": 4}
    assert type(rows.row(2)["id"]) is int
    assert list(Rows.of(list(rows.each())).each()) == [{"id": n, "twice": 2 * n} for n in range(3)]


def test_one_more_column_leaves_the_rows_as_they_were() -> None:
    rows = rows_of(3)

    more = rows[np.array([2, 0])].with_column("place", np.array([7, 8]))

    assert more.names == ("id", "twice", "place")
    assert list(more[1:].each()) == [{"id": 0, "twice": 0, "place": 8}]
    assert rows.names == ("id", "twice")
    with pytest.raises(KeyError):
        rows["place"]
