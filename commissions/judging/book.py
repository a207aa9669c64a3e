"""Everything that judging some deals needs to know, read once per batch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from commissions.distinct import Lookup, distinct
from commissions.judging.cells import CellTable, GroupFacts
from commissions.judging.chains import ChainTable, Network
from commissions.judging.columns import Column, Rows, array_text, read_columns
from commissions.judging.groups import Groups, read_groups
from commissions.judging.history import moment
from commissions.judging.memory import MAX_CELLS, Memory, memory
from commissions.judging.plans import load_plans, plan_version
from commissions.judging.rates import Rates
from ib.queries import network_snapshot, network_version
from ib.types import NetworkSnapshot
from tenancy.context import current_broker
from trading.models import MtGroup, Symbol

if TYPE_CHECKING:
    from commissions.cpa import HoldLine
    from commissions.judging.measures import MonthKey, TierState
    from commissions.judging.recovery import HoldKey
    from commissions.terms import Tiers
    from commissions.tiers import Pieces

Int64s = npt.NDArray[np.int64]
_DAY_EPOCH = date(1970, 1, 1)
_QUARTER_US = 900_000_000  # zones change their offset on quarter hours
_DAY_US = 86_400_000_000
_WHOLE_SNAPSHOT_FROM = 2_000  # accounts in a batch, from which on the whole network is worth remembering


class SymbolRow(NamedTuple):
    """What judging needs of a symbol."""

    name: str
    group_id: int
    group: str
    quote_currency: str


class Foretelling(Protocol):
    """What a world that is only thought of says where judging asks the stored months of tiers and stored advances."""

    def states_of(self, months: Collection[int]) -> "dict[MonthKey, TierState]": ...

    def of_month(self, key: "MonthKey", tiers: "Tiers") -> "Pieces": ...

    def of_deals(self, key: "MonthKey", state: "TierState") -> "Mapping[int, Pieces]": ...

    def left_before(self, key: "HoldKey", lines: "Sequence[HoldLine]") -> Mapping[int, int]: ...


@dataclass(slots=True)
class Book:
    """What is known while a batch is judged; `client_of` and `account_groups` in the order of account ids."""

    memory: Memory
    snapshot: NetworkSnapshot
    network: Network
    chains: ChainTable
    cells: CellTable
    symbols: dict[int, SymbolRow]
    groups: dict[int, GroupFacts]
    rates: Rates
    zone: ZoneInfo
    lookup: Lookup  # of the account ids
    client_of: Int64s
    account_groups: Groups
    foretold: Foretelling | None = None  # None: what is stored

    def place(self, accounts: Int64s) -> Int64s:
        """Return where each account stands in the account columns."""
        return self.lookup.places(accounts)

    def groups_at(self, rows: Rows) -> Int64s:
        """Return the MT group that the account of each deal was in at the deal's own time."""
        return self.account_groups.at(self.place(rows["account"]), rows["at_us"])


_ACCOUNT_COLUMNS = (
    Column("account", "a.id"),
    Column("client", "a.client_id"),
    Column("mt_group", "a.mt_group_id"),
)


def open_book(rows: Rows, *, known: Memory | None = None) -> Book:
    """Read what judging these deals needs: a handful of statements, whatever their number.

    `known`: what to remember it in, in place of what this process remembers."""
    known = memory() if known is None else known
    if known.cells is None or known.chains is None or len(known.cells.cells) > MAX_CELLS:
        known.chains, known.cells = ChainTable(), CellTable()
    ids, _inverse = distinct(rows["account"])
    accounts = read_columns(
        _ACCOUNT_COLUMNS, "FROM trading_tradingaccount a WHERE a.id = ANY(%s) ORDER BY a.id", [array_text(ids)]
    )
    version = network_version()
    snapshot = _snapshot(known, version, accounts["client"], accounts["account"])
    return Book(
        memory=known,
        snapshot=snapshot,
        network=_network(known, snapshot, known.chains),
        chains=known.chains,
        cells=known.cells,
        symbols=_symbols(),
        groups=_groups(),
        rates=Rates(until_us=int(rows["at_us"].max()) if len(rows) else 0),
        zone=ZoneInfo(current_broker().settlement_zone),
        lookup=Lookup(accounts["account"].copy()),
        client_of=accounts["client"].copy(),
        account_groups=read_groups(ids, accounts["mt_group"].copy()),
    )


def _snapshot(known: Memory, version: int, clients: Int64s, accounts: Int64s) -> NetworkSnapshot:
    if known.snapshot is not None and known.snapshot_version == version:
        return known.snapshot
    if len(accounts) < _WHOLE_SNAPSHOT_FROM:
        known.latest = network_snapshot(client_ids=clients.tolist(), account_ids=accounts.tolist(), known=known.latest)
        return known.latest
    known.snapshot = known.latest = network_snapshot(known=known.latest)
    known.snapshot_version = known.snapshot.version
    return known.snapshot


def _network(known: Memory, snapshot: NetworkSnapshot, table: ChainTable) -> Network:
    """Return the network with the chains it has worked out before, as long as neither IBs nor a plan changed."""
    key = (snapshot.ib_version, plan_version())
    if known.network is None or known.network_key != key or known.network.table is not table:
        known.network, known.network_key = Network(snapshot, load_plans(known), table), key
    return known.network


def _symbols() -> dict[int, SymbolRow]:
    rows = Symbol.objects.order_by().values_list("pk", "name", "group_id", "group__code", "quote_currency")
    return {pk: SymbolRow(name, group_id or 0, group or "", quote) for pk, name, group_id, group, quote in rows}


def _groups() -> dict[int, GroupFacts]:
    rows = MtGroup.objects.order_by().values_list("pk", "name", "currency", "lot_factor")
    return {
        pk: GroupFacts(name, currency, None if factor is None else Fraction(factor))
        for pk, name, currency, factor in rows
    }


def days_of(at_us: Int64s, zone: ZoneInfo) -> Int64s:
    """Return each moment's day in the zone, in days since 1970."""
    if not len(at_us):
        return at_us
    quarters, inverse = distinct(at_us // _QUARTER_US)
    offsets = [_offset_us(int(quarter) * _QUARTER_US, zone) for quarter in quarters]
    return (at_us + np.array(offsets, dtype=np.int64)[inverse]) // _DAY_US


def _offset_us(at_us: int, zone: ZoneInfo) -> int:
    offset = moment(at_us).astimezone(zone).utcoffset() or timedelta(0)
    return int(offset / timedelta(microseconds=1))


def to_date(day: int) -> date:
    """Return days since 1970 as a date."""
    return _DAY_EPOCH + timedelta(days=day)


def to_day(day: date) -> int:
    """Return a date as days since 1970."""
    return (day - _DAY_EPOCH).days
