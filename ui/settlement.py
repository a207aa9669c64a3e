"""Statements for people: what is carried and why, in words, and the file with every line."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from commissions.enums import VERDICT_LABELS
from commissions.settlement.enums import StatementState
from commissions.settlement.lines import StatementLine, statement_lines
from commissions.settlement.models import Payout, Statement
from commissions.settlement.pages import payouts_of
from commissions.settlement.summary import Summary, summarise
from core.money import minor_digits
from tenancy.context import current_broker
from ui.exports import Column, Sheet, Table
from ui.exports.sheet import Cell, plain
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


def statement_sheet(statement: Statement, *, full_logins: bool) -> Sheet:
    """Return the statement with its sums and every line, for a file. Read it inside the broker that is in force."""
    currency, summary = statement.payee.currency, summarise(statement)
    whole = summary.whole
    return Sheet(
        title=_("Statement %(number)s") % {"number": statement.pk}, facts=_facts(statement, summary.hash),
        aside=_figures(statement), tables=_sums(summary, statement, full_logins=full_logins),
        rows_title=_("Lines"), columns=_columns(currency), rows=_rows(statement, full_logins=full_logins),
        total=(_("Total"), *(None,) * 10, whole.lots, whole.amount),
        foot=" ".join([*carried_words(statement), _("Equal hashes mean equal figures and equal lines.")]),
        language=get_language() or "en", brand=current_broker().name,
    )  # fmt: skip


def payee_name(statement: Statement) -> str:
    """Return whom a statement pays, with the code."""
    who = statement.payee.ib or statement.payee.client
    return f"{who.name} ({who.code})" if who else ""


def _facts(statement: Statement, digest: str) -> list[tuple[str, str]]:
    to = str(statement.get_destination_display())
    return [
        (_("Broker"), current_broker().name),
        (_("Partner") if statement.payee.ib_id else _("Client"), payee_name(statement)),
        (_("Days"), f"{statement.from_day.isoformat()} – {last_day(statement)} ({current_broker().settlement_zone})"),
        (_("Cycle"), str(statement.get_cycle_display())),
        (_("Currency"), statement.payee.currency),
        (_("State"), str(statement.get_state_display())),
        (_("Paid to"), f"{to} {statement.mt_account.login}" if statement.mt_account else to),
        (_("Closed at (UTC)"), plain(statement.cut_at)),
        (_("Hash"), digest),
    ]


def _figures(statement: Statement) -> Table:
    """Return how the lines become what is paid: every step, each adding up."""
    currency = statement.payee.currency
    rows = [
        (_("Sum of the lines"), statement.lines_total), (_("Carried in"), statement.carried_in),
        (_("Less than the smallest unit, carried on"), -statement.carried_out), (_("Total"), statement.total),
        (_("Due from before"), statement.due_in), (_("Paid while it ran"), -statement.paid_before),
    ]  # fmt: skip
    last = _("Carried on") if statement.state == StatementState.CARRIED else _("To be paid")
    columns = (Column(_("Figure"), 20), Column(_amount(currency), 12, is_number=True, places=minor_digits(currency)))
    return Table(_("Figures"), columns, rows, (last, statement.payable))


def _sums(summary: Summary, statement: Statement, *, full_logins: bool) -> list[Table]:
    """Return what the lines come to by symbol group and by client, and the payouts."""
    currency, whole = statement.payee.currency, summary.whole
    figures = (
        Column(_("Deals"), 8, is_number=True, places=0), Column(_("Lots"), 10, is_number=True, places=2),
        Column(_amount(currency), 14, is_number=True, places=minor_digits(currency)),
    )  # fmt: skip
    total = (whole.deals, whole.lots, whole.amount)
    groups = [(one.label or _("No symbol group"), one.deals, one.lots, one.amount) for one in summary.groups]
    tables = [Table(_("By symbol group"), (Column(_("Symbol group"), 30), *figures), groups, (_("Total"), *total))]
    if statement.payee.ib_id:
        clients = [
            ((one.label if full_logins else "") or "—", one.name, one.deals, one.lots, one.amount)
            for one in summary.clients
        ]
        columns = (Column(_("Client"), 12), Column(_("Name"), 18), *figures)
        tables.append(Table(_("By client"), columns, clients, (_("Total"), None, *total)))
    payouts = payouts_of(statement)
    return [*tables, _payouts(payouts, currency)] if payouts else tables


def _payouts(payouts: Sequence[Payout], currency: str) -> Table:
    rows = [
        (one.number, one.paid_at, str(one.get_state_display()), str(one.mt_account.login) if one.mt_account else "",
         str(one.entry_id), one.amount)
        for one in payouts
    ]  # fmt: skip
    columns = (
        Column(_("Payout"), 6), Column(_("Paid at (UTC)"), 14), Column(_("State"), 14), Column(_("Login"), 8),
        Column(_("Journal entry"), 8), Column(_amount(currency), 12, is_number=True, places=minor_digits(currency)),
    )  # fmt: skip
    total = sum((one.amount for one in payouts), Decimal(0))
    return Table(_("Paid out"), columns, rows, (_("Total"), *(None,) * 4, total))


def _amount(currency: str) -> str:
    return _("Amount (%(currency)s)") % {"currency": currency}


def _columns(currency: str) -> tuple[Column, ...]:
    return (
        Column(_("No."), 6), Column(_("Line"), 11), Column(_("Takes back"), 11), Column(_("Deal"), 10),
        Column(_("Deal time (UTC)"), 16), Column(_("Statement day"), 12), Column(_("Login"), 9),
        Column(_("Client"), 9), Column(_("Symbol"), 9), Column(_("Side"), 5), Column(_("Result"), 17),
        Column(_("Lots"), 8, is_number=True, places=2),
        Column(_amount(currency), 14, is_number=True, places=minor_digits(currency)),
    )  # fmt: skip


def _rows(statement: Statement, *, full_logins: bool) -> Iterator[tuple[Cell, ...]]:
    sides = {"buy": _("Buy"), "sell": _("Sell")}
    for number, line in enumerate(statement_lines(statement), start=1):
        login = login_text(line, full_logins)
        yield (
            number, line.number, line.corrects, line.ticket or None, line.deal_at, line.statement_day, login,
            line.client_code if full_logins else line.masked_name, line.symbol, "" if line.kind else sides[line.side],
            line.kind or str(VERDICT_LABELS[line.verdict]), None if line.kind else line.lots, line.amount,
        )  # fmt: skip


def login_text(line: StatementLine, whole: bool) -> str:
    """Return the login, or its last digits for a viewer who may not know clients."""
    text = str(line.login) if line.login else ""
    return text if whole or not text else f"•••{text[-_SHORT:]}"
