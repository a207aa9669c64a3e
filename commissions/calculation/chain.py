"""Walk a chain from the client upwards and say what each IB gets, and why.

Source: the scenario specification, "upline modes", "Order of calculation" and "Verdicts"; decision 0012 for what
it leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from commissions.calculation.budget import Budget
from commissions.calculation.counting import (
    counted_parts,
    filter_verdict,
    held_long_enough,
    is_opening_unknown,
)
from commissions.calculation.entitlement import Turn, own_amount, own_rate
from commissions.calculation.facts import ONE, ZERO, ChainResult, DealFacts, FxLookup, Member, Outcome, Part
from commissions.calculation.money import Exchange, Recorder, Uncomputable
from commissions.calculation.standing import Standing
from commissions.calculation.stops import counted_values, stop_values
from commissions.calculation.verdicts import Verdict
from commissions.terms import CountOn, Inactive, UplineMode


def judge_chain(deal: DealFacts, members: Sequence[Member], fx: FxLookup, *, explain: bool = False) -> ChainResult:
    """Return what each member of the chain (nearest first) and the client get for the deal."""
    if not members:
        return ChainResult(())
    walk = _Walk(deal, members, fx, explain)
    outcomes = tuple(walk.judge(level) for level in range(1, len(members) + 1))
    return ChainResult(outcomes, walk.client)


@dataclass(frozen=True, slots=True)
class _Result:
    """The end of one IB's calculation. `share` goes to the client, in the account's currency."""

    verdict: Verdict
    pay: Fraction = ZERO
    line: Fraction = ZERO
    recovered: Fraction = ZERO
    share: Fraction | None = None
    missing: str = ""


class _Walk:
    def __init__(self, deal: DealFacts, members: Sequence[Member], fx: FxLookup, explain: bool) -> None:
        self.deal = deal
        self.members = members
        self.explain = explain
        self.exchange = Exchange(fx)
        self.budget = Budget(deal, members[0], self.exchange)
        self.standing = Standing()
        self.client: Outcome | None = None

    def judge(self, level: int) -> Outcome:
        member = self.members[level - 1]
        turn = Turn(self.deal, member, level, self.exchange, self.standing, Recorder(wanted=self.explain))
        terms = member.terms
        parts = counted_parts(self.deal, terms.count_on if terms else CountOn.CLOSE)
        turn.left = self.standing.take_left()
        if not parts:
            self.standing.skip(member, active=member.active)
            _tell_stop(turn, Verdict.NOT_COUNTED)
            return Outcome(level, Verdict.NOT_COUNTED, member.currency, steps=tuple(turn.recorder.steps))
        stopped = self._stopped(turn, parts)
        if stopped is not None:
            if level == 1:
                self._client_gets_nothing(member, stopped)
            self.standing.skip(member, active=member.active)
            _tell_stop(turn, stopped, counted=parts)
            return Outcome(level, stopped, member.currency, steps=tuple(turn.recorder.steps))
        if self.explain:
            turn.recorder.add("counted", **counted_values(turn.parts, self.deal.lot_factor))
        return self._settle(turn, self._compute(turn))

    def _stopped(self, turn: Turn, parts: Sequence[Part]) -> Verdict | None:
        """Return the verdict that keeps the IB from any amount, real or as if it were paid; sets the turn's parts."""
        member, terms = turn.member, turn.member.terms
        if terms is None:
            return Verdict.NO_RATE if member.active else Verdict.IB_INACTIVE
        if not member.active and terms.upline.inactive is Inactive.SKIP:
            return Verdict.IB_INACTIVE
        turn.parts = held_long_enough(parts, terms.min_hold_seconds)
        turn.opening_unknown = is_opening_unknown(parts, terms)
        verdict = filter_verdict(self.deal, member, terms, turn.level, turn.parts)
        return Verdict.IB_INACTIVE if verdict is not None and not member.active else verdict

    def _compute(self, turn: Turn) -> _Result:
        terms, standing = turn.terms, self.standing
        rolls = turn.member.active and standing.has_pending
        if turn.level > 1 and terms.upline.mode is UplineMode.NONE and not rolls:
            return _Result(Verdict.NOT_ENTITLED)
        if standing.held is not None:
            return _Result(standing.held)
        if self.deal.lot_factor is None:
            return _Result(Verdict.UNKNOWN_LOT_FACTOR)
        blocked = own_rate(turn)
        if blocked is not None and not rolls:
            return _Result(blocked)
        try:
            return self._amounts(turn, blocked)
        except Uncomputable as missing:
            return _Result(missing.verdict, missing=missing.missing)

    def _amounts(self, turn: Turn, blocked: Verdict | None) -> _Result:
        """From the base to the line, in the specification's order.

        :raises Uncomputable: something is not known yet."""
        if turn.opening_unknown:
            raise Uncomputable(Verdict.MISSING_DATA)
        member, recorder = turn.member, turn.recorder
        entitled = ZERO if blocked is not None else own_amount(turn)
        pay = self._divide(turn, entitled)
        if member.active:
            pay += self.standing.take_pending(member.currency, self.exchange, recorder)
        before = self._cap(turn, pay)
        promised = () if member.active else self.standing.pending
        pay = self.budget.cut(before, member.currency, promised, recorder)
        if pay == 0:
            return _Result(_zero_verdict(turn, blocked, before))
        result = self._share_out(turn, pay)
        self.budget.spend(pay if member.active else pay - result.line, member.currency, recorder)
        return result

    def _divide(self, turn: Turn, entitled: Fraction) -> Fraction:
        """Keep the IB's part of its entitlement when its upper neighbour's version splits; leave the rest to it."""
        upper = self.members[turn.level].terms if turn.level < len(self.members) else None
        if upper is None or upper.upline.mode is not UplineMode.SPLIT:
            return entitled
        keep = ONE if turn.member.keep_percent is None else turn.member.keep_percent / 100
        kept = entitled * keep
        self.standing.leave(entitled - kept, turn.member.currency)
        turn.recorder.add("split_kept", entitled=entitled, percent=keep * 100, kept=kept, currency=turn.member.currency)
        return kept

    def _cap(self, turn: Turn, pay: Fraction) -> Fraction:
        cap = turn.terms.cap_per_order
        if cap is None or pay == 0:
            return pay
        member = turn.member
        most = self.exchange.convert(Fraction(cap.amount), cap.currency, member.currency, turn.recorder)
        if pay > most:
            turn.recorder.add("capped", pay=pay, most=most, currency=member.currency)
            turn.was_capped = True
            return most
        return pay

    def _share_out(self, turn: Turn, pay: Fraction) -> _Result:
        """Take the client's share and what CPA recovers out of the pay."""
        member, recorder = turn.member, turn.recorder
        line, share = pay, None
        percent = turn.terms.client_rebate_percent if turn.level == 1 else None
        if percent is not None:
            given = pay * Fraction(percent) / 100
            share = self.exchange.convert(given, member.currency, self.deal.account_currency, recorder)
            line = pay - given
            recorder.add("client_share", percent=percent, given=given, kept=line, currency=member.currency)
        recovered = min(line, member.to_recover) if turn.level == 1 and member.active else ZERO
        if recovered:
            line -= recovered
            recorder.add("recovered", held_back=recovered, kept=line, currency=member.currency)
        verdict = Verdict.PAID
        if line == 0:
            verdict = Verdict.CPA_RECOVERED if recovered else Verdict.NOT_ENTITLED
        return _Result(verdict, pay, line, recovered, share)

    def _settle(self, turn: Turn, result: _Result) -> Outcome:
        """Remember for those above what this IB gets, and put its outcome together."""
        member, terms = turn.member, turn.terms
        self.standing.settle(member, result.verdict, pay=result.pay, line=result.line)
        if turn.level == 1 and terms.client_rebate_percent is not None:
            self._client(result)
        verdict, pay, line = result.verdict, result.pay, result.line
        if not member.active:
            turn.recorder.add("rolls_up", amount=line, currency=member.currency)
            verdict, pay, line = Verdict.IB_INACTIVE, ZERO, ZERO
        if line:
            turn.recorder.add("rounded", exact=line, currency=member.currency)
        else:
            _tell_stop(turn, verdict, missing=result.missing)
        return Outcome(
            turn.level, verdict, member.currency, pay, line, result.recovered, turn.row, tuple(turn.recorder.steps)
        )

    def _client(self, result: _Result) -> None:
        share = result.share or ZERO
        verdict = Verdict.PAID if share else result.verdict
        if not share and result.pay:
            verdict = Verdict.NOT_ENTITLED
        recorder = Recorder(wanted=self.explain)
        recorder.add("client_part", amount=share, currency=self.deal.account_currency)
        if share:
            recorder.add("rounded", exact=share, currency=self.deal.account_currency)
        else:
            recorder.add("stopped", verdict=verdict.code, level=0)
        self.client = Outcome(0, verdict, self.deal.account_currency, share, share, steps=tuple(recorder.steps))

    def _client_gets_nothing(self, member: Member, verdict: Verdict) -> None:
        if member.terms is not None and member.terms.client_rebate_percent is not None:
            self._client(_Result(verdict))


def _tell_stop(turn: Turn, verdict: Verdict, *, counted: Sequence[Part] = (), missing: str = "") -> None:
    if turn.recorder.wanted:
        turn.recorder.add("stopped", **stop_values(turn, verdict, counted=counted, missing=missing))


def _zero_verdict(turn: Turn, blocked: Verdict | None, before_budget: Fraction) -> Verdict:
    if before_budget:
        return Verdict.BUDGET_REACHED
    if blocked is not None and not turn.was_capped:
        return blocked
    if turn.base_is_zero and not turn.was_capped:
        return Verdict.ZERO_BASE
    return Verdict.NOT_ENTITLED
