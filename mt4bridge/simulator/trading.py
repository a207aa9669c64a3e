"""What the simulated server does by itself: open and close positions, book balance operations. Pure bookkeeping."""

from dataclasses import dataclass
from decimal import Decimal

from mt4bridge.simulator.book import E8, Book
from mt4bridge.simulator.query import ApiError
from mt4bridge.simulator.records import BUY, IN, OUT, SELL, ZERO, SimDeal, SimPosition, SimSymbol

MONEY_LIMIT = Decimal(1_000_000_000)
COMMENT_LENGTH = 31
_DEALER = 2
_CREDIT, _LAST_BALANCE = 3, 6


@dataclass(frozen=True, slots=True)
class Quote:
    bid: Decimal
    ask: Decimal


def open_position(
    book: Book, *, login: int, symbol: SimSymbol, action: int, volume_e8: int, quote: Quote, at_ms: int, reason: int = 0
) -> SimPosition:
    """Open a position at the market and book its deal."""
    order = book.next_ticket()
    group = book.groups[book.users[login].group]
    price = quote.ask if action == BUY else quote.bid
    position = SimPosition(
        position=order,
        login=login,
        symbol=symbol.name,
        action=action,
        volume_e8=volume_e8,
        price_open=price,
        price_current=price,
        opened_ms=at_ms,
        digits=symbol.digits,
        contract_size=symbol.contract_size,
        reason=reason,
    )
    deal = SimDeal(
        ticket=book.next_ticket(),
        login=login,
        time_ms=at_ms,
        action=action,
        entry=IN,
        reason=reason,
        order=order,
        position=order,
        symbol=symbol.name,
        digits=symbol.digits,
        contract_size=symbol.contract_size,
        volume_e8=volume_e8,
        price=price,
        price_position=price,
        bid=quote.bid,
        ask=quote.ask,
        commission=_commission(group.commission_per_lot, volume_e8, group.currency_digits),
    )
    book.put_position(position)
    book.put_deal(deal)
    return position


def close_position(
    book: Book,
    *,
    position: SimPosition,
    symbol: SimSymbol,
    quote: Quote,
    at_ms: int,
    volume_e8: int | None = None,
    swap: Decimal = ZERO,
    reason: int = 0,
) -> SimDeal:
    """Close a position, or a part of it, at the market and book the deal."""
    volume = position.volume_e8 if volume_e8 is None else min(volume_e8, position.volume_e8)
    group = book.groups[book.users[position.login].group]
    price = quote.bid if position.action == BUY else quote.ask
    order = book.next_ticket()
    deal = SimDeal(
        ticket=book.next_ticket(),
        login=position.login,
        time_ms=at_ms,
        action=SELL if position.action == BUY else BUY,
        entry=OUT,
        reason=reason,
        order=order,
        position=position.position,
        symbol=position.symbol,
        digits=position.digits,
        contract_size=position.contract_size,
        volume_e8=volume,
        closed_e8=volume,
        price=price,
        price_position=position.price_open,
        bid=quote.bid,
        ask=quote.ask,
        profit=profit_of(book, position, symbol, price, volume),
        swap=swap,
        commission=_commission(group.commission_per_lot, volume, group.currency_digits),
    )
    if volume == position.volume_e8:
        book.remove_position(position.position)
    else:
        position.volume_e8 -= volume
        book.put_position(position)
    book.put_deal(deal)
    return deal


def profit_of(book: Book, position: SimPosition, symbol: SimSymbol, price: Decimal, volume_e8: int) -> Decimal:
    """Return what closing lots of a position at a price would earn, in account currency, rounded to its digits."""
    group = book.groups[book.users[position.login].group]
    move = price - position.price_open if position.action == BUY else position.price_open - price
    earned = move * Decimal(volume_e8) / E8 * position.contract_size
    exact = earned * book.rate(symbol.currency_profit, group.currency)
    return exact.quantize(Decimal(1).scaleb(-group.currency_digits))


def book_balance(
    book: Book, *, login: int, kind: int, amount: Decimal, comment: str, check_margin: bool, at_ms: int, dealer: int
) -> SimDeal:
    """Book a balance operation by a real server's rules.

    :raises ApiError: 3 for a wrong kind, 13 for an unknown login, 4005 above the limit, 10019 without the money."""
    if login not in book.users:
        raise ApiError(13, "Not found")
    if not BALANCE_FIRST <= kind <= _LAST_BALANCE or not amount:
        raise ApiError(3, "Invalid parameters")
    if abs(amount) > MONEY_LIMIT:
        raise ApiError(4005, "Money limit")
    if amount < 0:
        _check_money(book, login, kind, amount, check_margin)
    digits = book.groups[book.users[login].group].currency_digits
    deal = SimDeal(
        ticket=book.next_ticket(),
        login=login,
        time_ms=at_ms,
        action=kind,
        reason=_DEALER,
        digits=digits,
        profit=amount.quantize(Decimal(1).scaleb(-digits)),
        dealer=dealer,
        comment=comment[:COMMENT_LENGTH],
    )
    book.put_deal(deal)
    return deal


BALANCE_FIRST = 2


def _check_money(book: Book, login: int, kind: int, amount: Decimal, check_margin: bool) -> None:
    state = book.state_of(login)
    funds = state.credit if kind == _CREDIT else state.balance
    if -amount > funds or (check_margin and -amount > state.margin_free):
        raise ApiError(10019, "No money")


def _commission(per_lot: Decimal, volume_e8: int, digits: int) -> Decimal:
    return -(per_lot * volume_e8 / E8).quantize(Decimal(1).scaleb(-digits))
