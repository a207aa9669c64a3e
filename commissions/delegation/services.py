"""Writes of delegation: an IB sets the share of one below it or of its clients, from this moment on.

All of it lands in what the engine knows already: plan versions, assignments, agreements (decision 0016)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from commissions.delegation.deriving import Key, key_of
from commissions.delegation.enums import Receiver
from commissions.delegation.errors import (
    ChangedMeanwhile,
    NotAllowed,
    NothingToPassOn,
    NotYourOwn,
    OverTheLimit,
    PaidByBroker,
    TiersBelowOne,
)
from commissions.delegation.following import republish
from commissions.delegation.models import Delegation, DerivedPlan
from commissions.delegation.queries import (
    Paying,
    derived_of,
    is_brokers,
    last_number,
    most_for_clients,
    most_for_sub,
    paying_at,
    receiver_of,
)
from commissions.models import Plan, PlanVersion
from commissions.services import PlanSame, assign_plan, hold_plans
from core.errors import Forbidden
from ib.models import IB
from ib.queries import agreement_at, parent_at
from ib.services import AlreadyThere, set_agreement
from ib.services.state import lock_network
from ib.types import Terms as Agreed


@transaction.atomic
def set_sub_share(
    *, giver: IB, child: IB, percent: Decimal, rows: Mapping[Key, Decimal], seen: int, actor: Actor, now: datetime
) -> Delegation:
    """Let the IB directly below get this share of the giver's rates from now on: `percent` of each, or that of its row.

    `seen`: number of the decision that the giver has read.

    :raises NotYourOwn: the IB does not stand directly below the giver.
    :raises NotAllowed: the giver's plan passes nothing on.
    :raises OverTheLimit: more than the broker allows.
    :raises PaidByBroker: the IB has a plan of the broker's.
    :raises ChangedMeanwhile: somebody decided since."""
    paying = _held(giver, actor, now)
    receiver, most = receiver_of(paying), most_for_sub(paying)
    if parent_at(ib=child, at=now) != giver:
        raise NotYourOwn
    if receiver is None or most is None:
        raise NotAllowed
    _within(most, percent, *rows.values())
    number = _next(giver, receiver, child, seen)
    if receiver is Receiver.SPLIT:
        version = None
        _keep(child, percent, actor, now)
    else:
        known = {key_of(rate) for rate in paying.terms.rates}
        version = _give_rates(giver, child, paying, percent, {k: v for k, v in rows.items() if k in known}, actor, now)
    return _record(giver, receiver, child, number, percent, rows, version, actor, now)


@transaction.atomic
def set_client_share(*, giver: IB, percent: Decimal, seen: int, actor: Actor, now: datetime) -> Delegation:
    """Let the giver's direct clients get this share of its pay from now on. Raises as `set_sub_share`."""
    paying = _held(giver, actor, now)
    most = most_for_clients(paying)
    if most is None:
        raise NotAllowed
    _within(most, percent)
    number = _next(giver, Receiver.CLIENTS, None, seen)
    derived = derived_of(giver)
    if derived is None or derived.plan_id != paying.plan.pk:
        derived = _derived(owner=giver, source=paying.plan, giver=None, now=now)
        derived.percent, derived.rows = Decimal(100), []
    derived.client_percent = percent
    derived.save()
    version = republish(derived=derived, at=now, actor=actor, now=now)
    _assign(giver, derived.plan, actor, now)
    return _record(giver, Receiver.CLIENTS, None, number, percent, {}, version, actor, now)


def _held(giver: IB, actor: Actor, now: datetime) -> Paying:
    """Hold network and plans, in the order that all others take them, and return by what the giver is paid."""
    if actor.ib_id != giver.pk:
        raise Forbidden
    lock_network()
    hold_plans()
    paying = paying_at(giver, at=now)
    if paying is None:
        raise NothingToPassOn
    return paying


def _within(most: Decimal, *percents: Decimal) -> None:
    if any(not 0 <= percent <= most for percent in percents):
        raise OverTheLimit(field="percent", most=f"{most.normalize():f}")


def _next(giver: IB, receiver: Receiver, ib: IB | None, seen: int) -> int:
    number = last_number(giver=giver, receiver=receiver, ib=ib)
    if number != seen:
        raise ChangedMeanwhile
    return number + 1


def _keep(child: IB, percent: Decimal, actor: Actor, now: datetime) -> None:
    before = agreement_at(ib=child, at=now)
    terms = Agreed(keep_percent=percent, rank=before.rank, active=before.active)
    try:
        set_agreement(ib=child, terms=terms, at=now, actor=actor, now=now)
    except AlreadyThere:
        return  # the share was the same: the decision alone is new


def _give_rates(
    giver: IB, child: IB, paying: Paying, percent: Decimal, rows: Mapping[Key, Decimal], actor: Actor, now: datetime
) -> PlanVersion:
    if is_brokers(child, at=now):
        raise PaidByBroker(ib=child.name)
    tiers = paying.terms.tiers
    if tiers is not None and any(step.factor < 1 for step in tiers.steps):
        raise TiersBelowOne
    derived = derived_of(child) or _derived(owner=child, source=paying.plan, giver=giver, now=now)
    derived.giver, derived.source, derived.percent = giver, paying.plan, percent
    derived.rows = [_plain(key, share) for key, share in rows.items()]
    derived.save()
    version = republish(derived=derived, at=now, actor=actor, now=now)
    _assign(child, derived.plan, actor, now)
    return version


def _derived(*, owner: IB, source: Plan, giver: IB | None, now: datetime) -> DerivedPlan:
    """Return the IB's derived plan, made when it has none."""
    found = derived_of(owner)
    if found is not None:
        found.giver, found.source = giver, source
        return found
    plan, _made = Plan.objects.get_or_create(
        code=f"shared-{owner.pk}", defaults={"name": owner.name[:120], "created_at": now}
    )
    return DerivedPlan(plan=plan, source=source, owner=owner, giver=giver)


def _assign(ib: IB, plan: Plan, actor: Actor, now: datetime) -> None:
    try:
        assign_plan(ib=ib, plan=plan, at=now, actor=actor, now=now)
    except PlanSame:
        return  # its plan already: the new version alone changes what it pays


def _plain(key: Key, percent: Decimal) -> dict[str, Any]:
    named = {name: text for name, text in zip(("symbol", "symbol_group", "mt_group"), key, strict=True) if text}
    return {**named, "percent": f"{percent:f}"}


def _record(
    giver: IB, receiver: Receiver, ib: IB | None, number: int, percent: Decimal, rows: Mapping[Key, Decimal],
    version: PlanVersion | None, actor: Actor, now: datetime,
) -> Delegation:  # fmt: skip
    plain = [_plain(key, share) for key, share in rows.items()]
    delegation = Delegation.objects.create(
        giver=giver, receiver=receiver, ib=ib, number=number, percent=percent, rows=plain, version=version,
        effective_from=now, recorded_by=actor.label,
    )  # fmt: skip
    record_audit(
        actor=actor, action="commissions.delegate", object_type="ib", object_id=giver.pk, before=None,
        after={"to": ib.code if ib else "clients", "percent": percent, "rows": plain, "number": number}, now=now,
    )  # fmt: skip
    return delegation
