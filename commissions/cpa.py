"""What a client's deposits and deals earn its direct IBs as CPA, and how an advance is held back. Pure.

Source: the scenario specification, "CPA"; decision 0013 for what it leaves open."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from commissions.terms import Cpa

_ZERO = Fraction(0)
Order = tuple[int, ...]


class Miss(NamedTuple):
    """A rate that a payment needed: of a currency against USD, at a moment."""

    currency: str
    at_us: int


class CpaEvent(NamedTuple):
    """A deposit or withdrawal (`deposit` in `currency`, below zero for a withdrawal), or a deal."""

    order: Order
    deal_id: int
    account_id: int
    at_us: int
    currency: str
    deposit: Fraction = _ZERO
    closed_lots: Fraction = _ZERO


class CpaMember(NamedTuple):
    """The direct IB at an event, when its version in force pays CPA and nothing keeps it from it."""

    ib_id: int
    currency: str
    version_id: int
    cpa: Cpa


class CpaPay(NamedTuple):
    """One payment: exact, in the IB's currency."""

    event: CpaEvent
    member: CpaMember
    amount: Fraction


UsdRate = Callable[[str, int], Fraction | None]  # (currency, moment) → USD for one unit


@dataclass(slots=True)
class CpaResult:
    """All payments of one client. `open_to`: the member whom another deal alone may make due, None when there is none:
    what is due to the last event's member is paid, or waits for another deposit."""

    pays: list[CpaPay] = field(default_factory=list)
    misses: set[Miss] = field(default_factory=set)
    last: CpaMember | None = None
    is_quiet: bool = True


class _Ledger:
    """One client's events so far."""

    def __init__(self, usd_rate: UsdRate) -> None:
        self._usd_rate = usd_rate
        self._deposits: list[CpaEvent] = []
        self._net: dict[str, tuple[int, Fraction]] = {}  # per currency: deposits converted so far, and their sum
        self.lots = _ZERO
        self.result = CpaResult()

    def take(self, event: CpaEvent) -> None:
        if event.deposit:
            self._deposits.append(event)
        self.lots += event.closed_lots

    def due(self, member: CpaMember) -> Fraction | None:
        """Return what the steps promise above all that was paid, in the plan's currency; None without a rate."""
        cpa = member.cpa
        net = self._net_deposit(cpa.currency)
        if net is None:
            return None
        promised = max(
            (step for step in cpa.steps if step.net_deposit <= net), key=lambda step: step.net_deposit, default=None
        )
        if promised is None:
            return _ZERO
        due = Fraction(promised.pay)
        for pay in self.result.pays:
            had = self.convert(pay.amount, pay.member.currency, cpa.currency, pay.event.at_us)
            if had is None:
                return None
            due -= had
        return max(due, _ZERO)

    def convert(self, amount: Fraction, source: str, target: str, at_us: int) -> Fraction | None:
        if source == target or amount == 0:
            return amount
        one, other = self._usd(source, at_us), self._usd(target, at_us)
        return None if one is None or other is None else amount * one / other

    def _usd(self, currency: str, at_us: int) -> Fraction | None:
        if currency == "USD":
            return Fraction(1)
        rate = self._usd_rate(currency, at_us)
        if rate is None:
            self.result.misses.add(Miss(currency, at_us))
        return rate

    def _net_deposit(self, currency: str) -> Fraction | None:
        done, total = self._net.get(currency, (0, _ZERO))
        for event in self._deposits[done:]:
            amount = self.convert(event.deposit, event.currency, currency, event.at_us)
            if amount is None:
                return None
            total += amount
            done += 1
            self._net[currency] = (done, total)
        return total


def cpa_of_client(events: Iterable[CpaEvent], members: Mapping[int, CpaMember | None], usd_rate: UsdRate) -> CpaResult:
    """Return what one client's events, in order, earn; deposits come before deals of the same second.

    `members`: the direct IB at each event, by its deal id."""
    ledger = _Ledger(usd_rate)
    result = ledger.result
    for event in events:
        ledger.take(event)
        member = members[event.deal_id]
        if member is None:
            result.last, result.is_quiet = None, True
            continue
        if member == result.last and result.is_quiet and not event.deposit:
            continue
        result.last, result.is_quiet = member, False
        due = ledger.due(member)
        if due is None:
            continue
        if due and ledger.lots >= Fraction(member.cpa.min_lots):
            amount = ledger.convert(due, member.cpa.currency, member.currency, event.at_us)
            if amount is not None:
                result.pays.append(CpaPay(event, member, amount))
                due = _ZERO
        result.is_quiet = due == 0
    return result


class Advance(NamedTuple):
    """A booked CPA line, in 1e-20 of the IB's currency; `order` of the event that earned it."""

    order: Order
    amount: int


class HoldLine(NamedTuple):
    """A rebate line of an IB that is held back against advances, before that, in 1e-20."""

    order: Order
    deal_id: int
    line: int


def left_before(advances: Sequence[Advance], lines: Sequence[HoldLine]) -> dict[int, int]:
    """Return, by deal, what of the advances booked before it earlier deals have not made up, never below zero."""
    booked = sorted(advances)
    left, place, found = 0, 0, {}
    for each in sorted(lines):
        while place < len(booked) and booked[place].order < each.order:
            left += booked[place].amount
            place += 1
        found[each.deal_id] = max(left, 0)
        left -= min(each.line, max(left, 0))
    return found
