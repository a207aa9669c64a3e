"""What a rate row measures of a deal, before its rate."""

from fractions import Fraction

from tests.reference.counting import Book
from tests.reference.positions import ZERO, Part, number, spread_of
from tests.reference.world import Missing, Row


def find_rate(book: Book, deal: Row, terms: Row) -> Row | None:
    """Symbol before symbol group before any; in each, a row for the account's MT group before one without."""
    symbol_group = book.world.doc["symbols"][deal["symbol"]].get("group")
    mt_group = book.world.group_name(deal["login"])
    rows: list[Row] = terms.get("rates") or []
    for key, value in (("symbol", deal["symbol"]), ("symbol_group", symbol_group), ("any", True)):
        fitting = [row for row in rows if value is not None and row.get(key) == value]
        for wanted in (mt_group, None):
            for row in fitting:
                if row.get("mt_group") == wanted:
                    return row
    return None


def multiplier(row: Row, level: int, by_level: bool) -> Fraction:
    """The row's rate, points or percent as a factor of the base; by level, what `levels` says in its place."""
    field = {"per_lot": "rate", "per_million": "rate", "points": "points"}.get(row["base"], "percent")
    value = level_entry(row["levels"], level) if by_level else row[field]
    return number(value) / (100 if field == "percent" else 1)


def level_entry(table: Row | None, level: int) -> object | None:
    return {str(key): value for key, value in (table or {}).items()}.get(str(level))


def base_of(book: Book, deal: Row, parts: list[Part], terms: Row, row: Row, currency: str) -> tuple[Fraction, str]:
    """Return the base and its currency, never below zero. `currency`: the IB's, where two currencies must be added.

    What nobody sent is said before what cannot be converted: the order of the verdicts."""
    world, at = book.world, deal["at"]
    symbol, account = world.doc["symbols"][deal["symbol"]], world.account_currency(deal["login"])
    size, quote, kind = number(symbol["contract_size"]), symbol["quote"], row["base"]
    closes = any(part.kind != "open" for part in parts)
    value, of = ZERO, account
    if kind == "per_lot":
        value, of = book.lots(deal, parts), row["currency"]
    elif kind == "per_million":
        notional = book.lots(deal, parts) * size * number(deal["price"])
        value, of = world.convert(notional, quote, row["currency"], at) / 1_000_000, row["currency"]
    elif kind == "points":
        value, of = book.lots(deal, parts) * size / 10 ** int(symbol["digits"]), quote
    elif kind == "spread":
        value, of = spread_value(book, deal, parts, row.get("at", "open"), row.get("cap_points")), quote
    elif kind == "commission":
        value = commission_value(parts, terms)
    elif kind == "profit":
        value = number(deal.get("profit", "0")) if closes else ZERO
    else:
        spread = spread_value(book, deal, parts, "open", row.get("cap_points"))
        rest = commission_value(parts, terms)
        if row.get("include_swap") and closes:
            rest -= number(deal.get("swap", "0"))
        value = world.convert(spread, quote, currency, at) + world.convert(rest, account, currency, at)
        of = currency
    return max(value, ZERO), of


def spread_value(book: Book, deal: Row, parts: list[Part], at: str, cap_points: object | None) -> Fraction:
    """lots × spread × contract size, in the quote currency."""
    symbol = book.world.doc["symbols"][deal["symbol"]]
    total = ZERO
    for part in parts:
        if part.kind == "whole":
            raise Missing("missing_data")
        here = spread_of(deal)
        opening = here if part.kind == "open" else part.opening_spread
        needed = {"open": [opening], "close": [here], "half_and_half": [opening, here]}[at]
        known = [spread for spread in needed if spread is not None]
        if len(known) < len(needed):
            raise Missing("missing_data")
        spread = sum(known, ZERO) / len(known)
        if cap_points is not None:
            spread = min(spread, number(cap_points) / 10 ** int(symbol["digits"]))
        total += book.lots(deal, [part]) * spread * number(symbol["contract_size"])
    return total


def commission_value(parts: list[Part], terms: Row) -> Fraction:
    """What was charged, as a positive number, in the account's currency."""
    charged = ZERO
    for part in parts:
        charged += part.commission
        if part.kind != "open" and terms.get("count_on", "close") != "both":
            if part.opening_commission is None:
                raise Missing("missing_data")
            charged += part.opening_commission
    return -charged
