"""What stands below an IB on one deal: who was paid what, what rolls up, what a split leaves, what holds."""

from collections.abc import Iterable
from fractions import Fraction

from commissions.calculation.facts import ZERO, Member
from commissions.calculation.money import Exchange, Recorder
from commissions.calculation.verdicts import HELD, Verdict

Amount = tuple[Fraction, str]


class Standing:
    """Grows level by level. Amounts keep their own currency; an inactive IB counts as if it were paid."""

    def __init__(self) -> None:
        self.paid: list[Amount] = []  # by level, nearest first, as if the inactive were paid
        self.ranks: list[int | None] = []
        self.pending: list[Amount] = []  # amounts of inactive IBs on their way to the next active one
        self.held: Verdict | None = None
        self._below: list[Amount] = []  # what was paid below, without what is pending
        self._pending_held = False
        self._left: Amount | None = None

    @property
    def has_pending(self) -> bool:
        """Whether something rolls up to the next active IB, known or not yet known."""
        return self._pending_held or any(amount for amount, _currency in self.pending)

    def take_left(self) -> Amount | None:
        """Return what the IB directly below leaves by split, once."""
        left, self._left = self._left, None
        return left

    def leave(self, amount: Fraction, currency: str) -> None:
        self._left = (amount, currency)

    def take_pending(self, currency: str, exchange: Exchange, recorder: Recorder) -> Fraction:
        """Return everything that rolls up to this IB, in its currency.

        :raises Uncomputable: a rate is missing."""
        total = ZERO
        for amount, source in self.pending:
            total += exchange.convert(amount, source, currency, recorder)
        if total:
            recorder.add("rolled_up", amount=total, currency=currency)
        return total

    def paid_below(self) -> Iterable[Amount]:
        """Return all that was paid below, including what is still on its way up."""
        return [*self._below, *self.pending]

    def skip(self, member: Member, *, active: bool) -> None:
        """An IB without any amount; what rolls up is lost when it is an active one."""
        if active:
            self._lose_pending()
        self._append(member, ZERO)

    def settle(self, member: Member, verdict: Verdict, *, pay: Fraction, line: Fraction) -> None:
        """Remember what the IB gets; an inactive one's line is on its way to the next active IB."""
        if verdict in HELD:
            self.held = self.held or verdict
            self._pending_held = self._pending_held or not member.active
        elif member.active:
            self.pending, self._pending_held = [], False
            self._below.append((pay, member.currency))
        else:
            self.pending.append((line, member.currency))
            self._below.append((pay - line, member.currency))
        self._append(member, pay)

    def highest_rank(self) -> int | None:
        return max((rank for rank in self.ranks if rank is not None), default=None)

    def nearest_of_rank(self, rank: int) -> Amount:
        """Return what the nearest IB below of that rank was paid."""
        for position in range(len(self.ranks) - 1, -1, -1):
            if self.ranks[position] == rank:
                return self.paid[position]
        raise LookupError(rank)

    def _append(self, member: Member, pay: Fraction) -> None:
        self.paid.append((pay, member.currency))
        self.ranks.append(member.rank)

    def _lose_pending(self) -> None:
        self._below += self.pending
        self.pending, self._pending_held = [], False
