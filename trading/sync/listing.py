"""Take over which accounts an MT server lists, in steps: each is a transaction of its own, and a reading that dies is
finished by the next one, which finds equal what the steps before have done.

Leverage and group of clients' accounts are in force from the moment they were seen (decision 0023)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from mt4bridge.types import UserRow
from trading.models import MtGroup, TradingAccount
from trading.sync.changes import NAME_LENGTH, Change, note_changes
from trading.sync.enums import ChangedField, ChangeOf
from trading.sync.models import ServerAccount
from trading.sync.queries import knows_accounts
from trading.sync.services import note_accounts

STEP = 5_000  # accounts that one transaction takes over
_PERSON_LENGTH = 160

_INSERT = """INSERT INTO trading_serveraccount
    (server_id, first_seen_at, login, registered_at, "group", name, email, country, leverage, agent)
SELECT %s, %s, n.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::integer[], %s::bigint[]) AS n
ON CONFLICT (server_id, login) DO NOTHING RETURNING login, "group" """
_UPDATE = """UPDATE trading_serveraccount a SET "group" = n.grp, name = n.name, email = n.email, country = n.country,
    leverage = n.leverage, agent = n.agent, gone_at = NULL
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::bigint[])
    AS n (login, grp, name, email, country, leverage, agent)
WHERE a.server_id = %s AND a.login = n.login"""
_MOVE_CLIENTS = """WITH moved AS (UPDATE trading_tradingaccount a
    SET mt_group_id = n.mt_group_id, leverage = n.leverage
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::integer[]) AS n (id, former_id, mt_group_id, leverage)
    WHERE a.id = n.id AND a.mt_group_id = n.former_id RETURNING a.id, n.former_id, n.mt_group_id)
INSERT INTO trading_formergroup (account_id, mt_group_id, until)
SELECT id, former_id, %s FROM moved WHERE former_id <> mt_group_id"""
_GONE = """UPDATE trading_serveraccount SET gone_at = %s
WHERE server_id = %s AND login = ANY(%s) AND gone_at IS NULL RETURNING login, "group" """
_NOTED = (ChangedField.GROUP, ChangedField.LEVERAGE, ChangedField.AGENT)


class Listed(NamedTuple):
    """What is kept of an account, as it is kept."""

    group: str
    name: str
    email: str
    country: str
    leverage: int
    agent: int


class Groups(NamedTuple):
    """The server's MT groups, by their name and by their id here."""

    by_name: Mapping[str, MtGroup]
    by_id: Mapping[int, MtGroup]


def sync_accounts(*, server_id: int, rows: Sequence[UserRow], now: datetime) -> int:
    """Keep the list of the server's accounts; return how many are new. An account that left it is marked gone.

    Leverage and group of clients' accounts are taken over. The first list notes nobody as new, even when it takes
    several readings because they die. Call it outside a transaction: each step has its own, so that nobody waits for
    long. One reading of a server at a time; should two meet, whoever comes first inserts and notes what is new."""
    listed = {row.login: row for row in rows}
    logins = sorted(listed)
    is_first = not knows_accounts(server_id)
    groups = _groups(server_id)
    fresh = 0
    for first in range(0, len(logins), STEP):
        step = {login: listed[login] for login in logins[first : first + STEP]}
        fresh += _take_step(server_id, step, groups, is_first=is_first, now=now)
    _mark_gone(server_id, listed, now)
    if listed:
        note_accounts(server_id=server_id, now=now)
    return fresh


def _groups(server_id: int) -> Groups:
    rows = list(MtGroup.objects.filter(server_id=server_id))
    return Groups({group.name: group for group in rows}, {group.pk: group for group in rows})


@transaction.atomic
def _take_step(server_id: int, step: Mapping[int, UserRow], groups: Groups, *, is_first: bool, now: datetime) -> int:
    """Take over some accounts in the order of their logins; return how many are new."""
    known = _known(server_id, min(step), max(step))
    new = _insert(server_id, [row for login, row in step.items() if login not in known], now)
    changes = [] if is_first else [_appeared(login, group) for login, group in new]
    changed: dict[int, Listed] = {}
    for login, row in step.items():
        if login in known:
            before, is_gone = known[login]
            after = _listed(row)
            if is_gone or before != after:
                changed[login] = after
                changes += _changes(login, before, after, was_gone=is_gone)
    _update(server_id, changed)
    changes += _take_over(server_id, step, groups, now)
    note_changes(server_id, changes, now)
    return len(new)


def _known(server_id: int, first: int, last: int) -> dict[int, tuple[Listed, bool]]:
    """Return what is kept of the accounts with these logins, and whether each is gone."""
    rows = ServerAccount.objects.filter(server_id=server_id, login__gte=first, login__lte=last)
    found = rows.values_list("login", "gone_at", *Listed._fields)
    return {login: (Listed(*values), gone_at is not None) for login, gone_at, *values in found.iterator(STEP)}


def _listed(row: UserRow) -> Listed:
    return Listed(
        row.group[:NAME_LENGTH], row.name[:_PERSON_LENGTH], row.email[:_PERSON_LENGTH], row.country[:NAME_LENGTH],
        row.leverage, row.agent,
    )  # fmt: skip


def _insert(server_id: int, rows: Sequence[UserRow], now: datetime) -> list[tuple[int, str]]:
    """Insert accounts; return login and group of those that nobody else inserted meanwhile."""
    if not rows:
        return []
    columns = _columns((row.login, row.registered_at, *_listed(row)) for row in rows)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [server_id, now, *columns])
        return list(cursor.fetchall())


def _update(server_id: int, changed: Mapping[int, Listed]) -> None:
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [list(changed), *_columns(iter(changed.values())), server_id])


def _columns(rows: Iterator[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _appeared(login: int, group: str) -> Change:
    return Change(ChangeOf.ACCOUNT, str(login), ChangedField.APPEARED, "", group)


def _changes(login: int, before: Listed, after: Listed, *, was_gone: bool) -> list[Change]:
    """Return what is noted of an account that changed; personal details change without a note."""
    found = [
        Change(ChangeOf.ACCOUNT, str(login), field, getattr(before, field.value), getattr(after, field.value))
        for field in _NOTED
        if getattr(before, field.value) != getattr(after, field.value)
    ]
    return [*found, _appeared(login, after.group)] if was_gone else found


def _take_over(server_id: int, step: Mapping[int, UserRow], groups: Groups, now: datetime) -> list[Change]:
    """Bring leverage and group of clients' accounts up to date; a deal keeps the group of its own time.

    A move into a group of another currency waits: it cannot be, so somebody has to look."""
    changed: list[tuple[int, int, int, int]] = []
    changes: list[Change] = []
    accounts = TradingAccount.objects.filter(server_id=server_id, login__gte=min(step), login__lte=max(step))
    columns = accounts.order_by("login").values_list("pk", "login", "mt_group_id", "leverage")
    for pk, login, group_id, leverage in list(columns):
        row = step.get(login)
        if row is None:
            continue
        current = groups.by_id[group_id]
        group = groups.by_name.get(row.group, current)
        if group.currency != current.currency:
            changes.append(
                Change(ChangeOf.ACCOUNT, str(login), ChangedField.GROUP, current.name, row.group, waits=True)
            )
            group = current
        wanted = (group.pk, row.leverage or leverage)
        if wanted != (group_id, leverage):
            changed.append((pk, group_id, *wanted))
    _move_clients(changed, now)
    return changes


def _move_clients(changed: Sequence[tuple[int, int, int, int]], now: datetime) -> None:
    """Write accounts as (id, group before, group, leverage), and keep the group that each has left."""
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_CLIENTS, [*(list(column) for column in zip(*changed, strict=True)), now])


def _mark_gone(server_id: int, listed: Mapping[int, UserRow], now: datetime) -> None:
    """Note which accounts the server listed before and does not list now, in steps as well."""
    there = ServerAccount.objects.filter(server_id=server_id, gone_at__isnull=True).values_list("login", flat=True)
    gone = sorted(login for login in there if login not in listed)
    for first in range(0, len(gone), STEP):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_GONE, [now, server_id, gone[first : first + STEP]])
            left = sorted(cursor.fetchall())
            changes = [Change(ChangeOf.ACCOUNT, str(login), ChangedField.GONE, group) for login, group in left]
            note_changes(server_id, changes, now)
