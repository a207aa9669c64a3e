"""MT4 trade records to our deals, for every adapter that reads MT4: bridge over HTTP, SQL mirror, histories. Pure.

MT4 keeps one record for a ticket's whole life. We show it as legs: leg 0 the opening, leg 1 the closing, both of
position = ticket. MT4 books commission, taxes (our fee), swap and profit once; they stand on the closing leg, and
while a ticket is open they are floating and on none. A balance or credit record is one leg, 0. Pending orders are no
deals. Numbers of `cmd` and `reason` are the MT4 Manager API's.

What MT4 does to history, and what becomes of it here:

- a partial close shrinks the ticket to the part closed (comment "to #n") and opens ticket n for the rest with the old
  opening time (comment "from #…"): a new revision of leg 0 and a late leg 0;
- of two tickets that close each other one keeps the closed lots, the other ends with 0 lots and the comment
  "close hedge by #n": its closing leg is "closed by opposite" with 0 lots, so the lots count once."""

import re
from typing import NamedTuple

from mt4bridge.clock import ServerClock
from mt4bridge.reasons import MT4_REASONS, UNKNOWN_REASON
from mt4bridge.types import DealRow

BUY, SELL, LAST_PENDING, BALANCE, CREDIT = 0, 1, 5, 6, 7
LATEST_MS = 4_102_444_800_000  # 2100-01-01
_IN, _OUT, _OUT_BY = 0, 1, 3
_DEAL_BALANCE, _DEAL_CREDIT = 2, 3
_DEALER, _SL, _TP, _SO = 2, 3, 4, 5
_BY_OPPOSITE = re.compile(r"close hedge by #(\d{1,18})")
_SYMBOL_LENGTH, _COMMENT_LENGTH = 64, 255


class UnusableRecord(ValueError):
    """A record that no MT4 server may hold; the text says why, in words for staff."""


class Mt4Record(NamedTuple):
    """One MT4 ticket. Times are server wall-clock milliseconds; `_e8` is 1e-8 lots, price or account currency."""

    ticket: int
    login: int
    cmd: int  # 0 buy, 1 sell, 2 to 5 pending, 6 balance, 7 credit
    symbol: str  # "" when it is not a trade
    digits: int  # of its prices
    lots_e8: int
    open_ms: int
    open_price_e8: int
    close_ms: int  # 0 while open
    close_price_e8: int
    commission_e8: int  # client's viewpoint, as all money here: a charge is negative
    taxes_e8: int
    swap_e8: int
    profit_e8: int  # without the three; of a balance record its amount
    reason: int
    comment: str
    currency_digits: int = 2


def legs(record: Mt4Record, clock: ServerClock) -> list[DealRow]:
    """Return the deals of a record: one, two, or none for a pending order.

    :raises UnusableRecord: it makes no sense."""
    _check(record)
    if SELL < record.cmd <= LAST_PENDING:
        return []
    if record.cmd >= BALANCE:
        return [_balance_leg(record, clock)]
    opening = _opening_leg(record, clock)
    return [opening, _closing_leg(record, opening, clock)] if record.close_ms else [opening]


def close_reason(comment: str, reason: int) -> int:
    """Return our reason code of a closing: MT4 says stop loss, take profit and stop out in the comment alone."""
    lower = comment.lower()
    if "[sl" in lower:
        return _SL
    if "[tp" in lower:
        return _TP
    if lower.startswith("so:") or "[so" in lower:
        return _SO
    return MT4_REASONS.get(reason, UNKNOWN_REASON)


def _check(record: Mt4Record) -> None:
    is_trade = record.cmd in (BUY, SELL)
    checks = (
        (record.ticket > 0, "the ticket is 0"),
        (record.login > 0, "the login is 0"),
        (0 <= record.cmd <= CREDIT, f"cmd {record.cmd} is not known"),
        (0 < record.open_ms < LATEST_MS, "the opening time is not between 1970 and 2100"),
        (0 <= record.close_ms < LATEST_MS, "the closing time is not between 1970 and 2100"),
        (not is_trade or not record.close_ms or record.close_ms >= record.open_ms, "it closes before it opens"),
        (0 <= record.digits <= 9, "its digits are not between 0 and 9"),
        (record.symbol.isprintable() and len(record.symbol) <= _SYMBOL_LENGTH, "the symbol cannot be stored"),
        (not is_trade or bool(record.symbol), "the symbol is missing"),
        (record.lots_e8 >= 0, "the volume is negative"),
        (not is_trade or record.lots_e8 > 0 or _closed_by(record) > 0, "a trade without volume"),
    )
    for holds, text in checks:
        if not holds:
            raise UnusableRecord(text)


def _closed_by(record: Mt4Record) -> int:
    """Return the ticket by which this one was closed, when it ended with 0 lots; else 0."""
    match = _BY_OPPOSITE.match(record.comment) if record.close_ms and not record.lots_e8 else None
    return int(match[1]) if match else 0


def _opening_leg(record: Mt4Record, clock: ServerClock) -> DealRow:
    return DealRow(
        ticket=record.ticket,
        leg=0,
        login=record.login,
        symbol=record.symbol,
        action=record.cmd,
        entry=_IN,
        reason=MT4_REASONS.get(record.reason, UNKNOWN_REASON),
        position=record.ticket,
        position_by=0,
        order=record.ticket,
        volume_e8=record.lots_e8,
        volume_closed_e8=0,
        price_e8=record.open_price_e8,
        bid_e8=None,
        ask_e8=None,
        contract_size_e8=0,
        digits=record.digits,
        currency_digits=record.currency_digits,
        profit_e8=0,
        swap_e8=0,
        commission_e8=0,
        fee_e8=0,
        deal_at=clock.to_utc_ms(record.open_ms),
        comment="",
    )


def _closing_leg(record: Mt4Record, opening: DealRow, clock: ServerClock) -> DealRow:
    """Return the closing: the opposite action, as an MT5 exit has."""
    by = _closed_by(record)
    return opening._replace(
        leg=1,
        action=SELL if record.cmd == BUY else BUY,
        entry=_OUT_BY if by else _OUT,
        reason=close_reason(record.comment, record.reason),
        position_by=by,
        volume_closed_e8=record.lots_e8,
        price_e8=record.close_price_e8,
        profit_e8=record.profit_e8,
        swap_e8=record.swap_e8,
        commission_e8=record.commission_e8,
        fee_e8=record.taxes_e8,
        deal_at=clock.to_utc_ms(record.close_ms),
        comment=_storable(record.comment),
    )


def _balance_leg(record: Mt4Record, clock: ServerClock) -> DealRow:
    return _opening_leg(record, clock)._replace(
        symbol="",
        action=_DEAL_BALANCE if record.cmd == BALANCE else _DEAL_CREDIT,
        reason=_DEALER,
        position=0,
        order=0,
        volume_e8=0,
        price_e8=0,
        digits=record.currency_digits,
        profit_e8=record.profit_e8,
        comment=_storable(record.comment),
    )


def _storable(text: str) -> str:
    """Put a question mark for what PostgreSQL cannot store or a page cannot show."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_COMMENT_LENGTH]
