"""Writes of the network. All of them take its lock first."""

from ib.services.agreements import set_agreement
from ib.services.errors import (
    AlreadyPlaced,
    AlreadyThere,
    CodeTaken,
    CycleRefused,
    NobodyThere,
    ParentNotYetThere,
    ShareOutOfRange,
    UnknownParent,
)
from ib.services.ibs import create_ib, create_network, move_ib
from ib.services.places import move_account, move_client, place_clients, release_account
from ib.services.state import hold_network_version, take_affected_from
from ib.services.tree import rebuild_tree, show_tree

__all__ = [
    "AlreadyThere",
    "CodeTaken",
    "CycleRefused",
    "NobodyThere",
    "ParentNotYetThere",
    "AlreadyPlaced",
    "ShareOutOfRange",
    "UnknownParent",
    "create_ib",
    "create_network",
    "hold_network_version",
    "move_account",
    "move_client",
    "move_ib",
    "place_clients",
    "rebuild_tree",
    "release_account",
    "set_agreement",
    "show_tree",
    "take_affected_from",
]
