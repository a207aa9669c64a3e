"""Why an IB gets what it gets for a deal. The numbers are stored; they never change their meaning."""

from enum import IntEnum


class Verdict(IntEnum):
    """The reason of an amount. Source: the scenario specification, "Verdicts"."""

    NOT_COUNTED = 0  # the IB's plan counts no part of this deal: no verdict for it
    PAID = 1
    IB_INACTIVE = 2
    NO_RATE = 3
    SELF_TRADE = 4
    EXCLUDED_REASON = 5
    CLOSE_BY_COUNTED_ONCE = 6
    BELOW_MIN_HOLD = 7
    LEVEL_NOT_COVERED = 8
    NOT_ENTITLED = 9
    UNKNOWN_LOT_FACTOR = 10
    MISSING_DATA = 11
    NO_FX_RATE = 12
    ZERO_BASE = 13
    BUDGET_REACHED = 14
    CPA_RECOVERED = 15
    TOO_LARGE = 17  # an amount beyond what can be stored: the deal or a rate must be wrong
    DEAL_REMOVED = 16  # the deal no longer exists on the server, or this payee left its chain

    @property
    def code(self) -> str:
        """Return the word that scenarios, the API and the tables use."""
        return self.name.lower()


HELD = frozenset({Verdict.UNKNOWN_LOT_FACTOR, Verdict.MISSING_DATA, Verdict.NO_FX_RATE})
