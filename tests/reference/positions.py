"""What each deal opens and closes of its position, and what the position knows of its opening."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from tests.reference.world import Row, World

ZERO = Fraction(0)


@dataclass(frozen=True)
class Part:
    """The opening or the closing part of a deal. `lots` are the MT server's, before the lot factor.

    Of a closing part: when the position was opened, its share of the opening commission, the mean opening spread;
    None where nobody sent it. `whole`: a reversal that cannot be divided, since its opening is unknown."""

    kind: str  # open, close, whole
    lots: Fraction
    commission: Fraction
    opened_at: datetime | None = None
    opening_commission: Fraction | None = None
    opening_spread: Fraction | None = None


def spread_of(deal: Row) -> Fraction | None:
    if deal.get("bid") is None or deal.get("ask") is None:
        return None
    return number(deal["ask"]) - number(deal["bid"])


def number(value: object) -> Fraction:
    return Fraction(str(value))


class _Position:
    """One position while its deals are replayed."""

    def __init__(self) -> None:
        self.lots = ZERO
        self.opened_at: datetime | None = None
        self.commission = ZERO
        self.spread: Fraction | None = None

    def open(self, deal: Row, lots: Fraction, commission: Fraction) -> Part:
        spread = spread_of(deal)
        if self.lots == 0:
            self.opened_at, self.commission, self.spread = deal["at"], ZERO, spread
        elif self.spread is None or spread is None:
            self.spread = None
        else:
            self.spread = (self.spread * self.lots + spread * lots) / (self.lots + lots)
        self.lots += lots
        self.commission += commission
        return Part("open", lots, commission)

    def close(self, lots: Fraction, commission: Fraction) -> Part:
        if self.lots < lots:  # more than what is known to be open: an opening deal was never sent
            self.lots = ZERO
            return Part("close", lots, commission)
        share = self.commission * lots / self.lots
        part = Part("close", lots, commission, self.opened_at, share, self.spread)
        self.commission -= share
        self.lots -= lots
        return part


def parts_of_all(world: World) -> dict[int, list[Part]]:
    """Return {ticket: its parts}, the closing part first."""
    positions: dict[tuple[int, int], _Position] = {}
    parts: dict[int, list[Part]] = {}
    for deal in world.deals:
        position = positions.setdefault((deal["login"], deal["position"]), _Position())
        lots, commission = number(deal["lots"]), number(deal.get("commission", "0"))
        if deal["entry"] == "in":
            parts[deal["ticket"]] = [position.open(deal, lots, commission)]
        elif deal["entry"] in ("out", "out_by"):
            parts[deal["ticket"]] = [position.close(lots, commission)]
        elif position.lots == 0:
            parts[deal["ticket"]] = [Part("whole", lots, commission)]  # decision 0012
        else:
            closed = min(position.lots, lots)
            parts[deal["ticket"]] = [position.close(closed, commission * closed / lots)]
            if lots > closed:
                opened = lots - closed
                parts[deal["ticket"]].append(position.open(deal, opened, commission * opened / lots))
    return parts


def is_second_leg(world: World, deal: Row) -> bool:
    """Whether this is the leg of a close-by pair with the larger ticket; pairs meet in the order (time, ticket)."""
    if deal["entry"] != "out_by" or deal.get("by") is None:
        return False
    legs = [each for each in world.deals if each["entry"] == "out_by" and each["login"] == deal["login"]]
    mine = [each for each in legs if (each["position"], each.get("by")) == (deal["position"], deal["by"])]
    others = [each for each in legs if (each["position"], each.get("by")) == (deal["by"], deal["position"])]
    place = [each["ticket"] for each in mine].index(deal["ticket"])
    return place < len(others) and others[place]["ticket"] < deal["ticket"]
