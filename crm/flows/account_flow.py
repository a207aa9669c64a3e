"""What an MT server says beside deals: its clock, groups, symbols and accounts, and the states that pages show."""

from collections.abc import Collection
from datetime import datetime, timedelta

from crm.flows.alone import the_only_reader
from mt4bridge.clock import ServerClock
from mt4bridge.errors import ClockMismatch
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from trading.accounts import store_snapshots
from trading.live import watched_accounts
from trading.queries import logins_of_accounts, logins_to_refresh
from trading.sync.listing import sync_accounts
from trading.sync.queries import is_ours, needs_structure, was_introduced
from trading.sync.services import note_clock, note_introduction, note_structure
from trading.sync.structure import sync_groups, sync_symbols

STRUCTURE_EVERY = timedelta(minutes=5)
REFRESH_EVERY = timedelta(seconds=10)  # an account that nobody looks at
REFRESH_WATCHED_EVERY = timedelta(seconds=2)
LOGINS_AT_ONCE = 400
CLOCK_MAY_DIFFER_S = 300  # more is another zone or other dates of daylight saving, not a slow line


def introduce(*, server: MtServer, gateway: TradingServer, now: datetime) -> bool:
    """Check the clock and read groups and symbols on the first contact, before any deal; return whether it was that.

    Accounts are read by a task of their own (`sync_when_due`): deals of accounts that are known here need not wait.

    :raises ClockMismatch: the server's clock is not in the zone that was set; deals would get wrong times."""
    if was_introduced(server.pk):
        return False
    off = check_clock(server=server, gateway=gateway, now=now)
    if abs(off) > CLOCK_MAY_DIFFER_S:
        raise ClockMismatch(minutes=round(off / 60), zone=server.clock_zone, shift=server.clock_shift_minutes)
    sync_configuration(server=server, gateway=gateway, now=now)
    note_introduction(server_id=server.pk, now=now)
    return True


def sync_when_due(*, server: MtServer, gateway: TradingServer, now: datetime) -> bool:
    """Read an introduced server's structure and check its clock when it is time to; return whether it was.

    Another reading that is under way does it."""
    with the_only_reader(server.pk) as alone:
        if not alone or not needs_structure(server.pk, now=now, every=STRUCTURE_EVERY):
            return False
        check_clock(server=server, gateway=gateway, now=now)
        sync_structure(server=server, gateway=gateway, now=now)
        return True


def sync_configuration(*, server: MtServer, gateway: TradingServer, now: datetime) -> None:
    """Take over groups and symbols of the broker's masks."""
    groups = [row for row in gateway.groups() if is_ours(server, row.name)]
    sync_groups(server_id=server.pk, rows=groups, now=now)
    sync_symbols(server_id=server.pk, rows=gateway.symbols(), now=now)


def sync_structure(*, server: MtServer, gateway: TradingServer, now: datetime) -> None:
    """Take over groups, symbols and the list of accounts; a broker sees only what is in its masks.

    One reading of a server at a time: inside `the_only_reader`."""
    sync_configuration(server=server, gateway=gateway, now=now)
    users = [row for row in gateway.users() if is_ours(server, row.group)]
    sync_accounts(server_id=server.pk, rows=users, now=now)
    note_structure(server_id=server.pk, now=now)


def check_clock(*, server: MtServer, gateway: TradingServer, now: datetime) -> int:
    """Compare the server's wall clock with the wall clock of its zone; return the difference in seconds, and note it.

    Wall clocks are compared, so the hour that autumn repeats is no alarm."""
    clock = ServerClock(server.clock_zone, server.clock_shift_minutes)
    off = clock.from_utc(gateway.server_time()) - clock.from_utc(now)
    note_clock(server_id=server.pk, off_seconds=off, is_wrong=abs(off) > CLOCK_MAY_DIFFER_S, now=now)
    return off


def refresh(*, server: MtServer, gateway: TradingServer, now: datetime) -> int:
    """Look at the accounts that somebody watches, then at those whose state is oldest; return how many."""
    logins = _logins(server, watched_accounts(), now)
    if not logins:
        return 0
    states, positions = gateway.account_states(logins), gateway.positions(logins)
    return store_snapshots(server_id=server.pk, states=states, positions=positions, now=now)


def _logins(server: MtServer, account_ids: Collection[int], now: datetime) -> list[int]:
    """Return what to look at now: every watched account that is two seconds old, and the longest forgotten others."""
    watching = logins_of_accounts(
        server_id=server.pk, account_ids=account_ids, older_than=now - REFRESH_WATCHED_EVERY, limit=LOGINS_AT_ONCE
    )
    room = LOGINS_AT_ONCE - len(watching)
    others = logins_to_refresh(server_id=server.pk, older_than=now - REFRESH_EVERY, limit=room)
    return sorted({*watching, *others})
