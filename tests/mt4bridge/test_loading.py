"""Histories in the simulator's book: merged by ticket, in any order, with the totals of the files."""

from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.histories.read import parse_history, read_history
from mt4bridge.histories.types import History, HistoryError
from mt4bridge.simulator.book import Book
from mt4bridge.simulator.load import load_histories
from mt4bridge.simulator.records import SimDeal
from mt4bridge.simulator.symbols import symbol_of
from tests.mt4bridge.test_histories import SMALL_CSV, SMALL_STATEMENT

pytestmark = pytest.mark.unit

LOGIN = 90010001


def book_of(*histories: History) -> Book:
    book = Book(ServerClock())
    load_histories(book, histories)
    return book


def contents(book: Book) -> tuple[dict[int, SimDeal], object, object]:
    return book.deals, book.positions, book.symbols


def test_statements_in_any_order_end_in_the_same_book(histories: Path) -> None:
    files = [read_history(path) for path in sorted(histories.glob("mt4_statement_*.htm"))]
    expected = contents(book_of(*files))

    for order in permutations(files):
        assert contents(book_of(*order)) == expected
    assert contents(book_of(*files, *files)) == expected


def test_the_merged_statements_have_the_last_ones_totals(histories: Path) -> None:
    book = book_of(*(read_history(path) for path in sorted(histories.glob("mt4_statement_*.htm"), reverse=True)))

    state = book.state_of(LOGIN)
    closing = [deal for deal in book.deals.values() if deal.symbol and deal.entry == 1]
    assert len(book.deals) == 2 + 1761 * 2 + 22
    assert (state.balance, state.equity, state.floating) == (151_396, 152_619, 1_223)
    assert (sum(deal.profit for deal in closing), sum(deal.swap for deal in closing)) == (-348_433, -171)
    assert len(book.positions) == 22
    assert book.users[LOGIN].group == "real\\history-jpy"


def test_an_open_trade_becomes_a_closed_one_with_a_later_statement(histories: Path) -> None:
    first, second, *_ = [read_history(path) for path in sorted(histories.glob("mt4_statement_*.htm"))]
    closed_later = {trade.ticket for trade in first.open} & {trade.ticket for trade in second.closed}

    alone, both = book_of(first), book_of(second, first)

    assert closed_later
    assert closed_later <= set(alone.positions)
    assert not closed_later & set(both.positions)
    assert all(ticket * 2 + 1 in both.deals and ticket * 2 + 1 not in alone.deals for ticket in closed_later)


def test_a_ticket_becomes_a_position_with_two_deals() -> None:
    book = book_of(parse_history(SMALL_STATEMENT.encode()))

    opening, closing = book.deals[6], book.deals[7]
    assert (opening.position, closing.position, opening.order, closing.order) == (3, 3, 3, 3)
    assert (opening.action, opening.entry, closing.action, closing.entry) == (1, 0, 0, 1)
    assert (opening.profit, opening.commission) == (0, 0)
    assert (closing.profit, closing.commission, closing.fee, closing.reason) == (
        Decimal("-30.00"), Decimal("-1.80"), Decimal("-0.20"), 3,
    )  # fmt: skip
    assert (closing.volume_e8, closing.closed_e8, opening.closed_e8) == (30_000_000, 30_000_000, 0)
    assert (book.deals[2].action, book.deals[4].action) == (2, 3)
    assert (book.state_of(77).balance, book.state_of(77).equity) == (Decimal("977.30"), Decimal("1027.30"))


def test_the_real_csv_keeps_its_tickets_and_gets_login_1(histories: Path) -> None:
    book = book_of(read_history(histories / "mt5_history_deals_2025_usd.csv"))

    assert (len(book.deals), book.state_of(1).balance, list(book.users), book.positions) == (
        1767, Decimal("100188.34"), [1], {},
    )  # fmt: skip
    assert book.deals[3357672193].profit == 100_000


def test_a_csv_position_without_its_close_stays_open() -> None:
    book = book_of(parse_history(SMALL_CSV.rpartition("12,")[0].encode()))

    (position,) = book.positions.values()
    assert (position.position, position.volume_e8, position.price_open) == (21, 1_000_000, Decimal("1.04784"))


def test_statements_of_one_login_in_two_currencies_are_refused() -> None:
    euro = SMALL_STATEMENT.replace("Currency: USD", "Currency: EUR")

    with pytest.raises(HistoryError, match="login 77 are in different currencies"):
        book_of(parse_history(SMALL_STATEMENT.encode()), parse_history(euro.encode()))


def test_a_ticket_with_two_contents_is_refused() -> None:
    other = SMALL_CSV.replace("1.01", "1.02")

    with pytest.raises(HistoryError, match="deal 12 comes twice"):
        book_of(parse_history(SMALL_CSV.encode()), parse_history(other.encode()))


@pytest.mark.parametrize(
    ("name", "size", "base", "quote"),
    [
        ("EURUSD", 100_000, "EUR", "USD"),
        ("usdjpy.", 100_000, "USD", "JPY"),
        ("EURUSD.r", 100_000, "EUR", "USD"),
        ("GBPJPYm", 100_000, "GBP", "JPY"),
        ("xauusd.", 100, "XAU", "USD"),
        ("XAGEUR", 5_000, "XAG", "EUR"),
        ("us_oil", 1_000, "USD", "USD"),
        ("oilusd.", 1_000, "USD", "USD"),
        ("jp225", 1_000, "JPY", "JPY"),
        ("spx500", 250, "USD", "USD"),
        ("US30.cash", 10, "USD", "USD"),
        ("BTCUSD", 1, "BTC", "USD"),
        ("Something", 1, "CHF", "CHF"),
    ],
)
def test_symbols_are_known_by_their_names(name: str, size: int, base: str, quote: str) -> None:
    symbol = symbol_of(name, digits=3, account_currency="CHF")

    assert (symbol.contract_size, symbol.currency_base, symbol.currency_profit) == (size, base, quote)


def test_derived_contract_sizes_agree_with_the_profits_of_real_trades(histories: Path) -> None:
    """In an account in JPY, symbols quoted in JPY need no rate: profit = move × lots × contract size, to the yen."""
    history = read_history(histories / "mt4_statement_2020-05-16_jpy.htm")
    checked = 0
    for trade in history.closed:
        symbol = symbol_of(trade.symbol, digits=trade.digits, account_currency="JPY")
        if symbol.currency_profit != "JPY":
            continue
        move = trade.close_price - trade.open_price if trade.action == 0 else trade.open_price - trade.close_price
        assert abs(move * trade.volume_lots * symbol.contract_size - trade.profit) <= 1, trade
        checked += 1
    assert checked > 700
