# ruff: noqa: ARG002 -- every call is refused, whatever it asks
"""What a way to a server that only reads says to everything else: no, with a sentence. Plain Python."""

from collections.abc import Collection
from decimal import Decimal
from typing import NoReturn

from mt4bridge.errors import Unsupported
from mt4bridge.types import (
    BalanceReceipt,
    Capability,
    MarginCheck,
    NewUser,
    OrderRow,
    PasswordKind,
    TickRow,
    UserChanges,
    UserRow,
)


class ReadOnly:
    """The writing half of `TradingServer` for a SQL mirror or files: each call raises `Unsupported`."""

    kind_name = ""
    can: frozenset[Capability] = frozenset()

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.can

    def _no(self, capability: str) -> NoReturn:
        raise Unsupported(kind=self.kind_name, capability=capability)

    def change_balance(
        self, *, login: int, kind: int, amount: Decimal, token: str, note: str = "", check_margin: bool = True
    ) -> BalanceReceipt:
        self._no("book a balance operation")

    def open_account(self, spec: NewUser) -> UserRow:
        self._no("open an account")

    def update_user(self, *, login: int, changes: UserChanges) -> UserRow:
        self._no("change an account")

    def set_password(self, *, login: int, kind: PasswordKind, password: str) -> None:
        self._no("set a password")

    def check_password(self, *, login: int, kind: PasswordKind, password: str) -> bool:
        self._no("check a password")

    def archive_user(self, login: int) -> None:
        self._no("archive an account")

    def delete_user(self, login: int) -> None:
        self._no("delete an account")

    def orders(self, logins: Collection[int]) -> list[OrderRow]:
        self._no("read working orders")

    def ticks(self, symbols: Collection[str]) -> list[TickRow]:
        self._no("read prices")

    def margin_check(self, *, login: int, symbol: str, action: int, volume_e8: int, price_e8: int) -> MarginCheck:
        self._no("check margin")
