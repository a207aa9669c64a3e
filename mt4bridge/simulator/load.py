"""Histories into the book: MT4 statements and MT5 deals csv become MT5 deals.

An MT4 ticket T becomes position T, opened by deal 2T and closed by deal 2T+1 (both with order T); a balance operation
with ticket T becomes deal 2T. Commission, taxes (as Fee), swap and profit are booked on the close, as MT4 does.
Statements of one login merge by ticket, in any order: a closed trade wins over an open one, and of two open ones the
statement printed last wins. An open trade stays an open position at its price, its result frozen as printed.
A csv keeps its tickets; without a login column it is login 1, in USD."""

from collections.abc import Sequence
from decimal import Decimal

from mt4bridge.histories.types import BalanceOperation, History, HistoryError, HistoryKind, Mt4Trade, Mt5Deal
from mt4bridge.simulator.book import E8, Book
from mt4bridge.simulator.records import BUY, IN, OUT, SELL, SimDeal, SimGroup, SimPosition, SimUser
from mt4bridge.simulator.symbols import symbol_of

CSV_LOGIN = 1
CSV_CURRENCY = "USD"
_NO_MINOR_UNIT = frozenset(("JPY", "KRW", "VND", "CLP"))
_DEALER = 2
_CENTS = Decimal("0.01")


def load_histories(book: Book, histories: Sequence[History]) -> None:
    """Fill an empty book from history files.

    :raises HistoryError: two files disagree on an account's currency, or carry one ticket twice with other content."""
    statements = [history for history in histories if history.kind is HistoryKind.MT4_STATEMENT]
    for login in sorted({history.login or 0 for history in statements}):
        _load_account(book, [history for history in statements if history.login == login])
    for history in histories:
        if history.kind is HistoryKind.MT5_DEALS:
            _load_deals(book, history.deals)


def _load_account(book: Book, statements: list[History]) -> None:
    """Merge the statements of one login."""
    statements = sorted(statements, key=lambda history: history.printed_s or 0)
    newest = statements[-1]
    login, currency = newest.login or 0, newest.currency or CSV_CURRENCY
    if {history.currency for history in statements} != {newest.currency}:
        raise HistoryError(f"the statements of login {login} are in different currencies")
    closed = {trade.ticket: trade for history in statements for trade in history.closed}
    still_open = {trade.ticket: trade for history in statements for trade in history.open if trade.ticket not in closed}
    balances = {row.ticket: row for history in statements for row in history.balances}
    group = _group(book, currency)
    times = [trade.opened_s for trade in closed.values()] + [row.at_s for row in balances.values()]
    first_s = min(times, default=newest.printed_s or 0)
    leverage = newest.leverage or group.leverage
    book.put_user(SimUser(login, group.name, newest.name or f"Login {login}", leverage=leverage, registered_s=first_s))
    for trade in [*closed.values(), *still_open.values()]:
        _load_trade(book, login, trade, group)
    for row in balances.values():
        book.put_deal(_balance_deal(login, row, group))


def _load_trade(book: Book, login: int, trade: Mt4Trade, group: SimGroup) -> None:
    known = book.symbols.get(trade.symbol)
    if known is None or known.digits < trade.digits:
        book.put_symbol(symbol_of(trade.symbol, digits=trade.digits, account_currency=group.currency))
    book.put_deal(_opening(book, login, trade))
    if trade.closed_s is not None:
        book.put_deal(_closing(book, login, trade))
        return
    symbol = book.symbols[trade.symbol]
    book.put_position(
        SimPosition(
            position=trade.ticket,
            login=login,
            symbol=trade.symbol,
            action=trade.action,
            volume_e8=_e8(trade.volume_lots),
            price_open=trade.open_price,
            price_current=trade.close_price,
            opened_ms=trade.opened_s * 1000,
            digits=symbol.digits,
            contract_size=symbol.contract_size,
            profit=trade.profit,
            swap=trade.swap + trade.commission + trade.taxes,
            sl=trade.sl,
            tp=trade.tp,
            reason=1 if trade.magic else 0,
            magic=trade.magic,
            comment=trade.comment,
            frozen=True,
        )
    )


def _opening(book: Book, login: int, trade: Mt4Trade) -> SimDeal:
    symbol = book.symbols[trade.symbol]
    return SimDeal(
        ticket=trade.ticket * 2,
        login=login,
        time_ms=trade.opened_s * 1000,
        action=trade.action,
        entry=IN,
        reason=1 if trade.magic else 0,
        order=trade.ticket,
        position=trade.ticket,
        symbol=trade.symbol,
        digits=symbol.digits,
        contract_size=symbol.contract_size,
        volume_e8=_e8(trade.volume_lots),
        price=trade.open_price,
        price_position=trade.open_price,
        sl=trade.sl,
        tp=trade.tp,
        magic=trade.magic,
    )


def _closing(book: Book, login: int, trade: Mt4Trade) -> SimDeal:
    deal = _opening(book, login, trade)
    deal.ticket += 1
    deal.time_ms = (trade.closed_s or 0) * 1000
    deal.action = SELL if trade.action == BUY else BUY
    deal.entry = OUT
    deal.reason = trade.close_reason
    deal.closed_e8 = deal.volume_e8
    deal.price = trade.close_price
    deal.profit, deal.swap = trade.profit, trade.swap
    deal.commission, deal.fee = trade.commission, trade.taxes
    deal.comment = trade.comment[:31]
    return deal


def _balance_deal(login: int, row: BalanceOperation, group: SimGroup) -> SimDeal:
    return SimDeal(
        ticket=row.ticket * 2,
        login=login,
        time_ms=row.at_s * 1000,
        action=row.kind,
        reason=_DEALER,
        digits=group.currency_digits,
        profit=row.amount,
        comment=row.comment[:31],
    )


def _load_deals(book: Book, deals: Sequence[Mt5Deal]) -> None:
    """Load a csv. Positions left open in it stay open, at their own price since a csv shows no market."""
    group = _group(book, CSV_CURRENCY)
    for deal in deals:
        login = deal.login or CSV_LOGIN
        if login not in book.users:
            book.put_user(SimUser(login, group.name, f"Login {login}", registered_s=deal.time_ms // 1000))
        if deal.symbol and (deal.symbol not in book.symbols or book.symbols[deal.symbol].digits < deal.digits):
            book.put_symbol(symbol_of(deal.symbol, digits=deal.digits, account_currency=group.currency))
        known = book.deals.get(deal.ticket)
        new = _csv_deal(book, login, deal)
        if known is not None and known != new:
            raise HistoryError(f"deal {deal.ticket} comes twice with different content")
        book.put_deal(new)
    _keep_open(book, deals)


def _csv_deal(book: Book, login: int, deal: Mt5Deal) -> SimDeal:
    symbol = book.symbols.get(deal.symbol)
    volume = _e8(deal.volume_lots)
    return SimDeal(
        ticket=deal.ticket,
        login=login,
        time_ms=deal.time_ms,
        action=deal.action,
        entry=deal.entry,
        reason=deal.reason,
        order=deal.order,
        position=deal.position,
        symbol=deal.symbol,
        digits=deal.digits,
        contract_size=symbol.contract_size if symbol else Decimal(0),
        volume_e8=volume,
        closed_e8=volume if deal.entry != IN else 0,
        price=deal.price,
        profit=deal.profit.quantize(_CENTS),
        swap=deal.swap.quantize(_CENTS),
        commission=deal.commission.quantize(_CENTS),
        fee=deal.fee.quantize(_CENTS),
        magic=deal.magic,
        comment=deal.comment[:31],
        external_id=deal.external_id,
    )


def _keep_open(book: Book, deals: Sequence[Mt5Deal]) -> None:
    """Open a position for every opening deal whose lots were not all closed."""
    left: dict[int, int] = {}
    opening: dict[int, Mt5Deal] = {}
    for deal in deals:
        if deal.action in (BUY, SELL):
            opening.setdefault(deal.position, deal)
            sign = 1 if deal.entry == IN else -1
            left[deal.position] = left.get(deal.position, 0) + sign * _e8(deal.volume_lots)
    for number, volume_e8 in left.items():
        if volume_e8 <= 0:
            continue
        deal, symbol = opening[number], book.symbols[opening[number].symbol]
        book.put_position(
            SimPosition(
                position=number,
                login=deal.login or CSV_LOGIN,
                symbol=deal.symbol,
                action=deal.action,
                volume_e8=volume_e8,
                price_open=deal.price,
                price_current=deal.price,
                opened_ms=deal.time_ms,
                digits=symbol.digits,
                contract_size=symbol.contract_size,
                frozen=True,
            )
        )


def _group(book: Book, currency: str) -> SimGroup:
    """Return the group of history accounts in one currency, made on first use."""
    name = f"real\\history-{currency.lower()}"
    if name not in book.groups:
        book.put_group(SimGroup(name, currency, 0 if currency in _NO_MINOR_UNIT else 2))
    return book.groups[name]


def _e8(lots: Decimal) -> int:
    return int(lots * E8)
