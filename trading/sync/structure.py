"""Take over what an MT server says of its groups and symbols; every difference to before is a dated change.

Digits, contract size and folder are in force from the moment they were seen. A currency is not: it would
reprice what was judged, so it waits for a decision, and new deals of such a symbol are held (decision 0023)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from core.money import from_e8
from mt4bridge.types import GroupRow, SymbolRow
from trading.models import MtGroup, Symbol
from trading.sync.changes import VALUE_LENGTH, Change, note_changes
from trading.sync.enums import ChangedField, ChangeOf
from trading.sync.models import ServerChange, SymbolSpec

Row = TypeVar("Row", GroupRow, SymbolRow)


@transaction.atomic
def sync_groups(*, server_id: int, rows: Sequence[GroupRow], now: datetime) -> int:
    """Take over the groups of the server; return how many are new here. A new one has no lot factor."""
    known = {group.name: group for group in MtGroup.objects.filter(server_id=server_id)}
    fresh = [row for row in _by_name(rows).values() if row.name not in known]
    MtGroup.objects.bulk_create(
        MtGroup(server_id=server_id, name=row.name, currency=row.currency, currency_digits=row.currency_digits)
        for row in fresh
    )
    changes = _came_and_went(server_id, ChangeOf.GROUP, known, {row.name for row in rows})
    for row in rows:
        if group := known.get(row.name):
            changes += _group_changes(group, row)
    note_changes(server_id, changes, now)
    return len(fresh)


def _group_changes(group: MtGroup, row: GroupRow) -> list[Change]:
    found = []
    if group.currency != row.currency:
        found.append(Change(ChangeOf.GROUP, row.name, ChangedField.CURRENCY, group.currency, row.currency, waits=True))
    elif group.currency_digits != row.currency_digits:
        found.append(
            Change(
                ChangeOf.GROUP, row.name, ChangedField.CURRENCY_DIGITS, group.currency_digits, row.currency_digits
            )
        )  # fmt: skip
        group.currency_digits = row.currency_digits
        group.save(update_fields=["currency_digits"])
    return found


@transaction.atomic
def sync_symbols(*, server_id: int, rows: Sequence[SymbolRow], now: datetime) -> int:
    """Take over the symbols of the server; return how many are new here. A new one is unclassified.

    Deals that were held because a symbol was unknown are taken by the walker's next round. A server that lists no
    symbol at all does not describe any (the mirror of an MT4 server): then staff do."""
    if not rows:
        return 0
    known = {symbol.name: symbol for symbol in Symbol.objects.filter(server_id=server_id)}
    listed = _by_name(row for row in rows if row.contract_size_e8 > 0)
    fresh = [row for name, row in listed.items() if name not in known]
    created = Symbol.objects.bulk_create(
        Symbol(
            server_id=server_id, name=row.name, contract_size_e8=row.contract_size_e8, digits=row.digits,
            quote_currency=row.currency_profit,
        )
        for row in fresh
    )  # fmt: skip
    specs = [_spec(symbol, listed[symbol.name], now) for symbol in created]
    last = last_specs(server_id)
    changes = _came_and_went(server_id, ChangeOf.SYMBOL, known, {row.name for row in rows})
    for name, symbol in known.items():
        if (row := listed.get(name)) is not None:
            found, spec = _symbol_changes(symbol, last.get(symbol.pk), row, now)
            changes += found
            specs += spec
    SymbolSpec.objects.bulk_create(specs)
    note_changes(server_id, changes, now)
    return len(fresh)


def last_specs(server_id: int) -> dict[int, SymbolSpec]:
    """Return the newest spec of each symbol of the server."""
    rows = SymbolSpec.objects.filter(symbol__server_id=server_id).order_by("symbol_id", "-seen_at")
    return {spec.symbol_id: spec for spec in rows.distinct("symbol_id")}


def _symbol_changes(
    symbol: Symbol, last: SymbolSpec | None, row: SymbolRow, now: datetime
) -> tuple[list[Change], list[SymbolSpec]]:
    """Return what changed of a symbol and its new spec, and bring the symbol up to date."""
    spec = _spec(symbol, row, now)
    if last is None:  # registered before specs were kept: what it had counts as the first
        before: Symbol | SymbolSpec = symbol
    elif _values(last) == _values(spec):
        return [], []
    else:
        before = last
    pairs = {
        ChangedField.CONTRACT_SIZE: (_plain(before.contract_size_e8), _plain(row.contract_size_e8)),
        ChangedField.DIGITS: (before.digits, row.digits),
        ChangedField.QUOTE_CURRENCY: (before.quote_currency, row.currency_profit),
    }
    if last is not None:
        pairs[ChangedField.PATH] = (last.path, spec.path)
    changes = [
        Change(ChangeOf.SYMBOL, row.name, field, old, new, waits=field is ChangedField.QUOTE_CURRENCY)
        for field, (old, new) in pairs.items()
        if old != new
    ]
    if (symbol.contract_size_e8, symbol.digits) != (row.contract_size_e8, row.digits):
        symbol.contract_size_e8, symbol.digits = row.contract_size_e8, row.digits
        symbol.save(update_fields=["contract_size_e8", "digits"])
    return changes, [spec]


def _spec(symbol: Symbol, row: SymbolRow, now: datetime) -> SymbolSpec:
    return SymbolSpec(
        symbol=symbol, seen_at=now, contract_size_e8=row.contract_size_e8, digits=row.digits,
        quote_currency=row.currency_profit, path=row.path[:VALUE_LENGTH],
    )  # fmt: skip


def _values(spec: SymbolSpec) -> tuple[object, ...]:
    return (spec.contract_size_e8, spec.digits, spec.quote_currency, spec.path)


def _plain(scaled: int) -> str:
    return f"{from_e8(scaled).normalize():f}"


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def _came_and_went(server_id: int, of: ChangeOf, known: Iterable[str], listed: set[str]) -> list[Change]:
    """Return what is new and what is gone since the last look; the first look notes nothing."""
    names = set(known)
    if not names:
        return []
    notes = ServerChange.objects.filter(
        server_id=server_id, of=of, field__in=[ChangedField.APPEARED, ChangedField.GONE]
    ).order_by("id")
    last = dict(notes.values_list("name", "field"))
    there = [name for name in listed if name not in names or last.get(name) == ChangedField.GONE]
    gone = [name for name in names - listed if last.get(name) != ChangedField.GONE]
    return [
        *(Change(of, name, ChangedField.APPEARED) for name in sorted(there)),
        *(Change(of, name, ChangedField.GONE) for name in sorted(gone)),
    ]
