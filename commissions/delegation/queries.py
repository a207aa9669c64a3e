"""Reads of delegation: what an IB may pass on, what it does, and what is left for itself."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from commissions.consent.queries import newest_version, policy_of
from commissions.delegation.deriving import key_of, part_of
from commissions.delegation.enums import Receiver
from commissions.delegation.following import read, rows_of
from commissions.delegation.models import Delegation, DerivedPlan
from commissions.delegation.sources import source_plan
from commissions.models import Plan, PlanAssignment, PlanVersion
from commissions.terms import Rate, Terms, UplineMode
from ib.models import IB
from ib.queries import agreement_at

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Paying:
    """By what an IB is paid at a moment: the plan, its version, and the broker's plan that sets the limits."""

    plan: Plan
    version: PlanVersion
    terms: Terms
    limits: Plan


@dataclass(frozen=True, slots=True)
class Margin:
    """One rate of the giver: its own, what goes on, what is left. In the unit of the rate; never below zero."""

    rate: Rate
    percent: Decimal
    given: Decimal
    kept: Decimal


def paying_at(ib: IB, *, at: datetime) -> Paying | None:
    """Return by what the IB is paid at a moment; None: by nothing."""
    during = Q(active_from__lte=at) & (Q(active_to__isnull=True) | Q(active_to__gt=at))
    assignment = PlanAssignment.objects.filter(during, ib=ib).select_related("plan", "version").first()
    if assignment is None:
        return None
    version = assignment.version or newest_version(assignment.plan, at=at)
    if version is None:
        return None
    return Paying(assignment.plan, version, read(version), brokers_plan(assignment.plan, at=at))


def brokers_plan(plan: Plan, *, at: datetime) -> Plan:
    """Return the plan of the broker that a derived one goes back to at a moment; itself when it is one."""
    derived = DerivedPlan.objects.filter(plan=plan).select_related("source").first()
    return brokers_plan(source_plan(derived, at=at), at=at) if derived else plan


def receiver_of(paying: Paying) -> Receiver | None:
    """Return how shares go to IBs below under this version; None: its mode passes nothing on."""
    modes = {UplineMode.DIFFERENCE: Receiver.RATES, UplineMode.SPLIT: Receiver.SPLIT}
    return modes.get(paying.terms.upline.mode)


def most_for_sub(paying: Paying) -> Decimal | None:
    """Return the most percent that may go to an IB below; None: nothing may."""
    return policy_of(paying.limits).sub_percent_most


def most_for_clients(paying: Paying) -> Decimal | None:
    """Return the most percent that may go to the own clients; None: nothing may."""
    return policy_of(paying.limits).client_percent_most


def derived_of(ib: IB) -> DerivedPlan | None:
    """Return the plan derived for the IB."""
    return DerivedPlan.objects.filter(owner=ib).select_related("plan", "source").first()


def last_number(*, giver: IB, receiver: Receiver, ib: IB | None) -> int:
    """Return how many times the giver has decided about this receiver."""
    rows = Delegation.objects.filter(giver=giver, receiver=receiver, ib=ib)
    return rows.order_by("-number").values_list("number", flat=True).first() or 0


def margins(*, giver: IB, child: IB, at: datetime) -> list[Margin]:
    """Return for each of the giver's rates what goes to the IB below and what is left."""
    paying = paying_at(giver, at=at)
    if paying is None:
        return []
    if receiver_of(paying) is Receiver.SPLIT:
        keeps = agreement_at(ib=child, at=at).keep_percent
        whole = HUNDRED if keeps is None else keeps
        return [_margin(rate, whole) for rate in paying.terms.rates]
    derived = derived_of(child)
    if derived is None or derived.giver_id != giver.pk:
        return [_margin(rate, Decimal(0)) for rate in paying.terms.rates]
    rows = rows_of(derived)
    return [_margin(rate, rows.get(key_of(rate), derived.percent)) for rate in paying.terms.rates]


def client_margins(*, giver: IB, at: datetime) -> list[Margin]:
    """Return for each of the giver's rates what goes to its direct clients and what is left."""
    paying = paying_at(giver, at=at)
    if paying is None:
        return []
    percent = paying.terms.client_rebate_percent or Decimal(0)
    return [_margin(rate, percent) for rate in paying.terms.rates]


def _margin(rate: Rate, percent: Decimal) -> Margin:
    given = part_of(rate.value, percent)
    return Margin(rate, percent, given, rate.value - given)


def is_brokers(child: IB, *, at: datetime) -> bool:
    """Say whether the IB is paid by a plan that the broker gave it, which IBs above leave alone."""
    ahead = Q(active_to__isnull=True) | Q(active_to__gt=at)
    rows = PlanAssignment.objects.filter(ahead, ib=child)
    return rows.exclude(plan__derived__giver__isnull=False).exists()
