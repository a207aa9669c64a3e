"""What two versions of a plan say differently, rate by rate. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from commissions.terms.types import Rate, Terms

Key = tuple[str | None, str | None, str | None]  # symbol, symbol group, MT group


@dataclass(frozen=True, slots=True)
class RateChange:
    """One rate that is new (`before` None), gone (`after` None) or says something else."""

    before: Rate | None
    after: Rate | None

    @property
    def rate(self) -> Rate:
        found = self.after or self.before
        assert found is not None  # noqa: S101 -- one of both is there
        return found

    @property
    def step(self) -> Decimal | None:
        """How much more the value is; None when both values are not of the same kind."""
        if self.before is None or self.after is None:
            return None
        alike = (self.before.base, self.before.currency) == (self.after.base, self.after.currency)
        return self.after.value - self.before.value if alike else None


def rate_changes(before: Terms, after: Terms) -> list[RateChange]:
    """Return the rates that differ: in the order of `after`, then those that are gone. Their order alone is none."""
    old, new = _by_key(before), _by_key(after)
    changes = [RateChange(old.get(key), rate) for key, rate in new.items() if not _same(old.get(key), rate)]
    return changes + [RateChange(rate, None) for key, rate in old.items() if key not in new]


def _by_key(terms: Terms) -> dict[Key, Rate]:
    return {(rate.symbol, rate.symbol_group, rate.mt_group): rate for rate in terms.rates}


def _same(before: Rate | None, after: Rate) -> bool:
    return before is not None and replace(before, position=0) == replace(after, position=0)
