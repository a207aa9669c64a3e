"""Read the `rates` rows: selector, base, the fields that the base needs, and nothing else."""

from decimal import Decimal

from commissions.terms.reader import Reader
from commissions.terms.types import PERCENT_BASES, Base, CountOn, FaultCode, Rate, SpreadAt

SELECTORS = ("symbol", "symbol_group", "any")
_COMMON = frozenset({*SELECTORS, "mt_group", "base", "levels"})
_FIELDS: dict[Base, frozenset[str]] = {
    Base.PER_LOT: frozenset({"rate", "currency"}),
    Base.PER_MILLION: frozenset({"rate", "currency"}),
    Base.POINTS: frozenset({"points"}),
    Base.SPREAD: frozenset({"percent", "at", "cap_points"}),
    Base.COMMISSION: frozenset({"percent"}),
    Base.PROFIT: frozenset({"percent"}),
    Base.REVENUE: frozenset({"percent", "include_swap", "at", "cap_points"}),
}
_PER_AMOUNT = frozenset({Base.PER_LOT, Base.PER_MILLION})
_HUNDRED = Decimal(100)


def read_rates(reader: Reader, count_on: CountOn) -> tuple[Rate, ...]:
    """Return the rows of `rates`; faults go to the reader."""
    rows: list[Rate] = []
    seen: set[tuple[str | None, ...]] = set()
    for position, row in enumerate(reader.tables("rates")):
        rate = _read_row(row, position, count_on)
        key = tuple(str(row.plain[name]) if row.has(name) else None for name in (*SELECTORS, "mt_group"))
        if key in seen:
            row.refuse("mt_group" if row.has("mt_group") else _selector(row), FaultCode.SAME_KEY)
        seen.add(key)
        if rate is not None:
            rows.append(rate)
    return tuple(rows)


def _selector(row: Reader) -> str:
    return next((name for name in SELECTORS if row.has(name)), "any")


def _read_row(row: Reader, position: int, count_on: CountOn) -> Rate | None:
    _check_selector(row)
    if not row.has("base"):
        row.refuse("base", FaultCode.NO_BASE)
        row.only(_COMMON.union(*_FIELDS.values()))
        return None
    known = len(row.faults)
    base = row.choice("base", Base, Base.PER_LOT)
    if len(row.faults) > known:
        return None
    row.only(_COMMON | _FIELDS[base])
    most = _HUNDRED if base in PERCENT_BASES else None
    value = row.number(_value_key(base), most=most)
    at = _spread_at(row, base, count_on)
    return Rate(
        position=position,
        base=base,
        value=Decimal(0) if value is None else value,
        symbol=row.text("symbol"),
        symbol_group=row.text("symbol_group"),
        mt_group=row.text("mt_group"),
        currency=row.currency() if base in _PER_AMOUNT else None,
        at=at,
        cap_points=row.number("cap_points", needed=False) if "cap_points" in _FIELDS[base] else None,
        include_swap=row.flag("include_swap") if base is Base.REVENUE else False,
        levels=row.by_level("levels", most=most),
    )


def _value_key(base: Base) -> str:
    if base in PERCENT_BASES:
        return "percent"
    return "points" if base is Base.POINTS else "rate"


def _check_selector(row: Reader) -> None:
    named = [name for name in SELECTORS if row.has(name)]
    if not named:
        row.refuse("any", FaultCode.NO_SELECTOR)
    if len(named) > 1:
        row.refuse(named[1], FaultCode.TWO_SELECTORS)
    if row.has("any") and row.plain["any"] is not True:
        row.refuse("any", FaultCode.NOT_ONE_OF, "true")


def _spread_at(row: Reader, base: Base, count_on: CountOn) -> SpreadAt:
    if "at" not in _FIELDS[base]:
        return SpreadAt.OPEN
    at = row.choice("at", SpreadAt, SpreadAt.OPEN)
    if base is Base.REVENUE and at is not SpreadAt.OPEN:
        row.refuse("at", FaultCode.NOT_ONE_OF, "open")
    elif at is not SpreadAt.OPEN and count_on is not CountOn.CLOSE:
        row.refuse("at", FaultCode.NEEDS_COUNT_ON_CLOSE)
    return at
