"""A history's rows as deals, as a server would list them. Plain Python.

What a file does not say is not invented: a closing deal without its position and a reversal without its closed part
become `BadRow`, which is held with its reason. Contract sizes come from the symbol, so they are 0 here."""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from mt4bridge.clock import ServerClock
from mt4bridge.histories.types import BalanceOperation, History, HistoryKind, Mt4Trade, Mt5Deal
from mt4bridge.mt4_records import BALANCE, CREDIT, Mt4Record, UnusableRecord, legs
from mt4bridge.types import BadRow, DealRow

E8 = Decimal(10) ** 8
_TRADES, _IN, _INOUT, _CREDIT_KIND = 2, 0, 2, 3
_NO_POSITION = "the file does not say which position this deal closes"
_REVERSAL = "the file does not say how much of this reversal closed the earlier position"


def deal_rows(history: History, *, login: int, currency_digits: int, clock: ServerClock) -> list[DealRow | BadRow]:
    """Return every deal of a history, in the file's order; `login` is the account that the file is of."""
    if history.kind is not HistoryKind.MT4_STATEMENT:
        return [_mt5_deal(deal, login, currency_digits, clock) for deal in history.deals]
    records = _mt4_records(history, login, currency_digits)
    return [row for record in records for row in _legs(record, clock)]


def _mt4_records(history: History, login: int, currency_digits: int) -> Iterator[Mt4Record]:
    for operation in history.balances:
        yield _mt4_balance(operation, login, currency_digits)
    for trade in (*history.closed, *history.open):
        yield _mt4_trade(trade, login, currency_digits)


def _mt4_trade(trade: Mt4Trade, login: int, currency_digits: int) -> Mt4Record:
    is_closed = trade.closed_s is not None
    return Mt4Record(
        ticket=trade.ticket,
        login=login,
        cmd=trade.action,
        symbol=trade.symbol,
        digits=trade.digits,
        lots_e8=_e8(trade.volume_lots),
        open_ms=trade.opened_s * 1000,
        open_price_e8=_e8(trade.open_price),
        close_ms=(trade.closed_s or 0) * 1000,
        close_price_e8=_e8(trade.close_price),
        commission_e8=_e8(trade.commission) if is_closed else 0,
        taxes_e8=_e8(trade.taxes) if is_closed else 0,
        swap_e8=_e8(trade.swap) if is_closed else 0,
        profit_e8=_e8(trade.profit) if is_closed else 0,
        reason=1 if trade.magic else 0,
        comment=trade.comment,
        currency_digits=currency_digits,
    )


def _mt4_balance(row: BalanceOperation, login: int, currency_digits: int) -> Mt4Record:
    return Mt4Record(
        ticket=row.ticket,
        login=login,
        cmd=CREDIT if row.kind == _CREDIT_KIND else BALANCE,
        symbol="",
        digits=currency_digits,
        lots_e8=0,
        open_ms=row.at_s * 1000,
        open_price_e8=0,
        close_ms=row.at_s * 1000,
        close_price_e8=0,
        commission_e8=0,
        taxes_e8=0,
        swap_e8=0,
        profit_e8=_e8(row.amount),
        reason=0,
        comment=row.comment,
        currency_digits=currency_digits,
    )


def _legs(record: Mt4Record, clock: ServerClock) -> list[DealRow | BadRow]:
    try:
        return list(legs(record, clock))
    except UnusableRecord as error:
        raw = json.dumps(record._asdict(), default=str)[:4_000]
        return [BadRow(raw, str(error), record.ticket, 0, record.login)]


def _mt5_deal(deal: Mt5Deal, login: int, currency_digits: int, clock: ServerClock) -> DealRow | BadRow:
    is_trade = deal.action < _TRADES
    reason = ""
    if is_trade and not deal.position:
        reason = _NO_POSITION
    elif is_trade and deal.entry == _INOUT:
        reason = _REVERSAL
    if reason:
        raw = {"ticket": deal.ticket, "symbol": deal.symbol, "lots": str(deal.volume_lots), "profit": str(deal.profit)}
        return BadRow(json.dumps(raw), reason, deal.ticket, 0, login)
    volume = _e8(deal.volume_lots)
    return DealRow(
        ticket=deal.ticket,
        leg=0,
        login=login,
        symbol=deal.symbol,
        action=deal.action,
        entry=deal.entry,
        reason=deal.reason,
        position=deal.position,
        position_by=0,
        order=deal.order,
        volume_e8=volume,
        volume_closed_e8=volume if is_trade and deal.entry != _IN else 0,
        price_e8=_e8(deal.price),
        bid_e8=None,
        ask_e8=None,
        contract_size_e8=0,
        digits=deal.digits if is_trade else currency_digits,
        currency_digits=currency_digits,
        profit_e8=_e8(deal.profit),
        swap_e8=_e8(deal.swap),
        commission_e8=_e8(deal.commission),
        fee_e8=_e8(deal.fee),
        deal_at=clock.to_utc_ms(deal.time_ms),
        comment=deal.comment,
    )


def _e8(number: Decimal) -> int:
    return int((number * E8).to_integral_value(ROUND_HALF_EVEN))
