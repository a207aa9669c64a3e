"""Template tags of every page; a builtin of the template engine, so no page loads it.

Figures arrive as Decimal, int or Money, never as float; times arrive aware. Nothing asks the database or the clock."""

import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from django import template
from django.templatetags.static import static
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, pgettext, to_locale
from django.utils.translation import gettext as _

from commissions.calculation import Verdict
from core.money import Money, from_e8, minor_digits
from ui import numbers, verdicts

register = template.Library()
DASH = SafeString("\N{EM DASH}")
CJK_FROM = 0x2E80
MAX_INDENT = 10
CLOCKS = {"full": "%Y-%m-%d %H:%M:%S", "short": "%Y-%m-%d %H:%M", "clock": "%H:%M:%S"}


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite; with a label it speaks, without one it is decoration."""
    voice = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return _drawn(name, css, voice, static("build/icons.svg"))


@register.filter
def num(value: Decimal | int | None, places: int = 2) -> str:
    """Write a figure with a fixed number of decimals."""
    if value is None:
        return DASH
    return numbers.fixed(_figure(value), places)


@register.filter
def exact(value: Decimal | int | None, places: int = 2) -> SafeString:
    """Write a figure unrounded, at least `places` decimals, those beyond in grey."""
    if value is None:
        return DASH
    head, tail = numbers.exact(_figure(value), places)  # digits and signs: nothing to escape, hundreds on a page
    return SafeString(f'{head}<span class="frac">{tail}</span>' if tail else head)


@register.filter
def money(value: Money | Decimal | int | None, currency: str = "") -> SafeString:
    """Write an amount unrounded with its currency: `{{ rebate.pay|money }}` or `{{ amount|money:"USD" }}`."""
    if value is None or value == "":
        return DASH
    amount, code = _amount(value, currency)
    return format_html(
        '<span class="num">{}</span> <span class="ccy">{}</span>', exact(amount, minor_digits(code)), code
    )


@register.filter
def rounded(value: Money | Decimal | int | None, currency: str = "") -> SafeString:
    """Write an amount rounded to its currency's minor unit: for balances that the MT server itself rounds."""
    if value is None or value == "":
        return DASH
    amount, code = _amount(value, currency)
    return format_html(
        '<span class="num">{}</span> <span class="ccy">{}</span>', numbers.fixed(amount, minor_digits(code)), code
    )


@register.filter
def signed(value: Money | Decimal | int | None, currency: str = "") -> SafeString:
    """Write a change: explicit plus or minus, coloured by direction."""
    if value is None or value == "":
        return DASH
    amount, code = _amount(value, currency)
    direction = "pos" if amount > 0 else "neg" if amount < 0 else ""
    plus = "+" if amount > 0 else ""
    text = format_html('<span class="num {}">{}{}</span>', direction, plus, exact(amount, minor_digits(code)))
    return format_html('{} <span class="ccy">{}</span>', text, code) if code else text


@register.filter
def e8(scaled: int | None, places: int = 2) -> SafeString:
    """Write a figure given in units of 1e-8, unrounded."""
    return exact(None if scaled is None else from_e8(scaled), places)


@register.filter
def price(value: Decimal | None) -> str:
    """Write a price with the decimals that it has, as a trading terminal does: no separators."""
    return DASH if value is None else f"{_figure(value):f}"


@register.filter
def age(seconds: int | timedelta | None) -> str:
    """Write a duration in its two largest units: 45s, 12m, 3h 05m, 2d 4h."""
    if seconds is None:
        return DASH
    total = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if days:
        return _("%(d)dd %(h)dh") % {"d": days, "h": hours % 24}
    if hours:
        return _("%(h)dh %(m)02dm") % {"h": hours, "m": minutes % 60}
    return _("%(m)dm") % {"m": minutes} if minutes else _("%(s)ds") % {"s": max(total, 0)}


@register.simple_tag
def ago(moment: datetime | None, now: datetime) -> SafeString:
    """Write how long ago a moment was; the browser keeps it current, the title gives the moment itself."""
    if moment is None:
        return DASH
    return format_html(
        '<time class="num" datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(), _stamp(moment, "UTC"), _("%(age)s ago") % {"age": age(now - moment)},
    )  # fmt: skip


@register.simple_tag
def when(moment: datetime | None, zone: str = "UTC", style: str = "full") -> SafeString:
    """Write a moment in a zone, the offset in the title; styles: full (with seconds), short (to the minute), clock."""
    if moment is None:
        return DASH
    local = moment.astimezone(ZoneInfo(zone))
    text = local.strftime(CLOCKS[style])
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>', moment.isoformat(), _stamp(moment, zone), text
    )


@register.simple_tag
def zone_offset(moment: datetime, zone: str = "UTC") -> str:
    """Name a zone's offset at a moment: UTC or UTC+02:00."""
    offset = f"{moment.astimezone(ZoneInfo(zone)):%z}"
    return "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:]}"


@register.simple_tag
def server_time(moment: datetime, ahead: timedelta) -> SafeString:
    """Write a moment as the MT server's own clock shows it; the title gives it in UTC."""
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        moment.isoformat(), _stamp(moment, "UTC"), f"{moment.astimezone(UTC) + ahead:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip


@register.filter
def country(code: str) -> str:
    """Name a country (ISO 3166-1, two letters) in the page's language; one that nobody knows shows its code."""
    names: dict[str, str] = Locale.parse(to_locale(get_language() or "en")).territories
    return names.get(code, code)


@register.filter
def ahead(minutes: int) -> str:
    """Write how far a clock is ahead of its zone: +7:00, −1:30."""
    sign = "+" if minutes >= 0 else numbers.MINUS
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


@register.filter
def day(value: date | None) -> str:
    """Write a calendar day in the page's language: 20 Nov 2026, 2026年11月20日."""
    if value is None:
        return DASH
    return _day_in(date(value.year, value.month, value.day), get_language())


@register.filter
def short_day(value: date) -> str:
    """Write a calendar day without its year: 20 Nov, 11月20日."""
    return _short_day_in(date(value.year, value.month, value.day), get_language())


@register.simple_tag
def pill(text: str, kind: str = "mute", symbol: str = "") -> SafeString:
    """Mark a state: kind ok, warn, bad, mute or brand; `plain` after it leaves out the ground."""
    mark = icon(symbol, "i-sm") if symbol else ""
    return format_html('<span class="pill {}">{}{}</span>', kind, mark, text)


@register.simple_tag
def verdict_pill(verdict: Verdict) -> SafeString:
    """Mark what became of a deal; the title says why."""
    return format_html(
        '<span class="pill {}" title="{}">{}</span>',
        verdicts.tone(verdict),
        verdicts.WHY[verdict],
        verdicts.label(verdict),
    )


@register.simple_tag
def verdict_label(verdict: Verdict) -> str:
    """Write the short label of a verdict."""
    return verdicts.label(verdict)


@register.simple_tag
def verdict_why(verdict: Verdict) -> str:
    """Write the sentence of a verdict."""
    return str(verdicts.WHY[verdict])


@register.filter
def initials(name: str) -> str:
    """Return one or two letters for an avatar; one character for Chinese, Japanese and Korean names."""
    words = name.split()
    if not words:
        return "?"
    first = words[0][0]
    if ord(first) >= CJK_FROM:
        return first
    return (first + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def dom_id(text: str, prefix: str = "id") -> str:
    """Return an id for an element from its visible text: the same on each render, so that answers can be compared."""
    return f"{prefix}-{zlib.crc32(str(text).encode()):08x}"


@register.filter
def indent(level: int) -> str:
    """Return the class that indents a tree row; beyond ten levels they stay in line."""
    return f"lvl lvl-{min(max(level, 1), MAX_INDENT)}"


@lru_cache(maxsize=1024, typed=True)  # typed: text that is safe already is not escaped
def _drawn(name: str, css: str, voice: SafeString, sprite: str) -> SafeString:
    return format_html('<svg class="i {}" {}><use href="{}#{}"/></svg>', css, voice, sprite, name)


@lru_cache(maxsize=8192)
def _day_in(value: date, _language: str | None) -> str:
    """Return the day in the language in force, which is `_language`."""
    return formats.date_format(value, pgettext("date format of Django's date filter", "j M Y"))


@lru_cache(maxsize=8192)
def _short_day_in(value: date, _language: str | None) -> str:
    return formats.date_format(value, pgettext("date format of Django's date filter, without year", "j M"))


def _figure(value: Any) -> Decimal | int:
    if isinstance(value, float) or not isinstance(value, Decimal | int):
        raise TypeError(f"{value!r} is not a Decimal or an int")
    return value


def _amount(value: Money | Decimal | int, currency: str) -> tuple[Decimal | int, str]:
    if isinstance(value, Money):
        return value.amount, value.currency
    return _figure(value), currency


def _stamp(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone_offset(moment, zone)}"
