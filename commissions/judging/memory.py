"""What one process remembers between batches: plan versions, chains, cells, payees. All of it is content that never
changes under its key, so nothing here can be out of date; it is kept per database and broker."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection

from tenancy.context import current_broker

if TYPE_CHECKING:
    from commissions.judging.cells import CellTable
    from commissions.judging.chains import ChainTable, Network
    from commissions.judging.plans import LoadedVersion, Plans
    from ib.types import NetworkSnapshot

MAX_CELLS = 200_000


@dataclass(slots=True)
class Memory:
    """One broker's part. `payees`: {(ib id, client id, currency): payee id}; `accounts`: {payee id: (ledger account
    id, currency)}. `writes` False: payees that are missing are made up, with ids below zero, and stored nowhere."""

    versions: "dict[int, LoadedVersion]" = field(default_factory=dict)
    payees: dict[tuple[int, int, str], int] = field(default_factory=dict)
    chains: "ChainTable | None" = None
    cells: "CellTable | None" = None
    accounts: dict[int, tuple[int, str]] = field(default_factory=dict)
    snapshot: "NetworkSnapshot | None" = None
    snapshot_version: int = -1
    latest: "NetworkSnapshot | None" = None  # whatever clients it holds: later ones take its IBs over
    plans: "Plans | None" = None
    network: "Network | None" = None
    network_key: tuple[int, int] = (-1, -1)
    writes: bool = True


_MEMORIES: dict[tuple[str, str], Memory] = {}


def memory() -> Memory:
    """Return what this process remembers of the broker in force.

    Inside a transaction nothing is: what was read or written there may never have been."""
    if connection.in_atomic_block:
        return Memory()
    key = (str(connection.settings_dict["NAME"]), current_broker().schema_name)
    return _MEMORIES.setdefault(key, Memory())


def forget() -> None:
    """Forget all brokers: for measurements that start cold."""
    _MEMORIES.clear()
