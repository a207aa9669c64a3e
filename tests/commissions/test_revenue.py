"""The two parts of the broker's revenue are added by int64 where that holds them, by Python integers elsewhere."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.judging.bases import _added, _added_exactly
from commissions.vector import Measured

pytestmark = pytest.mark.unit
NUMS = st.integers(min_value=-(2**61), max_value=2**61) | st.integers(min_value=-(10**12), max_value=10**12)
TIMES = st.integers(min_value=1, max_value=10**12) | st.just(1)
OVERS = st.integers(min_value=1, max_value=2**61) | st.sampled_from([1, 2, 100, 10_000, 10**10])
PARTS = st.tuples(NUMS, TIMES, OVERS)


@given(pairs=st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=20))
def test_sums_in_int64_are_those_of_python_integers(
    pairs: list[tuple[tuple[int, int, int], tuple[int, int, int]]],
) -> None:
    one, other = (Measured(*np.array(parts, dtype=np.int64).T) for parts in zip(*pairs, strict=True))

    num, over, fits = _added(one, other)
    exact_num, exact_over, exact_fits = _added_exactly(one, other)

    assert not (fits & ~exact_fits).any()
    assert num[fits].tolist() == exact_num[fits].tolist()
    assert over[fits].tolist() == exact_over[fits].tolist()


def test_ordinary_deals_stay_within_int64() -> None:
    """Five lots with a spread of 1.5 points at a contract of 100,000, and a commission in yen at 151.23."""
    spread = Measured(np.array([7_500]), np.array([10_843_000_000]), np.array([10_000]))
    rest = Measured(np.array([-350_000_000_000]), np.array([100]), np.array([15_123 * 500]))

    num, over, fits = _added(spread, rest)

    assert fits.tolist() == [True]
    assert Fraction(int(num[0]), int(over[0])) == 8_132_250_000 - Fraction(35_000_000_000_000, 7_561_500)
