"""Accounts of an MT server: its groups and symbols, and the states that pages show with their age."""

from datetime import datetime, timedelta

from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from trading.accounts import store_snapshots
from trading.queries import logins_to_refresh
from trading.services import sync_groups, sync_symbols

REFRESH_EVERY = timedelta(seconds=10)
LOGINS_AT_ONCE = 400


def sync_configuration(*, server: MtServer, gateway: TradingServer) -> None:
    """Take over groups and symbols that are new on the server."""
    sync_groups(server_id=server.pk, rows=gateway.groups())
    sync_symbols(server_id=server.pk, rows=gateway.symbols())


def refresh(*, server: MtServer, gateway: TradingServer, now: datetime) -> int:
    """Look at the accounts whose state is oldest; return how many were refreshed."""
    logins = logins_to_refresh(server_id=server.pk, older_than=now - REFRESH_EVERY, limit=LOGINS_AT_ONCE)
    if not logins:
        return 0
    states, positions = gateway.account_states(logins), gateway.positions(logins)
    return store_snapshots(server_id=server.pk, states=states, positions=positions, now=now)
