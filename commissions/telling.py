"""Tell payees and IBs what was decided about their money, in the transaction that decides it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clients.models import Client
from commissions.consent.queries import Pending
from commissions.levels.models import LevelPlacement
from commissions.models import Payee
from commissions.settlement.models import Statement
from core.money import minor_digits
from ib.models import IB
from notifications.services import queue_notice
from notifications.types import Recipient
from tenancy.context import current_broker

_DAY = timedelta(days=1)


def recipient_of_client(client: Client) -> Recipient:
    """Return where a client is told: its address, and its sign-in if it has one."""
    user = client.user
    return Recipient(
        user_id=user.pk if user else None, name=client.name, email=client.email, phone=client.phone,
        language=user.language if user else "",
    )  # fmt: skip


def recipient_of_ib(ib: IB) -> Recipient | None:
    """Return where an IB is told: its own sign-in, else the client that it is; None when nobody is known."""
    if ib.user is not None:
        return Recipient(user_id=ib.user.pk, name=ib.name, email=ib.user.email, language=ib.user.language)
    return recipient_of_client(ib.client) if ib.client is not None else None


def recipient_of_payee(payee: Payee) -> Recipient | None:
    """Return where a payee is told."""
    if payee.ib is not None:
        return recipient_of_ib(payee.ib)
    return recipient_of_client(payee.client) if payee.client is not None else None


def tell_statement(*, kind: str, statement: Statement, now: datetime) -> None:
    """Tell the payee that a statement is approved or paid (`kind`), once."""
    to = recipient_of_payee(statement.payee)
    if to is None:
        return
    currency = statement.payee.currency
    params = {
        "amount": f"{statement.payable:,.{minor_digits(currency)}f}", "currency": currency,
        "first": statement.from_day.isoformat(), "last": (statement.to_day - _DAY).isoformat(),
    }  # fmt: skip
    queue_notice(kind=kind, to=to, params=params, key=f"{kind}:{statement.pk}", now=now)


def tell_level(*, placement: LevelPlacement, level_name: str, now: datetime) -> None:
    """Tell an IB the level that it has from a day on, once."""
    to = recipient_of_ib(placement.ib)
    if to is None:
        return
    day = placement.active_from.astimezone(ZoneInfo(current_broker().settlement_zone)).date()
    params = {"level": level_name, "from_day": day.isoformat()}
    queue_notice(kind="level_changed", to=to, params=params, key=f"level_changed:{placement.pk}", now=now)


def tell_plan(*, ib: IB, pending: Pending, now: datetime) -> None:
    """Tell an IB that a version of its plan, or an offer, waits for it, once."""
    to = recipient_of_ib(ib)
    if to is None:
        return
    what = f"offer:{pending.offer.pk}" if pending.offer else str(pending.version.pk)
    key = f"plan_to_accept:{ib.pk}:{what}"
    queue_notice(kind="plan_to_accept", to=to, params={"plan": pending.plan.name}, key=key, now=now)
