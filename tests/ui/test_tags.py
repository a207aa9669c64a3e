"""Template tags, through the template engine."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import translation
from django.utils.safestring import SafeString

from core.money import Money

pytestmark = pytest.mark.unit


def shown(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


def test_money_shows_cents_and_what_lies_beyond_them() -> None:
    assert shown("{{ m|money }}", m=Money(Decimal("1234.56789"), "USD")) == (
        '<span class="num">1,234.56<span class="frac">789</span></span> <span class="ccy">USD</span>'
    )


def test_money_takes_the_minor_unit_of_its_currency() -> None:
    assert (
        shown('{{ m|money:"JPY" }}', m=Decimal(1500)) == '<span class="num">1,500</span> <span class="ccy">JPY</span>'
    )


def test_rounded_cuts_to_the_minor_unit() -> None:
    assert (
        shown('{{ m|rounded:"USD" }}', m=Decimal("10.005"))
        == '<span class="num">10.00</span> <span class="ccy">USD</span>'
    )


@pytest.mark.parametrize(
    ("amount", "html"),
    [
        ("4.5", '<span class="num pos">+4.50</span>'),
        ("-4.5", '<span class="num neg">−4.50</span>'),
        ("0", '<span class="num ">0.00</span>'),
    ],
)
def test_signed_shows_direction_by_sign_and_colour(amount: str, html: str) -> None:
    assert shown("{{ m|signed }}", m=Decimal(amount)) == html


@pytest.mark.parametrize("tag", ["num", "exact", "money", "signed", "rounded"])
def test_figures_refuse_floats(tag: str) -> None:
    with pytest.raises(TypeError, match="is not a Decimal"):
        shown("{{ m|" + tag + " }}", m=0.1)


@pytest.mark.parametrize("tag", ["num", "exact", "money", "signed", "rounded", "e8", "age", "day"])
def test_what_is_not_known_is_a_dash(tag: str) -> None:
    assert shown("{{ m|" + tag + " }}", m=None) == "—"


def test_names_are_escaped() -> None:
    assert shown("{% pill text %}", text="<b>") == '<span class="pill mute">&lt;b&gt;</span>'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3 * 3600 + 300, "3h 05m"), (2 * 86400 + 4 * 3600, "2d 4h")],
)
def test_age_names_its_two_largest_units(seconds: int, text: str) -> None:
    assert shown("{{ s|age }}", s=timedelta(seconds=seconds)) == text


def test_when_tells_the_zone() -> None:
    moment = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)

    assert shown('{% when m "Europe/Athens" %} {% zone_offset m "Europe/Athens" %}', m=moment) == (
        '<time class="num" datetime="2026-07-01T12:00:05+00:00" title="2026-07-01 15:00:05 UTC+03:00">'
        "2026-07-01 15:00:05</time> UTC+03:00"
    )


def test_ago_is_kept_current_by_the_browser() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    assert shown("{% ago m now %}", m=now - timedelta(minutes=3), now=now) == (
        '<time class="num" datetime="2026-03-02T11:57:00+00:00" title="2026-03-02 11:57:00 UTC" data-ago>3m ago</time>'
    )


@pytest.mark.parametrize(
    ("language", "text"), [("en", "20 Nov 2026"), ("zh-hans", "2026年11月20日"), ("zh-hant", "2026年11月20日")]
)
def test_days_follow_the_language(language: str, text: str) -> None:
    with translation.override(language):
        assert shown("{{ d|day }}", d=date(2026, 11, 20)) == text


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Grace Tan", "GT"), ("Bruno", "B"), ("王雪梅 Wang Xuemei", "王"), ("  ", "?"), ("anna maria lopez", "AL")],
)
def test_initials_of_names(name: str, letters: str) -> None:
    assert shown("{{ n|initials }}", n=name) == letters


def test_indent_stops_at_ten_levels() -> None:
    assert [shown("{{ n|indent }}", n=n) for n in (1, 10, 25)] == ["lvl lvl-1", "lvl lvl-10", "lvl lvl-10"]


def test_a_day_is_written_in_the_language_of_each_page() -> None:
    moment = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    written = []
    for language in ("en", "zh-hans", "en"):
        with translation.override(language):
            written.append(shown("{{ d|day }} {{ m|day }} {{ d|short_day }}", d=date(2026, 11, 20), m=moment))

    assert written[0] == written[2] == "20 Nov 2026 20 Nov 2026 20 Nov"
    assert written[1] == "2026年11月20日 2026年11月20日 11月20日"


def test_an_icon_escapes_what_is_not_safe_whoever_asked_before() -> None:
    trusted, given = (shown("{% icon name css %}", name="x", css=css) for css in (SafeString("a&b"), "a&b"))

    assert ('class="i a&b"' in trusted, 'class="i a&amp;b"' in given) == (True, True)


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("en", "PT", "Portugal"), ("zh-hans", "PT", "葡萄牙"), ("zh-hant", "IT", "義大利"), ("en", "XQ", "XQ"),
        ("zh-hans", "", ""),
    ],
)  # fmt: skip
def test_country_has_its_name_in_the_page_s_language(language: str, code: str, name: str) -> None:
    with translation.override(language):
        assert shown("{{ code|country }}", code=code) == name


@pytest.mark.parametrize(("minutes", "text"), [(420, "+7:00"), (0, "+0:00"), (-90, "−1:30"), (5, "+0:05")])
def test_a_clock_is_ahead_by_hours_and_minutes(minutes: int, text: str) -> None:
    assert shown("{{ minutes|ahead }}", minutes=minutes) == text
