"""CPA: work out the clients that are marked, from everything stored of them, and book what differs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

import numpy as np
from django.db import transaction

from access.types import Actor
from commissions.calculation import PartKind
from commissions.cpa import CpaEvent, CpaMember, CpaPay, CpaResult, UsdRate, cpa_of_client
from commissions.enums import AccrualCause, AccrualKind, BatchKind
from commissions.judging import waiting
from commissions.judging.book import Book, days_of, open_book
from commissions.judging.clients import accounts_of_clients, pays_cpa
from commissions.judging.columns import Rows
from commissions.judging.deals import read_cpa_events
from commissions.judging.history import moment, read_histories
from commissions.judging.measures import lock_tiers
from commissions.judging.payees import PayeeKey, ensure_payees
from commissions.judging.places import chains_of
from commissions.judging.recovery import queue_recovering
from commissions.judging.rollup import Contributions, add_up
from commissions.judging.writing import post_to_ledger, reserve_batch, write_days
from commissions.models import Accrual, CpaClient, JudgeBatch
from commissions.positions import IN, INOUT
from commissions.settlement.days import AccountingDays, lock_days, to_date, to_day
from core.money import E8
from mt4bridge.enums import DealAction
from trading.models import TradingAccount

_ACTOR = Actor.system("engine")
_CLIENTS = 200  # worked out in one transaction
_ZERO = Fraction(0)


@dataclass(slots=True)
class ClientCpa:
    """One marked client, worked out. `seen_us`: its latest event."""

    stamp: int
    result: CpaResult = field(default_factory=CpaResult)
    seen_us: int | None = None
    groups: set[int] = field(default_factory=set)  # MT groups whose lot factor was missing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall stand of one event for one payee."""

    pay: CpaPay
    payee: int
    day: int
    amount_e8: int


def accrue_marked(*, server_id: int, now: datetime) -> int:
    """Work out all marked clients; return how many lines were booked. `server_id`: whose walker does it."""
    booked = 0
    after = 0
    while marked := _marked(after):
        after = max(marked)
        booked += _accrue(marked, server_id=server_id, now=now)
    return booked


def _marked(after: int) -> dict[int, int]:
    rows = CpaClient.objects.filter(is_stale=True, client_id__gt=after).order_by("client_id")
    return dict(rows.values_list("client_id", "stamp")[:_CLIENTS])


def _accrue(marked: Mapping[int, int], *, server_id: int, now: datetime) -> int:
    rows = read_cpa_events(accounts_of_clients(marked))
    book = open_book(rows)
    clients = work_out(marked, rows, book)
    pays = [pay for client in clients.values() for pay in client.result.pays]
    ensure_payees(book.memory, {PayeeKey(pay.member.ib_id, 0, pay.member.currency) for pay in pays}, now=now)
    with transaction.atomic():
        lock_tiers()
        current = CpaClient.objects.select_for_update().filter(client_id__in=list(marked), is_stale=True)
        mine = {row.client_id: row for row in current if row.stamp == clients[row.client_id].stamp}
        changed = _book_differences({pk: clients[pk] for pk in mine}, book, server_id=server_id, now=now)
        for row in mine.values():
            _note(row, clients[row.client_id])
    return changed


def work_out(marked: Mapping[int, int], rows: Rows, book: Book) -> dict[int, ClientCpa]:
    """Return what CPA these clients bring, by all their events; `marked`: {client id: stamp}."""
    clients = {pk: ClientCpa(stamp) for pk, stamp in marked.items()}
    if not len(rows):
        return clients
    chain = chains_of(rows, book)
    members = _members(chain.tolist(), book)
    events: dict[int, list[tuple[CpaEvent, CpaMember | None]]] = {}
    owners = book.client_of[book.place(rows["account"])].tolist()
    for index, event in enumerate(_events(rows, book, clients, owners)):
        events.setdefault(owners[index], []).append((event, members[index]))
    for pk, found in events.items():
        found.sort(key=lambda pair: pair[0].order)
        member_of = {event.deal_id: member for event, member in found}
        client = clients[pk]
        client.seen_us = found[-1][0].at_us
        client.result = cpa_of_client([event for event, _member in found], member_of, _rates(book))
    return clients


def _rates(book: Book) -> UsdRate:
    def usd_rate(currency: str, at_us: int) -> Fraction | None:
        quote = book.rates.usd_quote(currency, at_us)
        return None if quote is None else quote.rate

    return usd_rate


def _members(chains: Sequence[int], book: Book) -> list[CpaMember | None]:
    """Return the direct IB of each event that CPA may be paid to, None for the others."""
    found: dict[int, CpaMember | None] = {}
    for number in set(chains):
        chain = book.chains.chains[number]
        version = chain.shape.versions[0] if pays_cpa(chain) else None
        cpa = version.terms.cpa if version else None
        found[number] = None
        if version is not None and cpa is not None:
            found[number] = CpaMember(chain.ib_ids[0], chain.shape.members[0].currency, version.id, cpa)
    return [found[number] for number in chains]


def _events(rows: Rows, book: Book, clients: Mapping[int, ClientCpa], owners: Sequence[int]) -> list[CpaEvent]:
    """Return each row as an event; closing deals of a group without a lot factor close lots that nobody knows."""
    names = ("root", "account", "at_us", "action", "entry", "volume_e8", "profit_e8", "ticket", "leg")
    groups = book.groups_at(rows).tolist()
    servers = dict(TradingAccount.objects.filter(pk__in=set(rows["account"].tolist())).values_list("pk", "server_id"))
    reversals = read_histories(rows[rows["entry"] == INOUT])
    found = []
    for index, values in enumerate(zip(*(rows[name].tolist() for name in names), strict=True)):
        root, account, at_us, action, entry, volume, profit, ticket, leg = values
        group = book.groups[groups[index]]
        is_deposit = action == DealAction.BALANCE
        closed = _ZERO
        if not is_deposit and entry != IN:
            parts = reversals.parts.get(root, ()) if entry == INOUT else ()
            lots = sum((part.lots for part in parts if part.kind is PartKind.CLOSING), _ZERO)
            lots = lots if entry == INOUT else Fraction(volume, E8)
            closed = lots * (group.lot_factor or _ZERO)
            if group.lot_factor is None:
                clients[owners[index]].groups.add(groups[index])
        order = (at_us, 0 if is_deposit else 1, servers[account], ticket, leg)
        deposit = Fraction(profit, E8) if is_deposit else _ZERO
        found.append(CpaEvent(order, root, account, at_us, group.currency, deposit, closed))
    return found


def _book_differences(clients: Mapping[int, ClientCpa], book: Book, *, server_id: int, now: datetime) -> int:
    """Book what the clients' payments differ by from the lines that stand; return how many lines it took."""
    wanted = wanted_lines(clients, book)
    rows = _differences(wanted, standing_lines(clients))
    if not rows:
        return 0
    batch_id = reserve_batch()
    accounting = lock_days(now=now)
    for row in rows:
        row.batch_id = batch_id
    _set_statement_days(rows, accounting)
    for row in rows:  # in order: a row may correct the one before it
        row.save(force_insert=True)
    total = add_up(_contributions(rows))
    write_days(total, accounting)
    post_to_ledger(total, known=book.memory.accounts, batch_id=batch_id, actor=_ACTOR, now=now)
    JudgeBatch.objects.create(
        pk=batch_id, server_id=server_id, kind=BatchKind.CPA, deals=len(clients), judged=len(rows), booked_at=now,
        booking_day=to_date(accounting.booking_day), closing_id=accounting.closing_id, **waiting.versions(server_id),
    )  # fmt: skip
    queue_recovering({row.client_id or 0 for row in rows})
    return len(rows)


def wanted_lines(clients: Mapping[int, ClientCpa], book: Book) -> dict[tuple[int, int], tuple[int, Wanted]]:
    """Return {(event, payee): (client, what shall stand)}."""
    found = {}
    for pk, client in clients.items():
        pays = client.result.pays
        days = days_of(np.array([pay.event.at_us for pay in pays], dtype=np.int64), book.zone).tolist()
        for pay, day in zip(pays, days, strict=True):
            payee = book.memory.payees[pay.member.ib_id, 0, pay.member.currency]
            wanted = Wanted(pay, payee, day, round(pay.amount * E8))
            if wanted.amount_e8:
                found[pay.event.deal_id, payee] = (pk, wanted)
    return found


def standing_lines(clients: Collection[int]) -> dict[tuple[int, int], Accrual]:
    """Return the newest line of each event and payee of the clients."""
    rows = Accrual.objects.filter(client_id__in=list(clients), kind=AccrualKind.CPA).order_by("revision")
    return {(row.deal_id or 0, row.payee_id): row for row in rows}


def _differences(
    wanted: Mapping[tuple[int, int], tuple[int, Wanted]], standing: Mapping[tuple[int, int], Accrual]
) -> list[Accrual]:
    rows: list[Accrual] = []
    for key, before in standing.items():
        after = wanted.get(key)
        amount = after[1].amount_e8 if after else 0
        moved = after is not None and to_date(after[1].day) != before.day
        if before.amount_e8 and (amount == 0 or moved):
            before = _taken_back(before)  # noqa: PLW2901 -- what stands now is that nothing does
            rows.append(before)
        if after is not None and amount != before.amount_e8:
            rows.append(_line(after[0], after[1], before))
    rows += [_line(client, each, None) for key, (client, each) in wanted.items() if key not in standing]
    return rows


def _taken_back(before: Accrual) -> Accrual:
    return Accrual(
        kind=AccrualKind.CPA, payee_id=before.payee_id, client_id=before.client_id, account_id=before.account_id,
        deal_id=before.deal_id, at=before.at, day=before.day, revision=before.revision + 1, amount_e8=0,
        booked_e8=-before.amount_e8, corrects=before, cause=AccrualCause.CORRECTION, version_id=before.version_id,
    )  # fmt: skip


def _line(client_id: int, wanted: Wanted, before: Accrual | None) -> Accrual:
    event = wanted.pay.event
    cause = AccrualCause.DEPOSIT if event.order[1] == 0 else AccrualCause.DEAL
    return Accrual(
        kind=AccrualKind.CPA, payee_id=wanted.payee, client_id=client_id, account_id=event.account_id,
        deal_id=event.deal_id, at=moment(event.at_us), day=to_date(wanted.day),
        revision=before.revision + 1 if before else 0, amount_e8=wanted.amount_e8,
        booked_e8=wanted.amount_e8 - (before.amount_e8 if before else 0), corrects=before,
        cause=AccrualCause.CORRECTION if before else cause, version_id=wanted.pay.member.version_id,
    )  # fmt: skip


def _set_statement_days(rows: Sequence[Accrual], accounting: AccountingDays) -> None:
    payees = np.array([row.payee_id for row in rows], dtype=np.int64)
    days = accounting.statement_days(payees, np.array([to_day(row.day) for row in rows], dtype=np.int64))
    for row, day in zip(rows, days.tolist(), strict=True):
        row.statement_day = to_date(day)


def _contributions(rows: Sequence[Accrual]) -> Contributions:
    """Return what the lines add to their payees' days: no deal, no lots, no symbol group."""
    nothing = [0] * len(rows)
    columns = (
        [row.payee_id for row in rows], [-row.account_id for row in rows], [to_day(row.day) for row in rows], nothing,
        [row.booked_e8 for row in rows], nothing, nothing,
    )  # fmt: skip
    return Contributions(*(np.array(column, dtype=np.int64) for column in columns))


def _note(row: CpaClient, client: ClientCpa) -> None:
    """Keep how far the client is worked out."""
    result = client.result
    latest: dict[str, int] = {}
    for currency, at_us in result.misses:
        latest[currency] = max(at_us, latest.get(currency, at_us))
    quiet = result.last if result.is_quiet else None
    row.is_stale = False
    row.seen_at = None if client.seen_us is None else moment(client.seen_us)
    row.quiet_ib_id = quiet.ib_id if quiet else None
    row.quiet_version_id = quiet.version_id if quiet else None
    row.missing = sorted(latest)
    row.missing_at = [moment(latest[currency]) for currency in row.missing]
    row.missing_groups = sorted(client.groups)
    row.save()
