"""The reference on the comment: unique for brokers and operations, read back, and safe against a slip of the pen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.operations.reference import ALPHABET, LENGTH, find_reference, is_of_schema, reference_of

pytestmark = pytest.mark.unit
IDS = st.integers(min_value=1, max_value=2**40 - 1)


@given(IDS)
def test_a_reference_is_found_at_the_beginning_of_a_comment(operation_id: int) -> None:
    ref = reference_of(schema="t_aurora", operation_id=operation_id)

    assert len(ref) == LENGTH
    assert find_reference(f"{ref} Deposit") == ref
    assert (is_of_schema(ref, "t_aurora"), is_of_schema(ref, "t_borealis")) == (True, False)


@given(IDS, IDS)
def test_two_operations_never_share_a_reference(first: int, second: int) -> None:
    same = reference_of(schema="t_aurora", operation_id=first) == reference_of(schema="t_aurora", operation_id=second)

    assert same == (first == second)


@given(IDS, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(operation_id: int, place: int, character: str) -> None:
    ref = reference_of(schema="t_aurora", operation_id=operation_id)
    wrong = ref[:place] + character + ref[place + 1 :]

    assert find_reference(wrong) == (ref if wrong == ref else None)


@pytest.mark.parametrize("comment", ["", "Deposit", "deposit by manager", "W7Q2K9ZD41XM", "IIIIIIIIIIIII"])
def test_other_comments_hold_no_reference(comment: str) -> None:
    assert find_reference(comment) is None


@pytest.mark.parametrize("operation_id", [0, -1, 2**40])
def test_an_id_that_does_not_fit_is_refused(operation_id: int) -> None:
    with pytest.raises(ValueError, match="cannot be the id"):
        reference_of(schema="t_aurora", operation_id=operation_id)
