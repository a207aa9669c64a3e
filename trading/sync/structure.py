"""Take over what an MT server says of its groups, symbols and accounts; every difference to before is a dated change.

Digits, contract size, folder and leverage are in force from the moment they were seen. A currency is not: it would
reprice what was judged, so it waits for a decision, and new deals of such a symbol are held (decision 0023)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from core.money import from_e8
from mt4bridge.types import GroupRow, SymbolRow, UserRow
from trading.models import MtGroup, Symbol, TradingAccount
from trading.sync.enums import ChangedField, ChangeOf, ChangeState
from trading.sync.models import FormerGroup, ServerAccount, ServerChange, SymbolSpec

_NAME_LENGTH = 64
_VALUE_LENGTH = 200
_AT_ONCE = 1_000
_ACCOUNT_FIELDS = ("group", "name", "email", "country", "leverage", "agent", "gone_at")
Row = TypeVar("Row", GroupRow, SymbolRow)


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is not what it was."""

    of: ChangeOf
    name: str
    field: ChangedField
    before: object = ""
    after: object = ""
    waits: bool = False


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
    _note(server_id, changes, now)
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
    _note(server_id, changes, now)
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
        quote_currency=row.currency_profit, path=row.path[:_VALUE_LENGTH],
    )  # fmt: skip


def _values(spec: SymbolSpec) -> tuple[object, ...]:
    return (spec.contract_size_e8, spec.digits, spec.quote_currency, spec.path)


def _plain(scaled: int) -> str:
    return f"{from_e8(scaled).normalize():f}"


@transaction.atomic
def sync_accounts(*, server_id: int, rows: Sequence[UserRow], now: datetime) -> int:
    """Keep the list of the server's accounts; return how many are new. An account that left it is marked gone.

    Leverage and group of clients' accounts are taken over."""
    known = {account.login: account for account in ServerAccount.objects.filter(server_id=server_id)}
    listed = {row.login: row for row in rows}
    fresh = [_listed(server_id, row, now) for login, row in listed.items() if login not in known]
    ServerAccount.objects.bulk_create(fresh, batch_size=_AT_ONCE)
    changes = [
        Change(ChangeOf.ACCOUNT, str(account.login), ChangedField.APPEARED, "", account.group)
        for account in fresh
        if known
    ]
    changed: list[ServerAccount] = []
    for login, account in known.items():
        found, is_changed = _account_changes(account, listed.get(login), now)
        changes += found
        if is_changed:
            changed.append(account)
    ServerAccount.objects.bulk_update(changed, _ACCOUNT_FIELDS, batch_size=_AT_ONCE)
    changes += _take_over(server_id, listed, now)
    _note(server_id, changes, now)
    return len(fresh)


def _listed(server_id: int, row: UserRow, now: datetime) -> ServerAccount:
    account = ServerAccount(server_id=server_id, login=row.login, first_seen_at=now, registered_at=row.registered_at)
    for name, value in _account_values(row).items():
        setattr(account, name, value)
    return account


def _account_values(row: UserRow) -> dict[str, object]:
    return {
        "group": row.group[:_NAME_LENGTH], "name": row.name[:160], "email": row.email[:160],
        "country": row.country[:_NAME_LENGTH], "leverage": row.leverage, "agent": row.agent, "gone_at": None,
    }  # fmt: skip


def _account_changes(account: ServerAccount, row: UserRow | None, now: datetime) -> tuple[list[Change], bool]:
    """Return what changed and whether the row must be written; personal details change without a note."""
    name = str(account.login)
    if row is None:
        if account.gone_at is not None:
            return [], False
        account.gone_at = now
        return [Change(ChangeOf.ACCOUNT, name, ChangedField.GONE, account.group)], True
    new = _account_values(row)
    before = {field: getattr(account, field) for field in new}
    if before == new:
        return [], False
    for field, value in new.items():
        setattr(account, field, value)
    noted = [
        Change(ChangeOf.ACCOUNT, name, field, before[field.value], new[field.value])
        for field in (ChangedField.GROUP, ChangedField.LEVERAGE, ChangedField.AGENT)
        if before[field.value] != new[field.value]
    ]
    if before["gone_at"] is not None:
        noted.append(Change(ChangeOf.ACCOUNT, name, ChangedField.APPEARED, "", row.group))
    return noted, True


def _take_over(server_id: int, listed: Mapping[int, UserRow], now: datetime) -> list[Change]:
    """Bring leverage and group of clients' accounts up to date; a deal keeps the group of its own time.

    A move into a group of another currency waits: it cannot be, so somebody has to look."""
    accounts = list(TradingAccount.objects.filter(server_id=server_id).select_related("mt_group").order_by("pk"))
    groups = {group.name: group for group in MtGroup.objects.filter(server_id=server_id)}
    changed, former, changes = [], [], []
    for account in accounts:
        row = listed.get(account.login)
        if row is None:
            continue
        group = groups.get(row.group, account.mt_group)
        if group.currency != account.mt_group.currency:
            before = account.mt_group.name
            changes.append(
                Change(ChangeOf.ACCOUNT, str(account.login), ChangedField.GROUP, before, row.group, waits=True)
            )
            group = account.mt_group
        if (group.pk, row.leverage or account.leverage) == (account.mt_group_id, account.leverage):
            continue
        if group.pk != account.mt_group_id:
            former.append(FormerGroup(account=account, mt_group_id=account.mt_group_id, until=now))
        account.mt_group, account.leverage = group, row.leverage or account.leverage
        changed.append(account)
    FormerGroup.objects.bulk_create(former, batch_size=_AT_ONCE)
    TradingAccount.objects.bulk_update(changed, ["leverage", "mt_group"], batch_size=_AT_ONCE)
    return changes


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


def _note(server_id: int, changes: Sequence[Change], now: datetime) -> None:
    """Write the changes; one that waits already, or was decided with the same outcome, is not written again."""
    waiting = [change for change in changes if change.waits]
    decided = (
        set(
            ServerChange.objects.filter(server_id=server_id)
            .exclude(state=ChangeState.TAKEN)
            .filter(name__in={change.name for change in waiting})
            .values_list("of", "name", "field", "before", "after")
        )
        if waiting
        else set()
    )
    ServerChange.objects.bulk_create(
        [
            ServerChange(
                server_id=server_id, seen_at=now, of=change.of, name=change.name[:_NAME_LENGTH], field=change.field,
                before=str(change.before)[:_VALUE_LENGTH], after=str(change.after)[:_VALUE_LENGTH],
                state=ChangeState.WAITING if change.waits else ChangeState.TAKEN,
            )
            for change in changes
            if not change.waits
            or (change.of, change.name, change.field, str(change.before), str(change.after)) not in decided
        ],
        ignore_conflicts=True,
    )  # fmt: skip
