"""Chains as they were at a deal's time: who stands above a client, and the terms and agreement of each."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from commissions.calculation import UNTIERED, Member, TierPiece
from commissions.calculation.counting import uses_own_rate
from commissions.judging.plans import WHOLE, LoadedVersion, Plans
from commissions.terms import Base, BudgetOf, CountOn, Terms
from ib.types import OPEN_END_US, AgreementPeriod, NetworkSnapshot

_BEGINNING = -(2**62)
_NEED_OPENINGS = frozenset({Base.SPREAD, Base.REVENUE, Base.COMMISSION})
# What decides a member's pay apart from who it is: version, currency, keep percent, rank, active, is the client; and
# the pieces of its tier where its factor is not 1.
State = (
    tuple[int, str, str, int | None, bool, bool] | tuple[int, str, str, int | None, bool, bool, tuple[TierPiece, ...]]
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A chain without its names: chains of one shape pay alike, so their cells are resolved once."""

    number: int
    members: tuple[Member, ...]
    versions: tuple[LoadedVersion | None, ...]
    symbols: frozenset[str]  # symbols that some rate row names
    mt_groups: frozenset[str]  # MT groups that some rate row names
    states: tuple[State, ...]
    currencies: tuple[str, ...]
    needs_openings: bool  # some terms ask for the position's opening deals
    shares_with_client: bool

    @property
    def recovers(self) -> bool:
        """Whether the direct IB's version makes CPA an advance on its rebates."""
        direct = self.members[0] if self.members else None
        return bool(direct and direct.active and direct.terms and direct.terms.cpa and direct.terms.cpa.recover)

    @property
    def hash_bytes(self) -> bytes | None:
        """Return the hash of the direct IB's version, None without one."""
        version = self.versions[0] if self.versions else None
        return version.hash.bytes if version else None


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain: its IBs nearest first, and its shape."""

    number: int
    ib_ids: tuple[int, ...]
    shape: Shape


@dataclass(slots=True)
class ChainTable:
    """All chains and shapes that this process has met; numbers are places in the lists."""

    chains: list[Chain] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    _chain_numbers: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict)
    _shape_numbers: dict[tuple[State, ...], int] = field(default_factory=dict)
    _shape_above: dict[tuple[State, int], int] = field(default_factory=dict)  # by the lowest state and the shape above

    def chain(self, ib_ids: tuple[int, ...], shape: Shape) -> Chain:
        """Return the chain of these IBs in this shape, the same object every time."""
        key = (ib_ids, shape.number)
        number = self._chain_numbers.get(key)
        if number is None:
            number = self._chain_numbers[key] = len(self.chains)
            self.chains.append(Chain(number, ib_ids, shape))
        return self.chains[number]

    def below(self, ib_id: int, state: State, version: LoadedVersion | None, above: Chain) -> Chain:
        """Return the chain of an IB under another chain. Most IBs share their shape with many: it is told by the lowest
        state and the shape above, without laying all states side by side."""
        key = (state, above.shape.number)
        number = self._shape_above.get(key)
        if number is None:
            shape = self.shape((state, *above.shape.states), (version, *above.shape.versions))
            number = self._shape_above[key] = shape.number
        return self.chain((ib_id, *above.ib_ids), self.shapes[number])

    def with_pieces(self, chain: Chain, pieces: Mapping[int, tuple[TierPiece, ...]]) -> Chain:
        """Return the chain with the tier factors of some levels (level 1 first); the chain itself when all are 1."""
        states = list(chain.shape.states)
        for level, found in pieces.items():
            if found != UNTIERED:
                states[level - 1] = (*states[level - 1][:6], found)
        return self.chain(chain.ib_ids, self.shape(tuple(states), chain.shape.versions))

    def shape(self, states: tuple[State, ...], versions: tuple[LoadedVersion | None, ...]) -> Shape:
        """Return the shape of these states, the same object every time."""
        number = self._shape_numbers.get(states)
        if number is None:
            number = self._shape_numbers[states] = len(self.shapes)
            self.shapes.append(_make_shape(number, states, versions))
        return self.shapes[number]


def _make_shape(number: int, states: tuple[State, ...], versions: tuple[LoadedVersion | None, ...]) -> Shape:
    terms = [version.terms if version else None for version in versions]
    members = tuple(
        Member(
            currency=currency,
            terms=each,
            active=active,
            rank=rank,
            keep_percent=Fraction(keep) if keep else None,
            is_client=is_client,
            tier_pieces=pieces[0] if pieces else UNTIERED,
        )
        for each, (_version, currency, keep, rank, active, is_client, *pieces) in zip(terms, states, strict=True)
    )
    known = [each for each in terms if each is not None]
    return Shape(
        number=number,
        members=members,
        versions=versions,
        states=states,
        currencies=tuple(state[1] for state in states),
        symbols=frozenset(row.symbol for each in known for row in each.rates if row.symbol),
        mt_groups=frozenset(row.mt_group for each in known for row in each.rates if row.mt_group),
        needs_openings=any(_needs_openings(each, level) for level, each in enumerate(terms, 1)),
        shares_with_client=bool(terms and terms[0] and terms[0].client_rebate_percent is not None),
    )


def _needs_openings(terms: Terms | None, level: int) -> bool:
    if terms is None:
        return False
    if terms.min_hold_seconds:
        return True
    budget = terms.chain_budget
    if level == 1 and budget is not None and budget.of is not BudgetOf.PER_LOT:
        return True
    bases = {row.base for row in terms.rates} if uses_own_rate(terms, level) else set()
    if terms.count_on is CountOn.BOTH:
        bases.discard(Base.COMMISSION)
    return bool(bases & _NEED_OPENINGS)


@dataclass(slots=True)
class Segments:
    """One IB's chain over time: from `starts[i]` on, one that is worked out when it is first asked for."""

    ib_id: int
    starts: list[int]
    chains: list[Chain | None]

    def place(self, at_us: int) -> int:
        """Return where the chain of a moment stands."""
        return bisect_right(self.starts, at_us) - 1


class Network:
    """The network and the plans of one moment of knowledge, over all time. Built lazily, IB by IB."""

    def __init__(self, snapshot: NetworkSnapshot, plans: Plans, table: ChainTable) -> None:
        self.snapshot = snapshot
        self.plans = plans
        self.table = table
        self.empty = table.chain((), table.shape((), ()))
        self.nobody = Segments(0, [_BEGINNING], [self.empty])  # of a client without an IB
        self._parents: dict[int, list[tuple[int, int, int]]] = {}
        links = snapshot.ib_parents
        for ib_id, parent, start, end in zip(links.subject, links.target, links.start_us, links.end_us, strict=True):
            self._parents.setdefault(ib_id, []).append((start, end, parent))
        self._segments: dict[int, Segments] = {}
        self._building: set[int] = set()  # IBs whose segments are on their way: two may have stood above each other

    def segments(self, ib_id: int) -> Segments:
        """Return the moments at which the chain that starts at this IB may become another one, for its chains."""
        found = self._segments.get(ib_id)
        if found is None:
            self._building.add(ib_id)
            cuts = {_BEGINNING} | self._cuts(ib_id, _BEGINNING, OPEN_END_US)
            self._building.discard(ib_id)
            starts = sorted(cuts - {OPEN_END_US})
            found = self._segments[ib_id] = Segments(ib_id, starts, [None] * len(starts))
        return found

    def chain(self, segments: Segments, place: int) -> Chain:
        """Return the chain from one of the starts on, working out those above it first that nobody has asked for."""
        missing: list[tuple[Segments, int]] = []
        each, at = segments, place
        while (found := each.chains[at]) is None:
            missing.append((each, at))
            start = each.starts[at]
            parent = self._parent_at(each.ib_id, start)
            each = self.segments(parent) if parent else self.nobody
            at = each.place(start)
        for each, at in reversed(missing):
            found = each.chains[at] = self._under(found, each.ib_id, each.starts[at])
        return found

    def chain_of_own_trades(self, chain: Chain, own_ib: int) -> Chain:
        """Return the chain as it is for the deals of a client who is one of its IBs."""
        if own_ib not in chain.ib_ids:
            return chain
        place = chain.ib_ids.index(own_ib)
        states = list(chain.shape.states)
        states[place] = (*states[place][:5], True)
        return self.table.chain(chain.ib_ids, self.table.shape(tuple(states), chain.shape.versions))

    def _cuts(self, ib_id: int, first_us: int, last_us: int) -> set[int]:
        """Return the moments between two at which the chain that starts at this IB may become another one.

        Each step up narrows the time to that of the link, so it ends: at no moment does an IB stand above itself."""
        cuts = set(self.plans.cuts(ib_id))
        for agreement in self.snapshot.agreements.get(ib_id, ()):
            cuts |= {agreement.start_us, agreement.end_us}
        for start, end, parent in self._parents.get(ib_id, ()):
            cuts |= {start, end}
            low, high = max(start, first_us), min(end, last_us)
            if parent and low < high:
                above = self._cuts(parent, low, high) if parent in self._building else self.segments(parent).starts
                cuts |= {cut for cut in above if low < cut < high}
        return cuts

    def _under(self, above: Chain, ib_id: int, at_us: int) -> Chain:
        """Return the chain that starts at this IB at one moment, at which this one stands above it."""
        agreements: tuple[AgreementPeriod, ...] = self.snapshot.agreements.get(ib_id, ())
        agreement = next((each for each in agreements if each.start_us <= at_us < each.end_us), None)
        version = self.plans.version_at(ib_id, at_us)
        keep = "" if agreement is None or agreement.keep_percent is None else str(Fraction(agreement.keep_percent))
        state: State = (
            version.id if version else 0,
            self.snapshot.ibs[ib_id].currency,
            keep,
            agreement.rank if agreement else None,
            agreement.active if agreement else True,
            False,
        )
        return self.table.below(ib_id, state, version, above)

    def _parent_at(self, ib_id: int, at_us: int) -> int:
        """Return the IB directly above at one moment, 0 for none."""
        return next((parent for start, end, parent in self._parents.get(ib_id, ()) if start <= at_us < end), 0)


def row_id(version: LoadedVersion | None, position: int | None) -> int:
    """Return the id of the rate row that a judgement names: the row used, else the version as such, 0 without one."""
    if version is None:
        return 0
    return version.rows[WHOLE if position is None else position]
