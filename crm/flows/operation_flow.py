"""The way of a balance operation: claim, send once, confirm; whatever is in doubt is read back before anything else.

One sender a server at a time holds `sending_lock`; no transaction is open while the server is called."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from core.errors import DomainError
from core.money import to_e8
from crm.flows.account_order_flow import relay_orders
from crm.flows.once import call_once
from mt4bridge.errors import BridgeError
from mt4bridge.models import MtServer
from mt4bridge.types import BadRow, DealRow, TradingServer
from trading.operations import moving, sending
from trading.operations.enums import OperationKind
from trading.operations.errors import SenderReplaced
from trading.operations.models import BalanceOperation, SendingRules
from trading.operations.moving import MOST_READS
from trading.operations.queries import due_doubtful, due_planned
from trading.operations.readback import Finding, ReadBack, judge_reading

logger = logging.getLogger(__name__)

MOST_SECONDS = timedelta(seconds=60)  # a round ends well before the workers' limit; the next one goes on
LOOK_BACK = timedelta(minutes=5)
AHEAD = timedelta(minutes=1)  # read past the server's clock: it tells whole seconds


@dataclass(slots=True)
class RelayOutcome:
    """What one round of a server did."""

    resumed: int = 0
    sent: int = 0
    settled: int = 0


def relay(*, server: MtServer, gateway: TradingServer, clock: Callable[[], datetime]) -> RelayOutcome:
    """Settle what is in doubt on one server, then send what is due, oldest first, one account at a time.

    The caller holds the server's sending lock and is in no transaction.

    :raises BridgeError: the server cannot be reached; nothing was sent that is not noted."""
    done, started = RelayOutcome(), clock()
    done.resumed = moving.give_up_lost(rows=BalanceOperation.objects.filter(server_id=server.pk), now=started)
    rules = moving.rules_of(server.pk)
    for operation in due_doubtful(server_id=server.pk, now=started):
        done.settled += _settled(operation, gateway, rules, clock)
    while clock() - started < MOST_SECONDS:
        due = due_planned(server_id=server.pk, now=clock())
        sent = sum(_send(operation, gateway, rules, clock) for operation in due)
        done.sent += sent
        if not sent:
            break
    done.sent += relay_orders(server=server, gateway=gateway, rules=rules, clock=clock)
    return done


def _send(
    operation: BalanceOperation, gateway: TradingServer, rules: SendingRules, clock: Callable[[], datetime]
) -> bool:
    """Send one operation and note what came of it; False when it was not its turn."""
    server_now, balance = gateway.server_time(), _balance(gateway, operation)
    claimed = moving.begin_sending(
        row=operation, server_now=server_now, rules=rules, now=clock(), balance_before=balance
    )
    if claimed is None:
        return False
    receipt = call_once(
        claimed,
        lambda: gateway.change_balance(
            login=claimed.account.login, kind=claimed.kind, amount=claimed.amount, token=claimed.ref,
            note=claimed.note, check_margin=claimed.check_margin,
        ),
        refuse=partial(sending.refuse, operation=claimed),
        clock=clock,
    )  # fmt: skip
    if receipt is not None:
        _confirm_receipt(claimed, receipt.ticket, gateway, clock)
    return True


def _confirm_receipt(
    operation: BalanceOperation, ticket: int, gateway: TradingServer, clock: Callable[[], datetime]
) -> None:
    """Confirm what the server said it did, once its deal is seen; until then it is in doubt like any other."""
    try:
        reading = _judged(operation, gateway.deals_by_ticket([ticket]) if ticket else [])
        balance = _balance(gateway, operation) if reading.finding == Finding.APPLIED else None
    except BridgeError as error:
        logger.info("a confirmed operation could not be read yet", extra={"ref": operation.ref, "code": error.code})
        reading, balance = ReadBack(Finding.ABSENT), None
    if reading.finding == Finding.APPLIED:
        sending.confirm(operation=operation, deal=reading.deals[0], balance_after=balance, now=clock())
    else:
        moving.doubt(row=operation, reason="answer_unconfirmed", detail={}, now=clock())


def _settled(
    operation: BalanceOperation, gateway: TradingServer, rules: SendingRules, clock: Callable[[], datetime]
) -> bool:
    """Read one doubtful operation back; return whether it has left the doubt."""
    try:
        reading = _judged(operation, _read(operation, gateway))
        if reading.finding == Finding.APPLIED:
            deal, balance = reading.deals[0], _balance(gateway, operation)
            sending.confirm(operation=operation, deal=deal, balance_after=balance, now=clock())
            return True
        if reading.finding in (Finding.DOUBLED, Finding.DIFFERS):
            detail = {"count": len(reading.deals), "tickets": reading.tickets}
            moving.ask_person(row=operation, reason=reading.finding.value, detail=detail, now=clock())
            return True
        noted = moving.note_reading(row=operation, empty=reading.finding == Finding.ABSENT, rules=rules, now=clock())
        return _decide_absence(noted, gateway, rules, clock)
    except SenderReplaced:
        logger.info("another worker settles this operation", extra={"ref": operation.ref})
        return False
    except DomainError as error:  # the ledger refuses: a person has to look, the others go on
        logger.exception("an operation could not be booked", extra={"ref": operation.ref, "code": error.code})
        detail = {"why": str(error)}
        moving.ask_person(row=operation, reason="not_booked", detail=detail, now=clock())
        return True


def _decide_absence(
    operation: BalanceOperation, gateway: TradingServer, rules: SendingRules, clock: Callable[[], datetime]
) -> bool:
    """After two empty readings behind the settle window: send again with the same reference, or ask a person."""
    if operation.empty_reads >= 2:
        if operation.attempts < rules.max_attempts:
            return _send(operation, gateway, rules, clock)
        detail = {"attempts": operation.attempts}
        moving.ask_person(row=operation, reason="never_applied", detail=detail, now=clock())
        return True
    if operation.reads >= MOST_READS:
        moving.ask_person(row=operation, reason="unsettled", detail={"reads": operation.reads}, now=clock())
        return True
    return False


def _read(operation: BalanceOperation, gateway: TradingServer) -> Sequence[DealRow | BadRow]:
    """Read the account's deals since shortly before the first sending, by the earlier of both clocks."""
    server_now = gateway.server_time()
    first = operation.first_sent_at or operation.planned_at
    return gateway.deals_of_login(
        login=operation.account.login, since=min(first, server_now) - LOOK_BACK, until=server_now + AHEAD
    )


def _judged(operation: BalanceOperation, rows: Sequence[DealRow | BadRow]) -> ReadBack:
    return judge_reading(
        rows, ref=operation.ref, login=operation.account.login, kind=operation.kind, amount_e8=to_e8(operation.amount)
    )


def _balance(gateway: TradingServer, operation: BalanceOperation) -> Decimal | None:
    """Return what the server says of the account now: its credit for a credit operation, else its balance."""
    states = gateway.account_states([operation.account.login])
    if not states:
        return None
    return states[0].credit if operation.kind == OperationKind.CREDIT else states[0].balance
