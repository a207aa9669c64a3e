"""Servers, accounts and rows of the bridge for tests: valid, boring, overridable."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clients.models import Client
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.models import MtServer
from mt4bridge.types import DealRow
from trading.models import MtGroup, Symbol, SymbolGroup, TradingAccount

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
LOT = 10**8


def make_server(name: str = "MT5 Live", **values: Any) -> MtServer:
    server = MtServer(
        name=name, **{"address": "127.0.0.1:443", "manager_login": 1000, "history_from": BEGINNING, **values}
    )
    server.set_manager_password("Password1")
    server.save()
    return server


def make_client(name: str = "Jane Roe", **values: Any) -> Client:
    number = Client.objects.count() + 1
    defaults = {"code": f"C{200000 + number}", "email": f"client{number}@example.org", "created_at": BEGINNING}
    return Client.objects.create(name=name, **{**defaults, **values})


def make_mt_group(server: MtServer, name: str = "real\\std-usd", **values: Any) -> MtGroup:
    defaults = {"currency": "USD", "currency_digits": 2, "lot_factor": Decimal(1)}
    return MtGroup.objects.create(server=server, name=name, **{**defaults, **values})


def make_symbol(server: MtServer, name: str = "EURUSD", *, group: SymbolGroup | None = None, **values: Any) -> Symbol:
    defaults = {"contract_size_e8": 100_000 * LOT, "digits": 5, "quote_currency": "USD"}
    return Symbol.objects.create(server=server, name=name, group=group, **{**defaults, **values})


def make_account(mt_group: MtGroup, login: int = 1001, *, client: Client | None = None) -> TradingAccount:
    return TradingAccount.objects.create(
        server=mt_group.server, login=login, client=client or make_client(), mt_group=mt_group, opened_at=BEGINNING
    )


def deal_row(ticket: int, **values: Any) -> DealRow:
    """Return an opening buy of one lot EURUSD of login 1001; a closing one with entry=DealEntry.OUT."""
    entry = values.get("entry", DealEntry.IN)
    volume = values.get("volume_e8", LOT)
    defaults = {
        "leg": 0, "login": 1001, "symbol": "EURUSD", "action": DealAction.BUY, "entry": entry,
        "reason": DealReason.CLIENT, "position": ticket, "position_by": 0, "order": ticket, "volume_e8": volume,
        "volume_closed_e8": 0 if entry == DealEntry.IN else volume, "price_e8": 110_000_000, "bid_e8": None,
        "ask_e8": None, "contract_size_e8": 100_000 * LOT, "digits": 5, "currency_digits": 2, "profit_e8": 0,
        "swap_e8": 0, "commission_e8": 0, "fee_e8": 0, "deal_at": datetime(2026, 3, 2, 10, tzinfo=UTC), "comment": "",
    }  # fmt: skip
    return DealRow(ticket=ticket, **{**defaults, **values})
