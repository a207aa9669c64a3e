"""Stands in for the Windows package `MetaTrader5`: the functions the agent uses, over one account in memory."""

from types import SimpleNamespace
from typing import Any

__version__ = "5.0.6231"
RES_S_OK, RES_E_FAIL, RES_E_NOT_FOUND = 1, -1, -4


class Account:
    """What the terminal shows; tests fill it."""

    def __init__(self) -> None:
        self.signed_in = 4242
        self.deals: list[Any] = []
        self.positions: list[Any] = []
        self.orders: list[Any] = []
        self.error = (RES_S_OK, "Success")
        self.is_running = True
        self.is_initialized = False


ACCOUNT = Account()


def reset() -> Account:
    global ACCOUNT  # noqa: PLW0603 -- a module stands for a package
    ACCOUNT = Account()
    return ACCOUNT


def initialize(path: str = "", *, login: int, password: str, server: str) -> bool:
    assert (login, password, server, path) == (4242, "terminal-pass", "Broker-Demo", "")
    if not ACCOUNT.is_running:
        ACCOUNT.error = (-10005, "IPC timeout")
        return False
    ACCOUNT.is_initialized = True
    return True


def shutdown() -> None:
    ACCOUNT.is_initialized = False


def last_error() -> tuple[int, str]:
    return ACCOUNT.error


def account_info() -> Any:
    if not ACCOUNT.is_initialized or not ACCOUNT.is_running:
        ACCOUNT.error = (-10004, "No IPC connection")
        return None
    return SimpleNamespace(
        login=ACCOUNT.signed_in, name="One Client", currency="USD", currency_digits=2, leverage=100, trade_allowed=True,
        balance=100188.34, credit=0.0, equity=100188.34, margin=0.0, margin_free=100188.34, profit=0.0,
    )  # fmt: skip


def symbols_get() -> Any:
    return (symbol_info("EURUSD"),)


def symbol_info(symbol: str) -> Any:
    if symbol != "EURUSD":
        return None
    return SimpleNamespace(
        name="EURUSD", path="Forex\\EURUSD", digits=5, trade_contract_size=100000.0, currency_base="EUR",
        currency_profit="USD", time=1_740_568_592,
    )  # fmt: skip


def symbol_info_tick(symbol: str) -> Any:
    return SimpleNamespace(bid=1.05, ask=1.0500999999, time_msc=1_740_568_592_779) if symbol == "EURUSD" else None


def history_deals_get(date_from: int, date_to: int, /) -> Any:
    return tuple(deal for deal in ACCOUNT.deals if date_from <= deal.time <= date_to)


def positions_get() -> Any:
    return tuple(ACCOUNT.positions)


def orders_get() -> Any:
    return tuple(ACCOUNT.orders)
