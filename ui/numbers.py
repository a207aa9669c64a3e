"""Figures as text, the same in every language: thousands by comma, decimals by point, U+2212 as minus.

Django's number formats are not used for money: its Chinese formats drop the thousands separator."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

MINUS = "\N{MINUS SIGN}"
MAX_PLACES = 8
Number = Decimal | int


def fixed(value: Number, places: int = 2) -> str:
    """Return the figure with exactly `places` decimals, rounded half to even."""
    with localcontext() as ctx:
        ctx.prec, ctx.rounding = 60, ROUND_HALF_EVEN
        rounded = Decimal(value).quantize(Decimal(1).scaleb(-places))
    sign = MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):,f}"


def exact(value: Number, places: int = 2) -> tuple[str, str]:
    """Return the figure unrounded, as (what has `places` decimals, the decimals beyond without closing zeros)."""
    text = f"{Decimal(abs(value)):,f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    sign = MINUS if value < 0 else ""
    head = f"{sign}{whole}" + ("." + decimals[:places].ljust(places, "0") if places else "")
    tail = decimals[places:]
    return head, ("." + tail if tail and not places else tail)


def exact_text(value: Number, places: int = 2) -> str:
    """Return the figure unrounded, with at least `places` decimals."""
    return "".join(exact(value, places))
