"""The stored measures of tiers: months of IBs by a plan version, and what each deal adds to them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from commissions.judging.counted import Entry
from commissions.judging.history import moment
from commissions.judging.plans import LoadedVersion, to_us
from commissions.models import TierLine, TierMonth
from commissions.terms import TierMeasure, Tiers
from commissions.tiers import E20, from_e20

_ENTRY = ("deal_id", "deal_at", "server_id", "ticket", "leg", "client_id", "amount")
_COPY_LINES = """COPY commissions_tierline (tier_month_id, deal_id, deal_at, server_id, ticket, leg, client_id, amount)
    FROM STDIN"""
Order = tuple[int, ...]


class MonthKey(NamedTuple):
    """A month of an IB by a version; `month` counts from January 1970."""

    ib_id: int
    version_id: int
    month: int


@dataclass(slots=True)
class TierState:
    """A stored month: its measure in 1e-20."""

    id: int
    key: MonthKey
    tiers: Tiers
    measure: int

    @property
    def counts_clients(self) -> bool:
        return self.tiers.measure is TierMeasure.ACTIVE_CLIENTS


def lock_tiers() -> None:
    """Let one transaction of a broker change measures at a time, until its end; taken before the lock of the days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':tiers', 0))")


def month_start(month: int) -> datetime:
    """Return the first moment of a month, UTC."""
    return datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def read_states(
    months: Collection[int], versions: Mapping[int, LoadedVersion], *, also: Collection[int] = ()
) -> dict[MonthKey, TierState]:
    """Return what is kept of these months, and those with the ids in `also`."""
    days = [month_start(month).date() for month in months]
    rows = TierMonth.objects.filter(Q(month__in=days) | Q(pk__in=list(also)))
    found = {}
    for pk, ib_id, version_id, month, measure in rows.values_list("pk", "ib_id", "version_id", "month", "measure"):
        tiers = versions[version_id].terms.tiers if version_id in versions else None
        if tiers is not None:
            key = MonthKey(ib_id, version_id, _month_of(month))
            found[key] = TierState(pk, key, tiers, _to_int(measure))
    return found


def kept_keys(months: Collection[int]) -> set[MonthKey]:
    """Return all that is kept of these months, also by versions that this process has not met."""
    days = [month_start(month).date() for month in months]
    rows = TierMonth.objects.filter(month__in=days).values_list("ib_id", "version_id", "month")
    return {MonthKey(ib_id, version_id, _month_of(month)) for ib_id, version_id, month in rows}


def create_states(keys: Iterable[MonthKey]) -> None:
    """Begin to keep months."""
    TierMonth.objects.bulk_create(
        [
            TierMonth(ib_id=key.ib_id, version_id=key.version_id, month=month_start(key.month).date())
            for key in sorted(keys)
        ]
    )


def entries_of(deal_ids: Collection[int]) -> dict[int, dict[int, Entry]]:
    """Return {tier month id: {deal id: entry}} of these deals."""
    found: dict[int, dict[int, Entry]] = {}
    if not deal_ids:
        return found
    for month_id, *values in TierLine.objects.filter(deal_id__in=list(deal_ids)).values_list("tier_month_id", *_ENTRY):
        entry = _entry(values)
        found.setdefault(month_id, {})[entry.deal_id] = entry
    return found


def entries_from(month_id: int, order: Order) -> list[Entry]:
    """Return the entries of a month from a place in its order on."""
    at_us, *rest = order
    rows = TierLine.objects.filter(tier_month_id=month_id, deal_at__gte=moment(at_us))
    found = [_entry(values) for values in rows.values_list(*_ENTRY)]
    return sorted((entry for entry in found if entry.order >= (at_us, *rest)), key=lambda entry: entry.order)


def clients_besides(month_id: int, clients: Collection[int], deal_ids: Collection[int]) -> set[int]:
    """Return those of the clients whom a month knows by other deals than these."""
    rows = TierLine.objects.filter(tier_month_id=month_id, client_id__in=list(clients), amount__gt=0)
    return set(rows.exclude(deal_id__in=list(deal_ids)).values_list("client_id", flat=True).distinct())


def measure_change(state: TierState, old: Mapping[int, Entry], new: Mapping[int, Entry]) -> int:
    """Return what a month's measure changes by when the entries `old` become `new`; both by deal."""
    if not state.counts_clients:
        return sum(entry.amount for entry in new.values()) - sum(entry.amount for entry in old.values())
    before = {entry.client_id for entry in old.values() if entry.amount}
    after = {entry.client_id for entry in new.values() if entry.amount}
    different = before ^ after
    if not different:
        return 0
    others = clients_besides(state.id, different, [*old, *new])
    return E20 * (len(after - before - others) - len(before - after - others))


class MonthChange(NamedTuple):
    """What a month changes by: entries by deal before and after, and the change of its measure."""

    state: TierState
    old: Mapping[int, Entry]
    new: Mapping[int, Entry]
    measure: int


_DROP_LINES = """DELETE FROM commissions_tierline l USING unnest(%s::bigint[], %s::bigint[]) AS gone (month, deal)
    WHERE l.tier_month_id = gone.month AND l.deal_id = gone.deal"""
_GROW = """UPDATE commissions_tiermonth m SET measure = m.measure + grown.by
    FROM unnest(%s::bigint[], %s::numeric[]) AS grown (id, by) WHERE m.id = grown.id"""


def write_entries(changes: Collection[MonthChange]) -> None:
    """Store what months change by: a statement for all that goes, all that comes, and all sums. Under the lock."""
    gone = [
        (state.id, deal_id)
        for state, old, new, _change in changes
        for deal_id, entry in old.items()
        if new.get(deal_id) != entry
    ]
    grown = [(each.state.id, from_e20(each.measure)) for each in changes if each.measure]
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(_DROP_LINES, [list(column) for column in zip(*gone, strict=True)])
        _copy_lines(cursor, changes)
        if grown:
            cursor.execute(_GROW, [list(column) for column in zip(*grown, strict=True)])


def _copy_lines(cursor: Any, changes: Iterable[MonthChange]) -> None:
    """COPY entries as text: their amounts are numeric, which has no fixed width. A deal's text is made once."""
    texts: dict[int, str] = {}
    rows: list[str] = []
    for state, old, new, _change in changes:
        for deal_id, entry in new.items():
            if old.get(deal_id) == entry:
                continue
            text = texts.get(id(entry))
            if text is None:
                text = texts[id(entry)] = _text_of(entry)
            rows.append(f"{state.id}\t{text}")
    if rows:
        cursor.copy_expert(_COPY_LINES, StringIO("".join(rows)))


def _text_of(entry: Entry) -> str:
    whole, rest = divmod(entry.amount, E20)
    return (
        f"{entry.deal_id}\t{moment(entry.at_us).isoformat()}\t{entry.server_id}\t{entry.ticket}\t{entry.leg}"
        f"\t{entry.client_id}\t{whole}.{rest:020}\n"
    )


def _entry(values: Sequence[object]) -> Entry:
    deal_id, deal_at, server_id, ticket, leg, client_id, amount = values
    return Entry(deal_id, to_us(deal_at), server_id, ticket, leg, client_id, _to_int(amount))  # type: ignore[arg-type]


def _to_int(measure: object) -> int:
    return int(measure.scaleb(20))  # type: ignore[attr-defined]


def _month_of(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1
