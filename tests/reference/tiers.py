"""The factor of an IB's own rate row: by what its clients traded in a calendar month."""

from fractions import Fraction
from itertools import pairwise

from tests.reference.counting import Book
from tests.reference.positions import ZERO, number
from tests.reference.world import Missing, Row


def tier_factor(book: Book, deal: Row, terms: Row, code: str) -> Fraction:
    """Return the factor of a deal for the IB `code`, by the version in force at the deal's time."""
    mode = terms["tiers"].get("mode", "whole_period")
    year, month = deal["at"].year, deal["at"].month
    if mode == "whole_period":
        return factor_at(terms, measure(book, terms, code, deals_of(book, year, month)))
    if mode == "next_period":
        before = (year, month - 1) if month > 1 else (year - 1, 12)
        return factor_at(terms, measure(book, terms, code, deals_of(book, *before)))
    so_far = [each for each in deals_of(book, year, month) if order(each) < order(deal)]
    return marginal_factor(terms, measure(book, terms, code, so_far), measure(book, terms, code, [*so_far, deal]))


def order(deal: Row) -> tuple[object, int]:
    return deal["at"], deal["ticket"]


def deals_of(book: Book, year: int, month: int) -> list[Row]:
    return [deal for deal in book.world.deals if (deal["at"].year, deal["at"].month) == (year, month)]


def factor_at(terms: Row, reached: Fraction) -> Fraction:
    """The factor of the last step that starts at or below the measure."""
    return [number(step["factor"]) for step in terms["tiers"]["steps"] if number(step["from"]) <= reached][-1]


def marginal_factor(terms: Row, before: Fraction, after: Fraction) -> Fraction:
    """A deal that crosses steps is split, each part with its own factor: their mean by size."""
    if after == before:
        return factor_at(terms, before)
    starts = [number(step["from"]) for step in terms["tiers"]["steps"] if before < number(step["from"]) < after]
    edges = [before, *starts, after]
    whole = ZERO
    for low, high in pairwise(edges):
        whole += (high - low) * factor_at(terms, low)
    return whole / (after - before)


def measure(book: Book, terms: Row, code: str, deals: list[Row]) -> Fraction:
    """Add up the deals that this version counts and its filters let pass; the scope is that of each deal's time."""
    kind, scope = terms["tiers"].get("measure", "lots"), terms["tiers"].get("scope", "direct")
    total, clients = ZERO, set()
    for deal in deals:
        chain = [ib["code"] for ib in book.world.chain(deal["login"], deal["at"])]
        if code not in (chain[:1] if scope == "direct" else chain):
            continue
        if not book.counted(deal, terms) or book.stopped_by(deal, terms, code, chain.index(code) + 1):
            continue
        try:
            total += adds(book, deal, terms, kind)
        except Missing:
            continue  # a deal that cannot be computed yet adds nothing
        clients.add(deal["login"])
    return Fraction(len(clients)) if kind == "active_clients" else total


def adds(book: Book, deal: Row, terms: Row, kind: str) -> Fraction:
    """What a deal adds: lots, or their worth in USD. Without a lot factor nothing is measured, whatever the measure."""
    parts = book.held_long_enough(deal, terms)
    book.must_be_divided(parts, terms)
    lots = book.lots(deal, parts)
    if kind != "notional_usd":
        return lots
    symbol = book.world.doc["symbols"][deal["symbol"]]
    notional = lots * number(symbol["contract_size"]) * number(deal["price"])
    return book.world.convert(notional, symbol["quote"], "USD", deal["at"])
