"""Check a statement against its own Summary. Pure."""

from decimal import Decimal
from typing import NamedTuple

from mt4bridge.histories.types import History, Summary

ZERO = Decimal(0)
_BALANCE, _CREDIT = 2, 3


class Difference(NamedTuple):
    """A total of the Summary, by its name there, that the rows do not add up to."""

    name: str
    said: str
    found: str


def differences(history: History) -> list[Difference]:
    """Return each total of the Summary that the rows do not add up to; [] when all agree.

    A csv has no Summary and always agrees."""
    summary = history.summary
    if summary is None:
        return []
    checks = _report_checks(history, summary) if history.deals else _statement_checks(history, summary)
    return [
        Difference(name, str(said), str(found)) for name, said, found in checks if said is not None and said != found
    ]


_Check = tuple[str, Decimal | None, Decimal]


def _statement_checks(history: History, summary: Summary) -> list[_Check]:
    deposit = sum((row.amount for row in history.balances if row.kind == _BALANCE), ZERO)
    credit = sum((row.amount for row in history.balances if row.kind == _CREDIT), ZERO)
    closed = sum((row.commission + row.taxes + row.swap + row.profit for row in history.closed), ZERO)
    floating = sum((row.commission + row.taxes + row.swap + row.profit for row in history.open), ZERO)
    balance = deposit + closed
    return [
        ("Deposit/Withdrawal", summary.deposit, deposit),
        ("Credit Facility", summary.credit, credit),
        ("Closed Trade P/L", summary.closed_result, closed),
        ("Floating P/L", summary.floating, floating),
        ("Balance", summary.balance, balance),
        ("Equity", summary.equity, balance + credit + floating),
    ]


def _report_checks(history: History, summary: Summary) -> list[_Check]:
    """Check an MT5 report. It may cover a part of the account's life, so it begins with the balance before it."""
    results = dict.fromkeys((True, False), ZERO)
    for deal in history.deals:
        if deal.action != _CREDIT:
            results[deal.action < _BALANCE] += deal.commission + deal.fee + deal.swap + deal.profit
    return [
        ("Total Net Profit", summary.closed_result, results[True]),
        ("Balance", summary.balance, (history.opening_balance or ZERO) + results[True] + results[False]),
    ]
