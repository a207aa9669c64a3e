"""The parser of statements and csv files: real files against their own totals, and files that are not histories."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt4bridge.enums import DealAction, DealReason
from mt4bridge.histories.read import parse_history, read_history
from mt4bridge.histories.totals import differences
from mt4bridge.histories.types import HistoryError, HistoryKind, RowName

pytestmark = pytest.mark.unit

STATEMENTS = {
    "mt4_statement_2019-06-13_jpy.htm": (43, 317, 4, 4, 0, "456316", "456699"),
    "mt4_statement_2019-07-14_jpy.htm": (72, 366, 8, 11, 1, "440687", "439085"),
    "mt4_statement_2019-09-21_jpy.htm": (198, 531, 20, 29, 2, "396893", "356151"),
    "mt4_statement_2020-05-16_jpy.htm": (581, 1180, 22, 132, 4, "151396", "152619"),
}

FILES = Path(__file__).parent / "files"
SMALL_STATEMENT = (FILES / "small_statement.htm").read_text()
SMALL_CSV = (FILES / "small_deals.csv").read_text()


@pytest.mark.parametrize("name", STATEMENTS)
def test_real_statements_add_up_to_their_own_summaries(histories: Path, name: str) -> None:
    history = read_history(histories / name)

    buys = sum(trade.action == DealAction.BUY for trade in history.closed)
    summary = history.summary
    assert summary is not None
    assert (history.kind, history.login, history.currency) == (HistoryKind.MT4_STATEMENT, 90010001, "JPY")
    assert differences(history) == []
    assert STATEMENTS[name] == (
        buys, len(history.closed) - buys, len(history.open), len(history.cancelled), len(history.working),
        str(summary.balance), str(summary.equity),
    )  # fmt: skip


def test_the_last_statement_has_the_totals_that_were_handed_down(histories: Path) -> None:
    history = read_history(histories / "mt4_statement_2020-05-16_jpy.htm")

    assert sum(trade.swap for trade in history.closed) == -171
    assert sum(trade.profit for trade in history.closed) == -348_433
    assert [row.amount for row in history.balances] == [200_000, 300_000]
    assert len({trade.symbol for trade in history.closed}) == 21


def test_the_real_csv_has_the_totals_that_were_handed_down(histories: Path) -> None:
    history = read_history(histories / "mt5_history_deals_2025_usd.csv")

    deals = history.deals
    assert (history.kind, history.login, len(deals)) == (HistoryKind.MT5_DEALS, None, 1767)
    assert sum(deal.profit for deal in deals) == Decimal("100188.34")
    assert sum(deal.entry for deal in deals) == len({deal.position for deal in deals} - {0}) == 883
    assert all(deal.digits == 5 and deal.price == round(deal.price, 5) for deal in deals if deal.symbol)
    assert [deal.ticket for deal in deals] == sorted({deal.ticket for deal in deals})
    reasons = {reason: sum(deal.reason == reason for deal in deals) for reason in (DealReason.SL, DealReason.TP)}
    assert reasons == {DealReason.SL: 557, DealReason.TP: 276}


def test_a_statement_tells_everything_about_a_trade() -> None:
    history = parse_history(SMALL_STATEMENT.encode())

    stopped, sold_out = history.closed
    assert (history.login, history.name, history.leverage, history.printed_s) == (77, "A & B", 500, 1_709_629_620)
    assert (stopped.magic, stopped.comment, stopped.close_reason) == (2022052714, "[sl]", DealReason.SL)
    assert (stopped.commission, stopped.taxes, stopped.swap, stopped.profit) == (
        Decimal("-1.80"), Decimal("-0.20"), Decimal("0.00"), Decimal("-30.00"),
    )  # fmt: skip
    assert (stopped.volume_lots, stopped.symbol, stopped.digits) == (Decimal("0.30"), "EURUSD.r", 5)
    assert sold_out.close_reason == DealReason.SO
    assert [(row.kind, row.amount) for row in history.balances] == [
        (DealAction.BALANCE, Decimal("1000.00")),
        (DealAction.CREDIT, Decimal("50.00")),
    ]
    assert [(order.kind, order.cancelled_s) for order in history.cancelled] == [("buy limit", 1_709_294_400)]
    assert differences(history) == []


def test_a_changed_row_shows_as_a_difference_from_the_summary() -> None:
    history = parse_history(SMALL_STATEMENT.replace("<td>-30.00</td>", "<td>-31.00</td>").encode())

    assert differences(history) == [
        ("Closed Trade P/L", "-22.70", "-23.70"),
        ("Balance", "977.30", "976.30"),
        ("Equity", "1027.30", "1026.30"),
    ]


def test_a_statement_without_taxes_is_read_too() -> None:
    text = SMALL_STATEMENT.replace("<td>Taxes</td>", "").replace("<td>-0.20</td>", "").replace(
        "<td>-0.60</td><td>0.00</td>", "<td>-0.60</td>"
    )  # fmt: skip

    first = parse_history(text.encode()).closed[0]

    assert (first.commission, first.taxes, first.swap, first.profit) == (Decimal("-1.80"), 0, 0, Decimal("-30.00"))


def test_a_csv_loses_the_noise_of_doubles_and_the_terminals_numbering() -> None:
    _, opening, closing = parse_history(SMALL_CSV.encode()).deals

    assert (opening.price, opening.reason) == (Decimal("1.04784"), DealReason.EXPERT)
    assert (closing.price, closing.swap, closing.reason) == (Decimal("1.04885"), Decimal("-0.30"), DealReason.SL)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_are_read(encoding: str) -> None:
    assert parse_history(SMALL_STATEMENT.encode(encoding)).login == 77
    assert len(parse_history(SMALL_CSV.encode(encoding)).deals) == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "found an empty file"),
        (b"%PDF-1.7\x00\x1b[2J", "found '%PDF-1.7??[2J'"),
        (b"a,b,c\n1,2,3\n", "found 'a,b,c'"),
        (b"<html><table><tr><td>x</td></tr></table>", "found no Closed Transactions"),
        (SMALL_STATEMENT[: len(SMALL_STATEMENT) // 2].encode(), "found no Open Trades"),
        (
            SMALL_STATEMENT.replace("Account: 77", "Account: x7").encode(),
            "Account: expected a whole number, found 'x7'",
        ),
        (SMALL_STATEMENT.replace("<td>-30.00</td>", "<td>-3O.00</td>").encode(), "trade 3, Profit: expected a number"),
        (SMALL_STATEMENT.replace("<td>-30.00</td>", "").encode(), "trade 3: expected 14 cells, found 13"),
        (SMALL_STATEMENT.replace("2024.03.01 12:00:00", "yesterday").encode(), "expected a time like"),
        (SMALL_STATEMENT.replace("Equity:", "Fairness:").encode(), "expected a Summary with Equity"),
        (SMALL_CSV.replace("profit,", "gain,", 1).encode(), "profit is missing"),
        (
            SMALL_CSV.replace("1.04885,0.0", "about one,0.0").encode(),
            "line 4, price: expected a number, found 'about one'",
        ),
        (SMALL_CSV.replace("\n12,", "\n-12,").encode(), "line 4, ticket: expected a whole number, found '-12'"),
        (SMALL_CSV.replace("1740658300546,1,1,", "1740658300546,1,9,").encode(), "found 1 and 9"),
    ],
)
def test_a_file_that_is_no_history_gets_a_sentence_of_what_was_expected_and_found(
    content: bytes, sentence: str
) -> None:
    with pytest.raises(HistoryError) as caught:
        parse_history(content)

    assert sentence in str(caught.value)


def test_the_sentence_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")

    with pytest.raises(HistoryError, match=r"^notes\.txt: expected an MT4 statement .* found 'hello'\.$"):
        read_history(path)
    with pytest.raises(HistoryError, match=r"^none\.csv: the file cannot be read \(No such file or directory\)\.$"):
        read_history(tmp_path / "none.csv")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([SMALL_STATEMENT.encode(), SMALL_CSV.encode()]), st.data())
def test_damaged_files_are_read_or_refused_but_never_crash(content: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 60))
    damaged = content[:start] + data.draw(st.binary(max_size=12)) + content[start + length :]

    try:
        outcome = parse_history(damaged).kind.value
    except HistoryError as error:
        outcome = str(error)
    assert outcome in set(HistoryKind) or "expected" in outcome


def test_what_the_reader_says_can_be_told_in_another_language() -> None:
    error = HistoryError(
        "expected a number, found %(found)s", where=RowName("trade %(number)s", "12", "Swap"), found="x"
    )
    words = {"expected a number, found %(found)s": "应为数字，实为 %(found)s", "trade %(number)s": "交易 %(number)s"}

    assert (str(error), error.told(words.__getitem__)) == (
        "trade 12, Swap: expected a number, found x", "交易 12, Swap: 应为数字，实为 x",
    )  # fmt: skip
