"""Make changes by the services that make them everywhere else, and the right that each takes."""

from collections.abc import Sequence
from datetime import datetime

from access.types import Actor
from clients.models import Client
from commissions.models import Plan
from commissions.services import assign_plan, publish_plan_version
from commissions.symbols import classify_symbols
from commissions.whatif.changes import (
    AssignPlan,
    Change,
    ClassifySymbols,
    MoveAccount,
    MoveClient,
    MoveIb,
    PublishRate,
    PublishVersion,
    ReleaseAccount,
    SetAgreement,
    SetLotFactor,
)
from core.errors import Forbidden
from ib.models import IB
from ib.services import move_account, move_client, move_ib, release_account, set_agreement
from ib.types import Terms
from trading.models import MtGroup, SymbolGroup, TradingAccount
from trading.rates import publish_rate
from trading.services import set_lot_factor

RIGHTS: dict[type[Change], str] = {
    PublishVersion: "commissions.edit_plan",
    AssignPlan: "commissions.assign_plan",
    SetAgreement: "ib.edit_agreement",
    MoveIb: "ib.move_ib",
    MoveClient: "ib.move_ib",
    MoveAccount: "ib.move_ib",
    ReleaseAccount: "ib.move_ib",
    SetLotFactor: "trading.set_lot_factor",
    PublishRate: "trading.publish_rate",
    ClassifySymbols: "trading.classify_symbol",
}


def require_rights(changes: Sequence[Change], actor: Actor) -> None:
    """Refuse an actor who may not make one of the changes.

    :raises Forbidden: a right is missing."""
    if not all(actor.has(RIGHTS[type(change)]) for change in changes):
        raise Forbidden


def apply_changes(changes: Sequence[Change], *, reason: str, actor: Actor, now: datetime) -> None:
    """Make the changes, in their order, in the caller's transaction. Raises whatever the services refuse."""
    for change in changes:
        if isinstance(change, PublishVersion | AssignPlan):
            _apply_to_plans(change, actor=actor, now=now)
        elif isinstance(change, SetLotFactor | PublishRate | ClassifySymbols):
            _apply_to_market(change, reason=reason, actor=actor, now=now)
        else:
            _apply_to_network(change, reason=reason, actor=actor, now=now)


def _apply_to_plans(change: PublishVersion | AssignPlan, *, actor: Actor, now: datetime) -> None:
    match change:
        case PublishVersion(plan_id, terms, effective_from):
            plan = Plan.objects.get(pk=plan_id)
            publish_plan_version(plan=plan, terms=terms, effective_from=effective_from, actor=actor, now=now)
        case AssignPlan(ib_id, None, at):
            assign_plan(ib=IB.objects.get(pk=ib_id), plan=None, at=at, actor=actor, now=now)
        case AssignPlan(ib_id, int(plan_id), at):
            plan = Plan.objects.get(pk=plan_id)
            assign_plan(ib=IB.objects.get(pk=ib_id), plan=plan, at=at, actor=actor, now=now)


def _apply_to_market(
    change: SetLotFactor | PublishRate | ClassifySymbols, *, reason: str, actor: Actor, now: datetime
) -> None:
    match change:
        case SetLotFactor(mt_group_id, lot_factor):
            group = MtGroup.objects.get(pk=mt_group_id)
            set_lot_factor(mt_group=group, lot_factor=lot_factor, actor=actor, now=now)
        case PublishRate(base, quote, rate, at):
            publish_rate(base=base, quote=quote, rate=rate, at=at, reason=reason, actor=actor, now=now)
        case ClassifySymbols(symbol_ids, group_id):
            symbol_group = SymbolGroup.objects.get(pk=group_id)
            classify_symbols(symbol_ids=symbol_ids, group=symbol_group, actor=actor, now=now)


def _apply_to_network(
    change: SetAgreement | MoveIb | MoveClient | MoveAccount | ReleaseAccount, *, reason: str, actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    match change:
        case SetAgreement(ib_id, keep_percent, rank, active, at):
            terms, ib = Terms(keep_percent=keep_percent, rank=rank, active=active), IB.objects.get(pk=ib_id)
            set_agreement(ib=ib, terms=terms, at=at, reason=reason, actor=actor, now=now)
        case MoveIb(ib_id, parent_id, at):
            ib, parent = IB.objects.get(pk=ib_id), _ib(parent_id)
            move_ib(ib=ib, parent=parent, at=at, reason=reason, actor=actor, now=now)
        case MoveClient(client_id, ib_id, at):
            client = Client.objects.get(pk=client_id)
            move_client(client=client, ib=_ib(ib_id), at=at, reason=reason, actor=actor, now=now)
        case MoveAccount(account_id, ib_id, at):
            account = TradingAccount.objects.get(pk=account_id)
            move_account(account=account, ib=_ib(ib_id), at=at, reason=reason, actor=actor, now=now)
        case ReleaseAccount(account_id, at):
            account = TradingAccount.objects.get(pk=account_id)
            release_account(account=account, at=at, reason=reason, actor=actor, now=now)


def _ib(pk: int | None) -> IB | None:
    return None if pk is None else IB.objects.get(pk=pk)
