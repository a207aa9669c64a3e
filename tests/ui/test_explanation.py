"""The engine's steps in words: every step that it can record has them."""

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from commissions.calculation import Step, Verdict
from commissions.enums import VERDICT_LABELS
from commissions.terms import Base, Rate
from ui import explanation
from ui.explanation import Line, lines, machine_readable, rate_scope, rate_text
from ui.verdicts import WHY

pytestmark = pytest.mark.unit

CALCULATION = Path(__file__).parents[2] / "commissions" / "calculation"
OF_SPREAD = Rate(position=0, base=Base.SPREAD, value=Decimal("12.5"), symbol="EURUSD", mt_group="cent")
CLOSING = {"part": "closing", "lots": Fraction(1, 2), "held_seconds": Fraction(123, 2)}
PER_LOT = Rate(position=0, base=Base.PER_LOT, value=Decimal(9), symbol_group="forex-majors", currency="USD")


def recorded_codes() -> set[str]:
    """Return every step code that the calculation's source names."""
    codes = set()
    for path in CALCULATION.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    codes.add(first.value)
    return codes | {"percent_of_child", "percent_of_direct"}  # named by a variable


def test_every_step_of_the_engine_has_words() -> None:
    assert recorded_codes() == set(explanation._WORDS)


def test_every_verdict_has_words() -> None:
    assert set(WHY) == set(VERDICT_LABELS) == set(Verdict)


def test_a_rebate_per_lot_reads_from_lots_to_amount() -> None:
    steps = [
        Step("counted", {"parts": [CLOSING], "lots": Fraction(1, 2), "lot_factor": Fraction(1)}),
        Step("rate_row", {"row": PER_LOT, "level": 1}),
        Step("base_per_lot", {"lots": Fraction(1, 2), "lot_factor": Fraction(1)}),
        Step(
            "times_rate",
            {"base": Fraction(1, 2), "multiplier": Fraction(9), "amount": Fraction(9, 2), "currency": "USD"},
        ),
        Step(
            "difference",
            {
                "own": Fraction(9, 2),
                "below": Fraction(5, 2),
                "amount": Fraction(2),
                "currency": "USD",
                "paid": [{"amount": Fraction(2), "currency": "EUR"}, {"amount": Fraction(1, 2), "currency": "USD"}],
            },
        ),
        Step("rounded", {"exact": Fraction(2), "currency": "USD"}),
    ]

    assert lines(steps) == [
        Line("Counted lots", "0.5 (closing part, held for 61.5 s) × account group’s lot factor 1", "0.5", "lots"),
        Line("Rate", "Level 1; the plan’s rate for forex-majors", "9 USD per lot"),
        Line("Base", "The counted lots", "0.5", "lots"),
        Line("Base × rate", "0.5 × 9", "4.5", "USD"),
        Line("Entitlement less what was paid below", "4.5 − 2.5 (paid below: 2 EUR + 0.5 USD)", "2", "USD"),
        Line("Rebate", "Nothing to round", "2.00", "USD"),
    ]


def test_rounding_is_told() -> None:
    (line,) = lines([Step("rounded", {"exact": Fraction(1, 3), "currency": "USD"})])

    assert line == Line("Rebate", "Rounded once, to 8 decimals, half to even", "0.33333333", "USD")


def test_a_stop_says_why() -> None:
    values = {"verdict": "below_min_hold", "level": 1, "held_seconds": Fraction(5), "min_hold_seconds": 60}
    (line,) = lines([Step("stopped", values)])

    assert line == Line(
        "Held too short",
        "The position was open for less time than the plan asks for. "
        "Held for 5 seconds; at least 60 seconds are asked for.",
    )


def test_download_keeps_exact_figures() -> None:
    steps = [
        Step("rate_row", {"row": PER_LOT, "level": 1}),
        Step("rounded", {"exact": Fraction(1, 3), "currency": "USD"}),
    ]

    rate_row, rounded = machine_readable(steps)
    assert rounded == {"step": "rounded", "exact": "1/3", "currency": "USD"}
    assert (rate_row["row"]["base"], rate_row["row"]["value"], rate_row["row"]["symbol_group"]) == (
        "per_lot",
        "9",
        "forex-majors",
    )


@pytest.mark.parametrize(
    ("rate", "text", "scope"),
    [
        (PER_LOT, "9 USD per lot", "forex-majors"),
        (OF_SPREAD, "12.5% of the spread", "EURUSD · cent"),
        (Rate(position=0, base=Base.POINTS, value=Decimal(3)), "3 points", "all symbols"),
    ],
)  # fmt: skip
def test_rates_in_words(rate: Rate, text: str, scope: str) -> None:
    assert (rate_text(rate), rate_scope(rate)) == (text, scope)


def test_a_symbol_group_is_called_by_its_name_where_one_is_known() -> None:
    metals = Rate(position=0, base=Base.PER_LOT, value=Decimal(9), currency="USD", symbol_group="metals")

    assert [rate_scope(metals, names) for names in ({"metals": "Precious metals"}, {"crypto": "Crypto"})] == [
        "Precious metals", "metals",
    ]  # fmt: skip
