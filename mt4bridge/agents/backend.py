"""What an agent must be able to do with its MT server; `app.App` puts it on the wire. Standard library only.

Rows are objects of the contract (`httpbridge/openapi.yaml`): decimals as text, times as server wall-clock
milliseconds. Calls come one at a time. Each may raise `Fault`; a write raises a certain one (`CERTAIN_FAULTS`) only
when surely nothing was carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mt4bridge.httpbridge.contract import Json


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which deals or trades are wanted: those of a period, or those with these tickets."""

    from_ms: int = 0  # server clock, included
    to_ms: int = 0  # server clock, excluded
    group: str = "*"  # mask of MT groups
    logins: tuple[int, ...] | None = None
    tickets: tuple[int, ...] | None = None


class Backend(Protocol):
    platform: str  # mt4 | mt5
    name: str  # of the agent and its version
    capabilities: Sequence[str]  # of contract.CAPABILITIES

    def connected(self) -> bool:
        """Say whether the agent reaches its MT server now. Never raises."""

    def server_ms(self) -> int:
        """Return the server's wall clock."""

    def groups(self) -> list[Json]: ...

    def symbols(self) -> list[Json]: ...

    def users(self, *, group: str, logins: Sequence[int] | None, token: str | None) -> list[Json]: ...

    def accounts(self, logins: Sequence[int]) -> list[Json]: ...

    def positions(self, logins: Sequence[int]) -> list[Json]:
        """Return the open positions. MT5 alone."""

    def orders(self, logins: Sequence[int]) -> list[Json]:
        """Return the working orders. MT5 alone."""

    def deals(self, query: HistoryQuery) -> list[Json]:
        """Return deals in the order (time, ticket). MT5 alone."""

    def trades(self, query: HistoryQuery) -> list[Json]:
        """Return the tickets opened, closed or changed in the period, in the order of tickets. MT4 alone."""

    def open_trades(self, logins: Sequence[int]) -> list[Json]:
        """Return open trades and working orders. MT4 alone."""

    def ticks(self, symbols: Sequence[str]) -> list[Json]: ...

    def check_margin(self, wanted: Json) -> Json: ...

    def add_user(self, wanted: Json) -> Json: ...

    def update_user(self, login: int, changes: Json) -> Json: ...

    def archive_user(self, login: int) -> None: ...

    def delete_user(self, login: int) -> None: ...

    def set_password(self, login: int, kind: str, password: str) -> None: ...

    def check_password(self, login: int, kind: str, password: str) -> bool: ...

    def change_balance(self, wanted: Json) -> Json:
        """Book a balance operation with exactly this comment; return {"ticket": …}."""

    def recover(self, path: str, wanted: Json) -> Json | None:
        """Look on the MT server for what an interrupted write did; return its answer, or None when it did nothing."""
