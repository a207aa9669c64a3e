"""The terms that follow from another plan's: each rate times its percentage, never more than the source's."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal, localcontext

from commissions.terms import Rate, Terms

Key = tuple[str, str, str]  # symbol, symbol group, MT group; "" for none
STEP = Decimal("1e-10")
HUNDRED = Decimal(100)


def key_of(rate: Rate) -> Key:
    """Return what names a rate row within a plan."""
    return rate.symbol or "", rate.symbol_group or "", rate.mt_group or ""


def derived_terms(
    source: Terms, *, percent: Decimal, rows: Mapping[Key, Decimal], client_percent: Decimal | None, is_below: bool
) -> Terms:
    """Return the terms of who gets a part of the source's rates; what the source filters, the derived ones filter too.

    Below the giver, tiers, pay for new clients and levels stay the giver's: they would be measured on others."""
    rates = tuple(_part(rate, rows.get(key_of(rate), percent), is_below) for rate in source.rates)
    clients = source.client_rebate_percent if not is_below else None
    if client_percent is not None:
        clients = client_percent
    terms = replace(source, rates=rates, client_rebate_percent=clients)
    return replace(terms, tiers=None, cpa=None) if is_below else terms


def _part(rate: Rate, percent: Decimal, is_below: bool) -> Rate:
    value = part_of(rate.value, percent)
    return replace(rate, value=value, levels=()) if is_below else replace(rate, value=value)


def part_of(value: Decimal, percent: Decimal) -> Decimal:
    """Return that part of a rate, cut to what terms can say: never more than the whole."""
    with localcontext() as context:
        context.prec = 60
        return (value * percent / HUNDRED).quantize(STEP, rounding=ROUND_DOWN)
