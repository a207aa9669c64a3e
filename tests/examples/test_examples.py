"""Worked examples that a finance person signs: each file has the calculation by hand, and the engine must agree.

The files are rebate scenarios with one key more: `expect.totals`, what each payee has earned in all."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from django.db import connection
from django.db.models import Sum

from commissions.calculation import Verdict
from commissions.models import Accrual, IbDay, Judgement, Payee
from core.money import from_e8
from crm.scenarios.documents import Document, read_documents
from crm.scenarios.outcome import Given, Pair, read_pairs
from crm.scenarios.player import play
from crm.scenarios.world import World
from mt4bridge.enums import DealEntry
from tenancy.models import Broker

EXAMPLES = {document.name: document for document in read_documents([str(Path(__file__).parent)])}
WITHOUT_VERDICT = (Verdict.NOT_COUNTED.code, Verdict.DEAL_REMOVED.code)  # nothing of the deal counts; none are signed

Line = tuple[int, str, int, Decimal, str]  # ticket, payee, level, amount, currency


class Books(NamedTuple):
    """What a payee has earned by each of the three records that must agree."""

    lines: Decimal
    roll_up: Decimal
    ledger: Decimal


def signed_lines(document: Document) -> list[Line]:
    rows = document.expect["rebates"]
    return sorted((row["ticket"], row["to"], row["level"], Decimal(row["amount"]), row["currency"]) for row in rows)


def signed_verdicts(document: Document) -> list[tuple[int, str, str]]:
    return sorted((row["ticket"], row["to"], row["reason"]) for row in document.expect["verdicts"])


def signed_accruals(document: Document) -> list[tuple[str, date, Decimal, str]]:
    """Return the signed lines that belong to no deal's rebate: payee, day, amount, currency."""
    rows = document.expect.get("accruals") or []
    return sorted((row["to"], row["day"].date(), Decimal(row["amount"]), row["currency"]) for row in rows)


def stored_accruals() -> list[tuple[str, date, Decimal, str]]:
    """Return what was booked for each payee and day without a deal's rebate."""
    rows = Accrual.objects.values_list("payee__ib__code", "day", "payee__currency").annotate(booked=Sum("booked_e8"))
    return sorted((to, day, from_e8(booked), currency) for to, day, currency, booked in rows.order_by())


def signed_totals(document: Document) -> dict[tuple[str, str], Decimal]:
    return {(row["to"], row["currency"]): Decimal(row["amount"]) for row in document.expect["totals"]}


def stored_lines(pairs: dict[Pair, Given]) -> list[Line]:
    """Return every pair that was paid or at which money stands."""
    return sorted(
        (pair.ticket, pair.to, given.level, given.amount, given.currency)
        for pair, given in pairs.items()
        if given.verdict == Verdict.PAID.code or given.amount
    )


def stored_verdicts(pairs: dict[Pair, Given]) -> list[tuple[int, str, str]]:
    """Return every pair that was judged and not paid, with its reason."""
    without = (Verdict.PAID.code, *WITHOUT_VERDICT)
    return sorted(
        (pair.ticket, pair.to, given.verdict) for pair, given in pairs.items() if given.verdict not in without
    )


def stored_books(world: World) -> dict[tuple[str, str], Books]:
    """Return {(payee, currency): live lines, roll-up, ledger}, for every payee that the broker knows."""
    lines, roll_up = live_lines(), added(IbDay.objects.values_list("payee_id", "amount"))
    logins = {account.client_id: login for login, account in world.accounts.items()}
    found = {}
    for payee in Payee.objects.select_related("ib"):
        name = payee.ib.code if payee.ib else f"client:{logins[payee.client_id]}"
        sums = (lines.get(payee.pk, Decimal(0)), roll_up.get(payee.pk, Decimal(0)), posted(payee.ledger_account_id))
        found[name, payee.currency] = Books(*sums)
    return found


def live_lines() -> dict[int, Decimal]:
    live = {row.deal_id: row for row in Judgement.objects.order_by("deal_id", "revision")}
    lines = [
        (payee, from_e8(amount))
        for row in live.values()
        for payee, amount in zip(row.payee, row.amount_e8, strict=True)
    ]
    accrued = Accrual.objects.values_list("payee_id", "booked_e8")
    return added([*lines, *((payee, from_e8(booked)) for payee, booked in accrued)])


def added(amounts: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for payee, amount in amounts:
        sums[payee] = sums.get(payee, Decimal(0)) + amount
    return sums


def posted(ledger_account_id: int) -> Decimal:
    """Return credits less debits: what the broker owes the payee by the journal itself, not by its balance row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(CASE WHEN side = 'C' THEN amount ELSE -amount END), 0) FROM ledger_posting "
            "WHERE ledger_account_id = %s",
            [ledger_account_id],
        )
        (amount,) = cursor.fetchone()
    return Decimal(amount)


@pytest.mark.unit
def test_all_examples_are_read() -> None:
    assert list(EXAMPLES) == [
        "E1-partial-closes", "E2-difference", "E3-commission-share", "E4-by-level", "E5-three-currencies",
        "E6-client-moves", "E7-server-edits", "E8-filters-and-cap", "E9-tiers", "E10-advance",
    ]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize("name", EXAMPLES)
def test_signed_totals_are_the_sums_of_the_signed_rebates(name: str) -> None:
    document = EXAMPLES[name]
    sums = dict.fromkeys(signed_totals(document), Decimal(0))

    for _ticket, to, _level, amount, currency in signed_lines(document):
        sums[to, currency] += amount
    for to, _day, amount, currency in signed_accruals(document):
        sums[to, currency] += amount

    assert sums == signed_totals(document)


@pytest.mark.integration
@pytest.mark.parametrize("name", EXAMPLES)
def test_engine_pays_what_was_signed(name: str, broker: Broker) -> None:
    document = EXAMPLES[name]

    world = play(document)

    pairs = read_pairs(world)
    assert stored_lines(pairs) == signed_lines(document)
    assert stored_verdicts(pairs) == signed_verdicts(document)
    assert stored_accruals() == signed_accruals(document)
    signed = signed_totals(document)
    assert stored_books(world) == {to: Books(total, total, total) for to, total in signed.items()}


@pytest.mark.integration
def test_every_booking_of_an_edited_deal_is_still_there(broker: Broker) -> None:
    """Example 7 lists what was booked first and what later: Leo's and Mira's amounts after each revision."""
    world = play(EXAMPLES["E7-server-edits"])

    history: dict[int, list[tuple[str, ...]]] = {}
    for ticket, amounts in _revisions(world):
        history.setdefault(ticket, []).append(amounts)
    assert history == {
        72: [("4.00", "2.00"), ("2.00", "1.00")],
        74: [("8.00", "4.00"), ("0.00", "0.00")],
        76: [("8.00", "1.60"), ("7.00", "1.40")],
        78: [("8.00", "1.60"), ("0.00", "0.00")],
        79: [("2.00", "1.00")],
    }


def _revisions(world: World) -> list[tuple[int, tuple[str, ...]]]:
    """Return (ticket, amounts of the chain, nearest IB first) of every revision of every closing deal, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.ticket, j.amount_e8 FROM commissions_judgement j "
            "JOIN trading_deal d ON d.id = j.deal_id AND d.server_id = %s "
            "WHERE d.entry = %s ORDER BY d.ticket, j.revision",
            [world.server.pk, DealEntry.OUT],
        )
        rows = cursor.fetchall()
    return [(ticket, tuple(f"{from_e8(amount):.2f}" for amount in amounts)) for ticket, amounts in rows]
