"""The way of an account order: like a balance operation sent once, and read back when its outcome is in doubt.

A new account is found by the token in its ID field; everything else sets a value that the server can be asked for."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from crm.flows.once import Clock, call_once
from mt4bridge.models import MtServer
from mt4bridge.types import NewUser, PasswordKind, TradingServer, UserChanges, UserRow
from trading.operations.account_models import AccountOrder
from trading.operations.account_orders import confirm_order, refuse_order
from trading.operations.enums import OrderKind
from trading.operations.errors import SenderReplaced
from trading.operations.models import SendingRules
from trading.operations.moving import MOST_READS, ask_person, begin_sending, doubt, give_up_lost, note_reading
from trading.operations.order_queries import due_orders, orders_in_doubt

logger = logging.getLogger(__name__)

_PASSWORDS = {OrderKind.PASSWORD: PasswordKind.MAIN, OrderKind.INVESTOR: PasswordKind.INVESTOR}
MOST_SECONDS = timedelta(seconds=60)


def relay_orders(*, server: MtServer, gateway: TradingServer, rules: SendingRules, clock: Clock) -> int:
    """Settle what is in doubt on one server, then send what is due; return how many were sent.

    The caller holds the server's sending lock and is in no transaction.

    :raises BridgeError: the server cannot be reached; nothing was sent that is not noted."""
    started = clock()
    give_up_lost(rows=AccountOrder.objects.filter(server_id=server.pk), now=started)
    for order in orders_in_doubt(server_id=server.pk, now=started):
        _settle(order, gateway, rules, clock)
    done = 0
    while clock() - started < MOST_SECONDS:
        sent = sum(_send(order, gateway, rules, clock) for order in due_orders(server_id=server.pk, now=clock()))
        done += sent
        if not sent:
            break
    return done


def _send(order: AccountOrder, gateway: TradingServer, rules: SendingRules, clock: Clock) -> bool:
    """Send one order and note what came of it; False when it was not its turn."""
    server_now, refusal = gateway.server_time(), _broken_rule(order, gateway)
    if refusal and order.attempts == 0:
        refuse_order(order=order, reason=refusal, detail={}, now=clock())
        return True
    claimed = begin_sending(row=order, server_now=server_now, rules=rules, now=clock())
    if claimed is None:
        return False
    refuse = partial(_refuse, claimed)
    found = call_once(claimed, lambda: _carry_out(claimed, gateway), refuse=refuse, clock=clock)
    if found is not None:
        confirm_order(order=claimed, user=found[0], now=clock())
    return True


def _refuse(order: AccountOrder, *, reason: str, detail: dict[str, Any], now: datetime) -> None:
    """Take a no for what it is; a login that is taken, when we may have taken it ourselves, is a doubt."""
    if reason == "login_taken" and order.attempts > 1:
        doubt(row=order, reason=reason, detail=detail, now=now)
    else:
        refuse_order(order=order, reason=reason, detail=detail, now=now)


def _carry_out(order: AccountOrder, gateway: TradingServer) -> tuple[UserRow | None]:
    """Do what is ordered; return the account as the server has it then, where it says so."""
    main, investor = order.passwords()
    match order.kind:
        case OrderKind.OPEN:
            return (gateway.open_account(_new_user(order, main, investor)),)
        case OrderKind.LEVERAGE:
            return (gateway.update_user(login=order.login, changes=UserChanges(leverage=order.leverage)),)
        case OrderKind.AGENT:
            return (gateway.update_user(login=order.login, changes=UserChanges(agent=order.agent)),)
        case OrderKind.ARCHIVE:
            gateway.archive_user(order.login)
        case _:
            kind = _PASSWORDS[OrderKind(order.kind)]
            gateway.set_password(login=order.login, kind=kind, password=main or investor)
    return (None,)


def _new_user(order: AccountOrder, main: str, investor: str) -> NewUser:
    client, kind = order.client, order.account_type
    if kind is None or order.leverage is None:
        raise ValueError("an account is opened as one of the types")
    return NewUser(
        group=kind.mt_group.name, name=client.name, leverage=order.leverage, main_password=main,
        investor_password=investor, token=order.token, login=order.login, email=client.email, country=client.country,
        language=client.user.language if client.user else "", agent=order.agent or 0,
    )  # fmt: skip


def _broken_rule(order: AccountOrder, gateway: TradingServer) -> str:
    """Return why the broker's rules forbid the order, by what the server says of the account now; "" if they do not."""
    if order.kind not in (OrderKind.LEVERAGE, OrderKind.ARCHIVE):
        return ""
    states = gateway.account_states([order.login])
    if not states:
        return ""
    state = states[0]
    if order.kind == OrderKind.ARCHIVE:
        return "not_empty" if state.margin or state.balance or gateway.positions([order.login]) else ""
    if not state.margin:
        return ""
    least = order.account_type.leverage_margin_percent if order.account_type else None
    if least is None or order.leverage is None or order.account is None:
        return "leverage_positions"
    margin_then = state.margin * Decimal(order.account.leverage) / Decimal(order.leverage)
    return "" if state.equity * 100 >= margin_then * least else "leverage_positions"


def _settle(order: AccountOrder, gateway: TradingServer, rules: SendingRules, clock: Clock) -> None:
    """Ask the server whether a doubtful order was carried out, and go on by its answer."""
    try:
        found = _look(order, gateway)
        if len(found) == 1:
            confirm_order(order=order, user=found[0], now=clock())
        elif len(found) > 1:
            detail = {"count": len(found), "tickets": ", ".join(str(user.login) for user in found if user)}
            ask_person(row=order, reason="doubled", detail=detail, now=clock())
        else:
            noted = note_reading(row=order, empty=True, rules=rules, now=clock())
            _decide_absence(noted, gateway, rules, clock)
    except SenderReplaced:
        logger.info("another worker settles this order", extra={"token": order.token})


def _decide_absence(order: AccountOrder, gateway: TradingServer, rules: SendingRules, clock: Clock) -> None:
    """After two empty readings behind the settle window: send again with the same token, or ask a person."""
    if order.empty_reads >= 2:
        if order.attempts < rules.max_attempts:
            _send(order, gateway, rules, clock)
        else:
            ask_person(row=order, reason="never_applied", detail={"attempts": order.attempts}, now=clock())
    elif order.reads >= MOST_READS:
        ask_person(row=order, reason="unsettled", detail={"reads": order.reads}, now=clock())


def _look(order: AccountOrder, gateway: TradingServer) -> list[UserRow | None]:
    """Return one item when the order is carried out, none when it is not, several when it was so more than once."""
    if order.kind == OrderKind.OPEN:
        group = order.account_type.mt_group.name if order.account_type else "*"
        return list(gateway.users_by_token(order.token, group))
    if order.kind in _PASSWORDS:
        main, investor = order.passwords()
        kind = _PASSWORDS[OrderKind(order.kind)]
        return [None] if gateway.check_password(login=order.login, kind=kind, password=main or investor) else []
    user = gateway.user(order.login)
    if order.kind == OrderKind.ARCHIVE:
        return [None] if user is None else []
    if user is None:
        return []
    is_set = user.leverage == order.leverage if order.kind == OrderKind.LEVERAGE else user.agent == order.agent
    return [user] if is_set else []
