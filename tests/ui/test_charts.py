"""Charts as SVG: places, order, tooltips, values below zero."""

import re
from decimal import Decimal

import pytest

from ui.charts import Column, Series, scale, spark, stacked_bars

pytestmark = pytest.mark.unit

DAYS = [Column("1 Mar", "1 Mar 2026"), Column("2 Mar", "2 Mar 2026")]


def draw(*values: list[str]) -> str:
    series = [Series(f"s{i}", [Decimal(v) for v in each]) for i, each in enumerate(values, start=1)]
    return stacked_bars(DAYS, series, title="Rebate <per> day", value=lambda v: f"{v} USD", tick=str)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        ("0", "7800", ["0", "2E+3", "4E+3", "6E+3", "8E+3"]),
        ("0", "0.09", ["0.000", "0.025", "0.050", "0.075", "0.100"]),
        ("-30", "90", ["-5E+1", "0E+1", "5E+1", "1.0E+2"]),
        ("0", "0", ["0.00", "0.25", "0.50", "0.75", "1.00"]),
    ],
)
def test_scale_has_round_ticks_that_hold_zero(low: str, high: str, ticks: list[str]) -> None:
    found = scale(Decimal(low), Decimal(high), height=270).ticks()

    assert [Decimal(t) for t in ticks] == found


def test_bars_stack_in_the_order_of_the_series() -> None:
    bars = re.findall(
        r'<rect class="s(\d)" x="([\d.]+)%" y="([\d.]+)" width="[\d.]+%" height="([\d.]+)"',
        draw(["4", "0"], ["4", "8"]),
    )

    assert bars == [("1", "10.00", "128.0", "118.0"), ("2", "10.00", "10.0", "117.0"), ("2", "60.00", "10.0", "236.0")]


def test_values_below_zero_hang_below_the_line() -> None:
    html = draw(["4", "-4"])

    heights = re.findall(r'<rect class="s1" x="[\d.]+%" y="([\d.]+)" width="[\d.]+%" height="([\d.]+)"', html)
    zero = re.search(r'class="zero" x1="0" x2="100%" y1="([\d.]+)"', html)
    assert zero is not None
    assert heights == [("10.0", "118.0"), ("128.0", "118.0")]
    assert zero[1] == "128.5"


def test_tooltip_tells_total_and_parts() -> None:
    assert re.findall(r'data-tip="([^"]+)"', draw(["4", "1"], ["2", "-3"])) == [
        "1 Mar 2026|6 USD|s1=4 USD|s2=2 USD",
        "2 Mar 2026|-2 USD|s1=1 USD|s2=-3 USD",
    ]


def test_chart_speaks_and_escapes() -> None:
    html = draw(["1", "1"])

    assert 'aria-label="Rebate &lt;per&gt; day"' in html
    assert "style=" not in html


def test_spark_needs_two_values() -> None:
    assert spark([Decimal(1)], label="Trend") == ""
    assert 'points="0.0,28.0 100.0,2.0"' in spark([Decimal(1), Decimal(3)], label="Trend")
