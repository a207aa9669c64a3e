"""Statements for people: what is carried and why, in words, and the file with every line."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from commissions.enums import VERDICT_LABELS
from commissions.settlement.enums import StatementState
from commissions.settlement.lines import StatementLine, statement_lines
from commissions.settlement.models import Statement
from core.money import minor_digits
from tenancy.context import current_broker
from ui.exports import Column, Sheet
from ui.exports.sheet import Cell
from ui.numbers import exact_text

PILLS: dict[str, tuple[str, str]] = {
    StatementState.OPEN: ("brand", "clock"),
    StatementState.REVIEW: ("warn", "clock"),
    StatementState.HELD: ("bad", "player-pause"),
    StatementState.APPROVED: ("brand", "check"),
    StatementState.WAITING: ("brand", "clock"),
    StatementState.PAID: ("ok", "check"),
    StatementState.CARRIED: ("mute", "arrow-right"),
}
_SHORT = 3  # digits of a login that everybody may see


def format_money(amount: Decimal, currency: str) -> str:
    """Return the amount unrounded with its currency, as text."""
    return f"{exact_text(amount, minor_digits(currency))} {currency}"


def carried_words(statement: Statement) -> list[str]:
    """Return in sentences what of a statement is not paid by it, and why."""
    currency, words = statement.payee.currency, []
    if statement.due_out > 0:
        words.append(
            _("%(sum)s is less than the smallest payout of %(minimum)s. It is carried to the next statement.")
            % {"sum": format_money(statement.due_out, currency), "minimum": format_money(statement.minimum, currency)}
        )
    if statement.due_out < 0:
        words.append(
            _("The statement is below zero: more was taken back than earned. %(sum)s is set off against the next one.")
            % {"sum": format_money(statement.due_out, currency)}
        )
    if statement.carried_out:
        words.append(
            _("%(sum)s is less than the smallest unit of %(currency)s. It is carried to the next statement.")
            % {"sum": format_money(statement.carried_out, currency), "currency": currency}
        )
    return words


def last_day(statement: Statement) -> str:
    """Return the last day that the statement takes, as text."""
    return (statement.to_day - timedelta(days=1)).isoformat()


def statement_sheet(statement: Statement, *, payee_name: str, full_logins: bool) -> Sheet:
    """Return the statement with every line, for a file. Read it inside the broker that is in force."""
    currency = statement.payee.currency
    figures = [
        (_("Paid to"), payee_name),
        (_("Days"), f"{statement.from_day.isoformat()} – {last_day(statement)} ({current_broker().settlement_zone})"),
        (_("State"), str(statement.get_state_display())),
        (_("Sum of the lines"), format_money(statement.lines_total, currency)),
        (_("Carried in"), format_money(statement.carried_in, currency)),
        (_("Total"), format_money(statement.total, currency)),
        (_("Due from before"), format_money(statement.due_in, currency)),
        (_("Paid while it ran"), format_money(statement.paid_before, currency)),
        (_("To be paid"), format_money(statement.payable, currency)),
        (_("Carried on"), format_money(statement.carried_out + statement.due_out, currency)),
    ]
    return Sheet(
        title=_("Statement %(number)s") % {"number": statement.pk}, facts=figures, columns=_columns(currency),
        rows=_rows(statement, full_logins=full_logins), language=get_language() or "en", brand=current_broker().name,
    )  # fmt: skip


def _columns(currency: str) -> tuple[Column, ...]:
    return (
        Column(_("Line"), 11), Column(_("Takes back"), 11), Column(_("Deal"), 10), Column(_("Deal time (UTC)"), 15),
        Column(_("Statement day"), 9), Column(_("Login"), 9), Column(_("Client"), 9), Column(_("Symbol"), 9),
        Column(_("Side"), 5), Column(_("Lots"), 8, is_number=True), Column(_("Result"), 18),
        Column(_("Amount (%(currency)s)") % {"currency": currency}, 13, is_number=True),
    )  # fmt: skip


def _rows(statement: Statement, *, full_logins: bool) -> Iterator[tuple[Cell, ...]]:
    sides = {"buy": _("Buy"), "sell": _("Sell")}
    for line in statement_lines(statement):
        login = login_text(line, full_logins)
        yield (
            line.number, line.corrects, line.ticket or None, line.deal_at, line.statement_day, login,
            line.client_code if full_logins else line.masked_name, line.symbol, "" if line.kind else sides[line.side],
            None if line.kind else line.lots, line.kind or str(VERDICT_LABELS[line.verdict]), line.amount,
        )  # fmt: skip


def login_text(line: StatementLine, whole: bool) -> str:
    """Return the login, or its last digits for a viewer who may not know clients."""
    text = str(line.login) if line.login else ""
    return text if whole or not text else f"•••{text[-_SHORT:]}"
