"""Pay: move what is approved, or what real time owes, from what is accrued to the wallet; each payout once."""

import logging
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from access.services import record_audit
from access.types import Actor
from commissions.enums import PayeeKind
from commissions.models import Payee
from commissions.settlement.days import lock_days, settlement_day, to_date
from commissions.settlement.enums import STATEMENT_MOVES, Cycle, Destination, PayoutState, StatementState
from commissions.settlement.making import latest_statement, lines_between, lock_payee, paid_so_far
from commissions.settlement.models import Payout, SettlementTerms, Statement
from commissions.settlement.progress import note_paid, paid_until
from commissions.settlement.reckoning import payable_now
from commissions.settlement.terms import TermsInForce, terms_in_force
from commissions.telling import tell_statement
from core import jobs
from core.enums import JobState
from core.models import Job
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.services import ensure_accounts, hold_funds, post_entry
from ledger.types import AccountSpec, EntrySpec, HoldSpec, credit, debit

logger = logging.getLogger(__name__)

PAY_JOB = "commissions.pay_statement"
_SETTLER = Actor.system("settlement")


def pay_approved(*, now: datetime, seconds: float | None = None) -> int:
    """Pay every approved statement, each in its own transaction; return how many were paid.

    What fails is logged and tried again by a job, and stops nobody else. After so many seconds none is begun."""
    paid, began = 0, time.monotonic()
    for pk in list(_to_pay()):
        try:
            paid += pay_statement(statement_id=pk, now=now)
        except Exception:
            logger.exception("a statement could not be paid", extra={"statement_id": pk})
            jobs.enqueue(PAY_JOB, key=f"{PAY_JOB}:{pk}", now=now, statement_id=pk)
        if seconds is not None and time.monotonic() - began >= seconds:
            break
    return paid


def has_unpaid() -> bool:
    """Return whether an approved statement waits to be paid, and not for its job."""
    return _to_pay().exists()


def _to_pay() -> QuerySet[Statement, int]:
    tried = Job.objects.exclude(state=JobState.DONE).filter(name=PAY_JOB).values_list("params__statement_id", flat=True)
    rows = Statement.objects.filter(state=StatementState.APPROVED).exclude(pk__in=list(tried)).order_by("pk")
    return rows.values_list("pk", flat=True)


@transaction.atomic
def pay_statement(*, statement_id: int, now: datetime) -> bool:
    """Pay an approved statement into its payee's wallet; False when it is not approved (any more).

    With a trading account as destination the money is set aside in the wallet and waits for its transfer."""
    statement = Statement.objects.select_for_update(of=("self",)).get(pk=statement_id)
    if statement.state != StatementState.APPROVED:
        return False
    payout = _pay(statement, statement.payable, now=now)
    waits = payout.state == PayoutState.WAITING
    state = StatementState.WAITING if waits else StatementState.PAID
    if state not in STATEMENT_MOVES[StatementState(statement.state)]:
        raise ValueError(f"a statement does not go from {statement.state} to {state}")
    statement.state, statement.paid_at = state, None if waits else now
    statement.save(update_fields=["state", "paid_at"])
    record_audit(
        actor=_SETTLER, action="commissions.pay_statement", object_type="statement", object_id=statement.pk, now=now,
        before={"state": StatementState.APPROVED}, after={"state": state, "payout": payout.pk, "amount": payout.amount},
    )  # fmt: skip
    if state == StatementState.PAID:
        tell_statement(kind="statement_paid", statement=statement, now=now)
    return True


def pay_real_time(*, now: datetime, seconds: float | None = None) -> int:
    """Pay everybody settled in real time what stands unpaid; return how many payouts were made.

    After so many seconds nobody is begun, and the next call goes on there; `paid_until` says where, 0 for nowhere."""
    if not SettlementTerms.objects.filter(cycle=Cycle.REAL_TIME).exists():
        return 0
    after = paid_until()
    payees = list(Payee.objects.filter(pk__gt=after).order_by("pk"))
    terms = terms_in_force(payees=payees, day=settlement_day(now))
    paid, began = 0, time.monotonic()
    for payee in payees:
        if terms[payee.pk].cycle == Cycle.REAL_TIME and not terms[payee.pk].is_held:
            try:
                paid += pay_running(payee=payee, now=now) is not None
            except Exception:
                logger.exception("a real-time payout failed", extra={"payee_id": payee.pk})
            if seconds is not None and time.monotonic() - began >= seconds:
                note_paid(payee_id=payee.pk)
                return paid
    if after:
        note_paid(payee_id=0)
    return paid


@transaction.atomic
def pay_running(*, payee: Payee, now: datetime) -> Payout | None:
    """Pay what today's lines and the past left unpaid, in whole minor units from the minimum on; None: nothing yet.

    Days before today must be stated: until they are, their own statement is still to come."""
    lock_payee(payee.pk)
    accounting = lock_days(now=now)
    today = to_date(accounting.booking_day)
    terms = terms_in_force(payees=[payee], day=today)[payee.pk]
    if terms.cycle != Cycle.REAL_TIME or terms.is_held:
        return None
    latest = latest_statement(payee.pk)
    running = latest if latest is not None and latest.state == StatementState.OPEN else None
    if running is not None and running.from_day != today:
        return None
    earlier_from = latest.to_day if latest is not None and running is None else today if running else date.min
    if lines_between(payee_id=payee.pk, first=earlier_from, until=today):
        return None
    lines = lines_between(payee_id=payee.pk, first=today, until=today + timedelta(days=1))
    earned = sum((each.amount for each in lines), Decimal(0))
    if running is not None:
        earned += running.carried_in + running.due_in - paid_so_far(running)
    elif latest is not None:
        earned += latest.carried_out + latest.due_out
    amount = payable_now(earned=earned, minimum=terms.minimum, currency=payee.currency)
    if not amount:
        return None
    return _pay(running or _open(payee, latest, terms, today), amount, now=now)


def _open(payee: Payee, before: Statement | None, terms: TermsInForce, day: date) -> Statement:
    return Statement.objects.create(
        payee=payee, previous=before, cycle=Cycle.REAL_TIME, from_day=day, to_day=day + timedelta(days=1),
        state=StatementState.OPEN, carried_in=before.carried_out if before else Decimal(0),
        due_in=before.due_out if before else Decimal(0), destination=terms.destination,
        mt_account_id=terms.mt_account_id,
    )  # fmt: skip


def _pay(statement: Statement, amount: Decimal, *, now: datetime) -> Payout:
    """Book a payout of a statement that the caller has locked."""
    payee, number = statement.payee, statement.payouts.count() + 1
    owner = (OwnerType.IB, payee.ib_id) if payee.kind == PayeeKind.IB else (OwnerType.CLIENT, payee.client_id)
    spec = AccountSpec(AccountKind.WALLET, payee.currency, owner[0], owner[1] or 0)
    wallet = ensure_accounts(specs=[spec], now=now)[spec.code]
    key = f"payout:{statement.pk}:{number}"
    entry = EntrySpec(
        idempotency_key=key, kind=EntryKind.REBATE_SETTLEMENT, at=now, description="rebate_settlement",
        postings=(debit(payee.ledger_account_id, amount), credit(wallet, amount)),
        params={"statement_id": statement.pk, "number": number},
    )  # fmt: skip
    posted = post_entry(entry=entry, actor=_SETTLER, now=now)
    to_mt = statement.destination == Destination.MT_ACCOUNT
    hold_id = None
    if to_mt:
        hold_id = hold_funds(hold=HoldSpec(key, wallet, amount, "transfer_to_mt"), actor=_SETTLER, now=now).pk
    return Payout.objects.create(
        statement=statement, number=number, amount=amount, destination=statement.destination,
        mt_account_id=statement.mt_account_id, state=PayoutState.WAITING if to_mt else PayoutState.PAID,
        entry_id=posted.entry_id, hold_id=hold_id, paid_at=now,
    )  # fmt: skip
