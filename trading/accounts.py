"""Trading accounts of clients, and the latest state that the MT server told of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from clients.models import Client
from core.money import from_e8
from mt4bridge.types import AccountState, PositionRow
from trading.models import AccountSnapshot, MtGroup, TradingAccount


@transaction.atomic
def register_account(
    *, login: int, client: Client, mt_group: MtGroup, leverage: int, opened_at: datetime, actor: Actor, now: datetime
) -> TradingAccount:
    """Link an account that exists on the MT server to a client; doing it again changes nothing.

    Deals that were held because nobody had this login are taken by the walker's next round (queries.release_keys)."""
    row, created = TradingAccount.objects.get_or_create(
        server_id=mt_group.server_id, login=login,
        defaults={"client": client, "mt_group": mt_group, "leverage": leverage, "opened_at": opened_at},
    )  # fmt: skip
    if created:
        record_audit(
            actor=actor, action="trading.register_account", object_type="trading_account", object_id=str(row.pk),
            before=None, after={"login": login, "client_id": client.pk}, now=now,
        )  # fmt: skip
    return row


@transaction.atomic
def store_snapshots(
    *, server_id: int, states: Sequence[AccountState], positions: Iterable[PositionRow], now: datetime
) -> int:
    """Keep the newest state and open positions of the accounts; return how many accounts were known."""
    accounts = {
        account.login: account
        for account in TradingAccount.objects.filter(server_id=server_id, login__in=[s.login for s in states])
    }
    open_positions: dict[int, list[dict[str, Any]]] = {}
    for position in positions:
        open_positions.setdefault(position.login, []).append(_position(position))
    rows = [
        AccountSnapshot(
            account=accounts[state.login], balance=state.balance, credit=state.credit, equity=state.equity,
            margin=state.margin, margin_free=state.margin_free, floating=state.floating,
            positions=open_positions.get(state.login, []), taken_at=now,
        )
        for state in states if state.login in accounts
    ]  # fmt: skip
    AccountSnapshot.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["account"],
        update_fields=["balance", "credit", "equity", "margin", "margin_free", "floating", "positions", "taken_at"],
    )  # fmt: skip
    return len(rows)


def _position(row: PositionRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "symbol": row.symbol,
        "side": "buy" if row.action == 0 else "sell",
        "volume_lots": f"{from_e8(row.volume_e8).normalize():f}",
        "price_open": f"{from_e8(row.price_open_e8).normalize():f}",
        "price_current": f"{from_e8(row.price_current_e8).normalize():f}",
        "profit": f"{row.profit:f}",
        "swap": f"{row.swap:f}",
        "opened_at": row.opened_at.isoformat(),
    }
