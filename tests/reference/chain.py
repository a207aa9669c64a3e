"""One deal over its chain, from the client upwards: who gets what, and why not."""

from dataclasses import dataclass
from fractions import Fraction

from tests.reference.bases import base_of, commission_value, find_rate, level_entry, multiplier, spread_value
from tests.reference.counting import Book
from tests.reference.positions import ZERO, Part, number
from tests.reference.tiers import tier_factor
from tests.reference.world import Missing, Row

HELD = ("unknown_lot_factor", "missing_data", "no_fx_rate")
OWN_ROW = ("direct", "by_level", "difference")  # who is paid by a rate row of its own


@dataclass
class Given:
    """What somebody gets for a deal, exact. level 0: the client."""

    to: str
    level: int
    verdict: str
    amount: Fraction
    currency: str


@dataclass
class Turn:
    """One IB's place in the chain while the deal is judged. `paid`: what counts as its pay for those above."""

    ib: Row
    level: int
    mode: str = "none"
    paid: Fraction = ZERO
    line: Fraction = ZERO
    verdict: str | None = None  # of the calculation; None: no counted part
    leaves: Fraction = ZERO  # to an upper neighbour that splits
    own_base_is_zero: bool = False


class DealInChain:
    """Judges one deal. `advance`: what the direct IB still owes of its CPA; less what is held back, when judged."""

    def __init__(self, book: Book, deal: Row, advance: Fraction) -> None:
        self.book, self.world, self.deal, self.advance = book, book.world, deal, advance
        self.chain = self.world.chain(deal["login"], deal["at"])
        self.turns: list[Turn] = []
        self.held_below: str | None = None
        self.paid_below: list[tuple[Fraction, str]] = []  # to the active, to the client, or lost on the way up
        self.rolling: list[tuple[Fraction, str]] = []  # of inactive IBs, on its way to the next active one
        self.rolling_is_unknown = False
        self.budget_spent = ZERO
        self.given: list[Given] = []

    def judge(self) -> list[Given]:
        for level, ib in enumerate(self.chain, 1):
            turn = Turn(ib, level)
            if ib["terms"]:
                turn.mode = (ib["terms"].get("upline") or {}).get("mode", "none") if level > 1 else "direct"
            self.take_turn(turn)
            self.turns.append(turn)
        return self.given

    def convert(self, amount: Fraction, source: str, target: str) -> Fraction:
        return self.world.convert(amount, source, target, self.deal["at"])

    def total(self, amounts: list[tuple[Fraction, str]], currency: str) -> Fraction:
        return sum((self.convert(amount, source, currency) for amount, source in amounts), ZERO)

    # one IB

    def take_turn(self, turn: Turn) -> None:
        ib = turn.ib
        if not self.book.counted(self.deal, ib["terms"]):
            self.lose_what_rolls(ib)
            return
        stopped = self.stopped(turn)
        if stopped is not None:
            turn.verdict = "ib_inactive" if not ib["active"] else stopped
            self.give(turn, turn.verdict, ZERO)
            self.give_client(turn, turn.verdict, ZERO)
            self.lose_what_rolls(ib)
            return
        turn.verdict, share = self.calculate(turn)
        self.give_client(turn, turn.verdict, share)
        self.hand_on(turn)
        recovered = self.recover(turn)
        turn.line -= recovered
        if not ib["active"]:
            self.give(turn, "ib_inactive", ZERO)
        elif turn.verdict == "paid" and recovered and turn.line == 0:
            self.give(turn, "cpa_recovered", ZERO)
        else:
            self.give(turn, turn.verdict, turn.line)

    def stopped(self, turn: Turn) -> str | None:
        """What keeps the IB from any calculation; an inactive one that rolls up goes on as if it were paid."""
        ib = turn.ib
        if ib["terms"] is None:
            return "no_rate"
        if not ib["active"] and (ib["terms"].get("upline") or {}).get("inactive", "skip") == "skip":
            return "ib_inactive"
        return self.book.stopped_by(self.deal, ib["terms"], ib["code"], turn.level)

    def give(self, turn: Turn, verdict: str, amount: Fraction) -> None:
        self.given.append(Given(turn.ib["code"], turn.level, verdict, amount, turn.ib["currency"]))

    def give_client(self, turn: Turn, verdict: str, share: Fraction) -> None:
        """The client's own rebate: only by the direct IB's version."""
        if turn.level == 1 and turn.ib["terms"] and turn.ib["terms"].get("client_rebate"):
            login = self.deal["login"]
            own_verdict = "paid" if share else ("not_entitled" if verdict == "paid" else verdict)
            self.given.append(Given(f"client:{login}", 0, own_verdict, share, self.world.account_currency(login)))

    def lose_what_rolls(self, ib: Row) -> None:
        """A roll-up that meets an active IB which gets nothing of this deal is lost, but counts as paid (0012)."""
        if ib["active"]:
            self.paid_below += self.rolling
            self.rolling, self.rolling_is_unknown = [], False

    def hand_on(self, turn: Turn) -> None:
        """Tell those above what this IB was paid, or as if."""
        currency = turn.ib["currency"]
        if turn.verdict in HELD:
            self.held_below = self.held_below or turn.verdict
            self.rolling_is_unknown = self.rolling_is_unknown or not turn.ib["active"]
        elif turn.ib["active"]:
            self.rolling, self.rolling_is_unknown = [], False
            self.paid_below.append((turn.paid, currency))
        else:
            self.rolling.append((turn.line, currency))
            self.paid_below.append((turn.paid - turn.line, currency))

    def recover(self, turn: Turn) -> Fraction:
        """What CPA holds back of the direct IB's line."""
        cpa = turn.ib["terms"].get("cpa") or {}
        if turn.level > 1 or not turn.ib["active"] or not cpa.get("recover"):
            return ZERO
        held_back = min(turn.line, self.advance)
        self.advance -= held_back
        return held_back

    # the calculation

    def calculate(self, turn: Turn) -> tuple[str, Fraction]:
        """Return the verdict and the client's share; sets the turn's `paid`, `line` and `leaves`."""
        gets_rolled = turn.ib["active"] and (self.rolling_is_unknown or any(amount for amount, _of in self.rolling))
        if turn.mode == "none" and not gets_rolled:
            return "not_entitled", ZERO
        if self.held_below is not None:
            return self.held_below, ZERO
        if self.world.lot_factor(self.deal["login"]) is None:
            return "unknown_lot_factor", ZERO
        row, no_row = self.own_row(turn)
        if no_row is not None and not gets_rolled:
            return no_row, ZERO
        try:
            return self.amounts(turn, row, no_row)
        except Missing as missing:
            turn.paid = turn.line = turn.leaves = ZERO
            return missing.verdict, ZERO

    def own_row(self, turn: Turn) -> tuple[Row | None, str | None]:
        """Return the IB's rate row where its mode uses one, or why its mode gives nothing at this level."""
        terms = turn.ib["terms"]
        if turn.mode == "percent_of_direct" and level_entry(terms["upline"]["percents"], turn.level) is None:
            return None, "level_not_covered"
        if turn.mode not in OWN_ROW:
            return None, None
        row = find_rate(self.book, self.deal, terms)
        if row is None:
            return None, "no_rate"
        if turn.mode == "by_level" and level_entry(row.get("levels"), turn.level) is None:
            return None, "level_not_covered"
        return row, None

    def amounts(self, turn: Turn, row: Row | None, no_row: str | None) -> tuple[str, Fraction]:
        ib, terms, currency = turn.ib, turn.ib["terms"], turn.ib["currency"]
        parts = self.book.held_long_enough(self.deal, terms)
        self.book.must_be_divided(parts, terms)
        own = ZERO if row is None else self.own_amount(turn, parts, row)
        entitled = ZERO if no_row else self.entitlement(turn, own)
        pay = self.split(turn, entitled)
        if ib["active"]:
            pay += self.total(self.rolling, currency)
        uncapped = pay
        cap = terms.get("cap_per_order")
        if cap and pay:
            pay = min(pay, self.convert(number(cap["amount"]), cap["currency"], currency))
        capped = pay
        pay = self.within_budget(turn, pay)
        turn.paid = turn.line = pay
        if pay == 0:
            if capped:
                return "budget_reached", ZERO
            if uncapped:
                return "not_entitled", ZERO
            return no_row or ("zero_base" if turn.own_base_is_zero else "not_entitled"), ZERO
        share = ZERO
        if turn.level == 1 and terms.get("client_rebate"):
            clients = pay * number(terms["client_rebate"]["percent"]) / 100
            share = self.convert(clients, currency, self.world.account_currency(self.deal["login"]))
            turn.line = pay - clients
        self.spend(turn)
        return ("paid" if turn.line else "not_entitled"), share

    def own_amount(self, turn: Turn, parts: list[Part], row: Row) -> Fraction:
        """base × rate × tier factor, in the IB's currency."""
        terms, currency = turn.ib["terms"], turn.ib["currency"]
        base, of = base_of(self.book, self.deal, parts, terms, row, currency)
        turn.own_base_is_zero = base == 0
        worth = base * multiplier(row, turn.level, turn.mode == "by_level")
        if terms.get("tiers"):
            worth *= tier_factor(self.book, self.deal, terms, turn.ib["code"])
        return self.convert(worth, of, currency)

    def entitlement(self, turn: Turn, own: Fraction) -> Fraction:
        upline, currency = turn.ib["terms"].get("upline") or {}, turn.ib["currency"]
        if turn.mode in ("direct", "by_level"):
            return own
        if turn.mode == "difference":
            return self.difference(turn, own)
        child = self.turns[-1]
        if turn.mode == "percent_of_child":
            return self.convert(child.paid, child.ib["currency"], currency) * number(upline["percent"]) / 100
        if turn.mode == "percent_of_direct":
            first = self.turns[0]
            percent = number(level_entry(upline["percents"], turn.level))
            return self.convert(first.paid, first.ib["currency"], currency) * percent / 100
        if turn.mode == "split":
            return self.convert(child.leaves, child.ib["currency"], currency)
        return ZERO

    def difference(self, turn: Turn, own: Fraction) -> Fraction:
        if own == 0:
            return ZERO
        currency = turn.ib["currency"]
        same_rank = turn.ib["terms"]["upline"].get("same_rank")
        below = [each for each in self.turns if each.ib.get("rank") is not None]
        if same_rank and below and turn.ib.get("rank") == max(each.ib["rank"] for each in below):
            nearest = [each for each in below if each.ib["rank"] == turn.ib["rank"]][-1]
            return self.convert(nearest.paid, nearest.ib["currency"], currency) * number(same_rank["percent"]) / 100
        return max(own - self.total(self.paid_below + self.rolling, currency), ZERO)

    def split(self, turn: Turn, entitled: Fraction) -> Fraction:
        """Return what the IB keeps when its upper neighbour's version splits; the rest is the neighbour's."""
        if turn.level == len(self.chain):
            return entitled
        above = self.chain[turn.level]["terms"]
        if not above or (above.get("upline") or {}).get("mode") != "split":
            return entitled
        keep = turn.ib.get("keep_percent")
        kept = entitled if keep is None else entitled * number(keep) / 100
        turn.leaves = entitled - kept
        return kept

    # the chain's budget

    def budget(self) -> tuple[Fraction, str] | None:
        """Return the whole budget of the deal, as the direct IB's version measures it on what it counts."""
        terms = self.chain[0]["terms"]
        budget = (terms or {}).get("chain_budget")
        if not terms or not budget:
            return None
        parts = self.book.counted(self.deal, terms)
        if any(part.kind == "whole" for part in parts) and terms.get("count_on", "close") != "both":
            raise Missing("missing_data")
        if "per_lot" in budget:
            return self.book.lots(self.deal, parts) * number(budget["per_lot"]), budget["currency"]
        share = number(budget["percent"]) / 100
        if budget["percent_of"] == "spread":
            value = spread_value(self.book, self.deal, parts, "open", None)
            return max(value, ZERO) * share, self.world.doc["symbols"][self.deal["symbol"]]["quote"]
        charged = max(commission_value(parts, terms), ZERO)
        return charged * share, self.world.account_currency(self.deal["login"])

    def within_budget(self, turn: Turn, pay: Fraction) -> Fraction:
        budget = self.budget() if pay else None
        if budget is None:
            return pay
        left = budget[0] - self.budget_spent
        if not turn.ib["active"]:
            left -= self.total(self.rolling, budget[1])  # promised to the next active IB
        return min(pay, self.convert(max(left, ZERO), budget[1], turn.ib["currency"]))

    def spend(self, turn: Turn) -> None:
        """What rolls up is spent by the IB that gets it; the client's share is spent here."""
        budget = self.budget()
        if budget is not None:
            now = turn.paid if turn.ib["active"] else turn.paid - turn.line
            self.budget_spent += self.convert(now, turn.ib["currency"], budget[1])
