"""The fast path against the exact one: amounts of whole columns, and cells against the calculation of each deal."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commissions.calculation import DealFacts, Member, Part, PartKind, SymbolFacts, judge_chain
from commissions.resolve import Cell, CellFacts, Kind, Measure, resolve_cell
from commissions.terms import parse_terms
from commissions.vector import LARGEST, TOO_LARGE, Coefficients, Measured, amounts, exact_amount, multiplied, product
from tests.commissions.plain_play import Play
from tests.commissions.random_documents import random_document

pytestmark = pytest.mark.unit
AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
MEASURES = st.one_of(st.integers(0, 10**6), st.integers(0, 2**63 - 1), st.just(2**62), st.just(0))
FACTORS = st.one_of(st.just(1), st.integers(1, 10**6), st.integers(1, 2**62))
OF_ITSELF = {Kind.LOTS, Kind.COMMISSION, Kind.PROFIT}  # what one part of a deal measures; the others: test_both_paths
PAIRS = st.tuples(st.integers(0, 10**9), st.sampled_from([1, 2, 3, 4, 7, 10, 25, 100, 10**8, 2**40 + 1]))
HUGE = st.tuples(st.integers(2**62, 2**80), st.integers(2**61, 2**70))


@settings(max_examples=300, deadline=None)
@given(
    cells=st.lists(st.lists(st.one_of(PAIRS, HUGE), min_size=3, max_size=3), min_size=1, max_size=5),
    measures=st.lists(st.tuples(MEASURES, FACTORS, FACTORS), min_size=1, max_size=8),
)
def test_amounts_equal_python_integers(
    cells: list[list[tuple[int, int]]], measures: list[tuple[int, int, int]]
) -> None:
    which = [place % len(cells) for place in range(len(measures))]
    offset = np.array([3 * cell for cell in which], dtype=np.int64)
    exact = [
        [exact_amount(measure * times, num, den * over) for num, den in cells[cell]]
        for (measure, times, over), cell in zip(measures, which, strict=True)
    ]

    measured = Measured(*np.array(measures, dtype=np.int64).T)
    found = amounts(measured, np.array(which, dtype=np.int64), offset, 3, Coefficients(cells)).tolist()

    assert found == exact


@pytest.mark.parametrize(
    ("measure", "pair", "amount"),
    [
        (LARGEST, (1, 1), LARGEST),
        (LARGEST + 1, (1, 1), TOO_LARGE),  # int64 could hold it
        (2**62, (3, 1), TOO_LARGE),  # Python integers
        (2**62, (2**70, 2**72), LARGEST),
    ],
)
def test_what_cannot_be_booked_is_marked_and_stops_nothing(measure: int, pair: tuple[int, int], amount: int) -> None:
    measures = np.array([measure, 7], dtype=np.int64)

    found = multiplied(measures, [pair, (1, 1)], np.array([0, 1], dtype=np.int64))

    assert found.tolist() == [amount, 7]


def test_halves_round_to_even() -> None:
    measures = np.array([1, 3, 5, 7], dtype=np.int64)

    assert multiplied(measures, [(1, 2)], np.zeros(4, dtype=np.int64)).tolist() == [0, 2, 2, 4]


def test_nothing_gives_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)

    assert amounts(Measured.whole(empty), empty, empty, 3, Coefficients([[(1, 1)]])).shape == (0, 3)


INT64S = st.integers(min_value=-(2**63), max_value=2**63 - 1) | st.integers(min_value=-(2**32), max_value=2**32)


@given(rows=st.lists(st.tuples(INT64S, INT64S, INT64S), min_size=1))
def test_products_are_those_of_python_integers_where_they_fit(rows: list[tuple[int, int, int]]) -> None:
    found, fits = product(*np.array(rows, dtype=np.int64).T)

    exact = [a * b * c for a, b, c in rows]
    assert fits.tolist() == [abs(each) < 2**62 for each in exact]
    assert found.tolist() == [each if abs(each) < 2**62 else 0 for each in exact]


def test_a_product_beyond_int64_does_not_wrap() -> None:
    volume = np.array([100 * 10**8], dtype=np.int64)

    assert multiplied(volume, [(3 * 10**10 + 1, 10**8)], np.zeros(1, dtype=np.int64)).tolist() == [3 * 10**12 + 100]


def members_of(random: Random) -> list[Member]:
    document = random_document(random, lots_only=random.random() < 0.6)
    for ib in document["ibs"]:
        ib["currency"] = "USD"
    for versions in document["plans"].values():
        for version in versions:
            for row in version["rates"]:
                if "currency" in row:
                    row["currency"] = "USD"
    return [member for _code, member in Play(document).chain(1001, AT)]


def facts_of(random: Random) -> CellFacts:
    name, group = random.choice([("EURUSD", "majors"), ("OTHER", None)])
    symbol = SymbolFacts(name, group, Fraction(100_000), 5, "USD")
    kind = random.choice([PartKind.OPENING, PartKind.CLOSING])
    factor = random.choice([Fraction(1), Fraction(1, 100), None])
    return CellFacts(symbol, random.choice(["std", "cent"]), "USD", factor, kind)


def deal_of(facts: CellFacts, random: Random) -> tuple[DealFacts, int]:
    """Return a deal of the cell and its volume, commission and profit in 1e-8, the same number for all three."""
    units = random.choice([0, 1, 50_000_000, 123_456_789, 10**13])
    amount = Fraction(units, 10**8)
    part = Part(facts.kind, amount, -amount, Fraction(0), None, timedelta(days=9))
    deal = DealFacts(
        AT, "client", facts.symbol, facts.mt_group, facts.account_currency, facts.lot_factor, (part,), profit=amount
    )
    return deal, units


def pays(cell: Cell, units: int) -> list[tuple[str, int]]:
    levels = [*cell.levels, *([cell.client] if cell.client else [])]
    return [
        ((each.verdict if units else each.zero_verdict).code, exact_amount(units, each.num, each.den))
        for each in levels
    ]


@settings(max_examples=150, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_linear_cells_pay_what_the_calculation_pays(random: Random) -> None:
    members, facts = members_of(random), facts_of(random)
    assume(members)
    cell = resolve_cell(facts, members)
    deal, units = deal_of(facts, random)
    result = judge_chain(deal, members, lambda _currency: None)

    assert cell.is_counted == any(outcome.verdict for outcome in result.outcomes)
    if cell.measure is not None and cell.measure.kind in OF_ITSELF:
        outcomes = [*result.outcomes, *([result.client] if result.client else [])]
        assert pays(cell, units) == [(outcome.verdict.code, outcome.amount_e8) for outcome in outcomes]


def test_a_chain_by_difference_is_linear() -> None:
    rates = [{"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}]
    terms, _faults = parse_terms({"rates": rates, "upline": {"mode": "difference"}})
    symbol = SymbolFacts("EURUSD", "majors", Fraction(1), 5, "USD")
    facts = CellFacts(symbol, "std", "USD", Fraction(1, 2), PartKind.CLOSING)

    cell = resolve_cell(facts, [Member("USD", terms), Member("USD", terms)])

    assert cell.measure == Measure(Kind.LOTS)
    assert [(level.num, level.den) for level in cell.levels] == [(5, 2), (0, 1)]
