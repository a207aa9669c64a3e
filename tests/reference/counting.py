"""Which parts of a deal a version counts, and which filter stops it."""

from datetime import timedelta
from fractions import Fraction

from tests.reference.positions import Part, is_second_leg, parts_of_all
from tests.reference.world import Missing, Row, World


class Book:
    """A world with its positions worked out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.parts = parts_of_all(world)
        self.second = {deal["ticket"]: is_second_leg(world, deal) for deal in world.deals}

    def counted(self, deal: Row, terms: Row | None) -> list[Part]:
        """The parts that `count_on` names; a reversal that cannot be divided is a part of both kinds."""
        wanted = {"close": ("close",), "open": ("open",), "both": ("close", "open")}
        kinds = wanted[(terms or {}).get("count_on", "close")]
        return [part for part in self.parts[deal["ticket"]] if part.kind in kinds or part.kind == "whole"]

    def held_long_enough(self, deal: Row, terms: Row) -> list[Part]:
        """The counted parts without closing parts that are known to be held too short."""
        least = timedelta(seconds=int(terms.get("min_hold_seconds") or 0))
        return [
            part for part in self.counted(deal, terms) if part.opened_at is None or deal["at"] - part.opened_at >= least
        ]

    def stopped_by(self, deal: Row, terms: Row, code: str, level: int) -> str | None:
        """The first filter of the version that stops the deal for the IB at this level."""
        if self.world.is_own_trade(deal["login"], code) and terms.get("self_trades", "exclude") == "exclude":
            return "self_trade"
        if deal.get("reason", "client") in (terms.get("exclude_reasons") or []):
            return "excluded_reason"
        if self.second[deal["ticket"]] and terms.get("close_by", "one") == "one":
            return "close_by_counted_once"
        if not self.held_long_enough(deal, terms):
            return "below_min_hold"
        most = (terms.get("upline") or {}).get("max_level")
        if most is not None and level > int(most):
            return "level_not_covered"
        return None

    def must_be_divided(self, parts: list[Part], terms: Row) -> None:
        """Raise when a counted part lacks what counting itself needs: its volume, or the time it was held."""
        for part in parts:
            if part.kind == "whole" and terms.get("count_on", "close") != "both":
                raise Missing("missing_data")
            if part.kind != "open" and part.opened_at is None and int(terms.get("min_hold_seconds") or 0):
                raise Missing("missing_data")

    def lots(self, deal: Row, parts: list[Part]) -> Fraction:
        factor = self.world.lot_factor(deal["login"])
        if factor is None:
            raise Missing("unknown_lot_factor")
        return sum((part.lots for part in parts), Fraction(0)) * factor
