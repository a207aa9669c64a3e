"""Charts drawn on the server as SVG: no client library, no inline style; colours come from classes (tokens).

Horizontal places are in percent and vertical ones in pixels, so a chart fills any width without distorting its text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

AXIS_WIDTH = 52
TOP, BOTTOM = 10, 24
BAR_SHARE = 0.6  # of a column's width
LABEL_EVERY = 7
STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
Writer = Callable[[Decimal], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the horizontal axis: the label under it and the title of its tooltip."""

    label: str
    title: str
    is_name: bool = False  # a name, not a day: every column shows its label


@dataclass(frozen=True, slots=True)
class Series:
    """One colour: a name and a value for each column."""

    name: str
    values: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis: round ticks from `low` to `high`, both multiples of `step`."""

    low: Decimal
    high: Decimal
    step: Decimal
    height: int

    def y(self, value: Decimal) -> float:
        span = self.height - TOP - BOTTOM
        return TOP + span - float((value - self.low) / (self.high - self.low)) * span

    def ticks(self) -> list[Decimal]:
        count = int((self.high - self.low) / self.step)
        return [self.low + self.step * i for i in range(count + 1)]


def scale(lowest: Decimal, highest: Decimal, *, height: int, lines: int = 4) -> Scale:
    """Return round ticks that hold both ends and zero."""
    low, high = min(lowest, Decimal(0)), max(highest, Decimal(0))
    if low == high:
        high = Decimal(1)
    raw = (high - low) / lines
    power = Decimal(10) ** math.floor(raw.log10())
    step = next(candidate * power for candidate in STEPS if candidate * power >= raw)
    return Scale(low=math.floor(low / step) * step, high=math.ceil(high / step) * step, step=step, height=height)


def stacked_bars(
    columns: Sequence[Column], series: Sequence[Series], *, title: str, value: Writer, tick: Writer, height: int = 270
) -> SafeString:
    """Draw a bar for each column; values above zero stack upwards, those below zero downwards."""
    rises = [sum((s.values[i] for s in series if s.values[i] > 0), Decimal(0)) for i in range(len(columns))]
    falls = [sum((s.values[i] for s in series if s.values[i] < 0), Decimal(0)) for i in range(len(columns))]
    axis = scale(min(falls, default=Decimal(0)), max(rises, default=Decimal(0)), height=height)
    body = [_grid(axis)]
    for index, column in enumerate(columns):
        body.append(_column(index, column, columns, series, axis, value))
    return format_html(
        '{}<svg class="chart plot" width="100%" height="{}" role="img" aria-label="{}">{}</svg>',
        _axis(axis, tick), height, title, SafeString("".join(body)),
    )  # fmt: skip


def spark(values: Sequence[Decimal], *, label: str) -> SafeString:
    """Draw a small trend line."""
    if len(values) < 2:
        return SafeString("")
    low, high = min(values), max(values)
    span = (high - low) or Decimal(1)
    points = " ".join(
        f"{100 * i / (len(values) - 1):.1f},{28 - 26 * float((v - low) / span):.1f}" for i, v in enumerate(values)
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon points="0,32 {} 100,32"/><polyline points="{}"/></svg>',
        label, points, points,
    )  # fmt: skip


def _axis(axis: Scale, tick: Writer) -> SafeString:
    """Draw the tick labels in an SVG of their own: it keeps its width while the plot stretches."""
    labels = format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        ((AXIS_WIDTH - 8, round(axis.y(at)) + 4, tick(at)) for at in axis.ticks()),
    )
    return format_html(
        '<svg class="chart yax" width="{}" height="{}" aria-hidden="true">{}</svg>', AXIS_WIDTH, axis.height, labels
    )


def _grid(axis: Scale) -> SafeString:
    return format_html_join(
        "",
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>',
        (
            ("zero" if at == 0 else "grid", f"{round(axis.y(at)) + 0.5}", f"{round(axis.y(at)) + 0.5}")
            for at in axis.ticks()
        ),
    )


def _column(
    index: int, column: Column, columns: Sequence[Column], series: Sequence[Series], axis: Scale, value: Writer
) -> SafeString:
    width = 100 / len(columns)
    left = index * width
    values = [s.values[index] for s in series]
    tip = "|".join(
        [
            column.title,
            value(sum(values, Decimal(0))),
            *(f"{s.name}={value(v)}" for s, v in zip(series, values, strict=True)),
        ]
    )
    bars = _bars(values, axis, left + width * (1 - BAR_SHARE) / 2, width * BAR_SHARE)
    hit = f'<rect class="hit" x="{left:.2f}%" y="{TOP}" width="{width:.2f}%" height="{axis.height - TOP - BOTTOM}"/>'
    label = _label(index, column, len(columns), axis.height)
    return SafeString(f'<g class="col" data-tip="{escape(tip)}">{hit}{bars}</g>{label}')


def _bars(values: Sequence[Decimal], axis: Scale, left: float, width: float) -> SafeString:
    tops = {1: Decimal(0), -1: Decimal(0)}  # how far each direction is stacked
    rows = []
    for number, value in enumerate(values, start=1):
        if value == 0:
            continue
        side = 1 if value > 0 else -1
        start, end = axis.y(tops[side]), axis.y(tops[side] + value)
        gap = 1 if tops[side] else 0
        tops[side] += value
        rows.append(
            f'<rect class="s{number}" x="{left:.2f}%" y="{min(start, end):.1f}" width="{width:.2f}%" '
            f'height="{max(0.0, abs(start - end) - gap):.1f}" rx="1.5"/>'
        )
    return SafeString("".join(rows))


def _label(index: int, column: Column, count: int, height: int) -> SafeString:
    """Write each name in the middle of its column, and of days every seventh, counted back from the last one."""
    if column.is_name:
        return format_html(
            '<text class="tick name" x="{}%" y="{}" text-anchor="middle">{}</text>',
            f"{(index + 0.5) * 100 / count:.2f}", height - 6, column.label,
        )  # fmt: skip
    if (count - 1 - index) % LABEL_EVERY:
        return SafeString("")
    if index == count - 1:
        anchor, x = "end", 100.0
    elif index < 2:  # a label centred here would begin outside the chart
        anchor, x = "start", index * 100 / count
    else:
        anchor, x = "middle", (index + 0.5) * 100 / count
    return format_html(
        '<text class="tick" x="{}%" y="{}" text-anchor="{}">{}</text>', f"{x:.2f}", height - 6, anchor, column.label
    )
