"""Reads of the network."""

from ib.queries.chains import account_chains_at, chain_of, chains_at
from ib.queries.pages import children, ibs_visible_to, network_clients
from ib.queries.places import agreement_at, find_ib_id, links_of, parent_at
from ib.queries.snapshot import affected_since, network_snapshot, network_version
from ib.queries.verify import verify_network

__all__ = [
    "account_chains_at",
    "affected_since",
    "agreement_at",
    "chain_of",
    "chains_at",
    "children",
    "find_ib_id",
    "ibs_visible_to",
    "links_of",
    "network_clients",
    "network_snapshot",
    "network_version",
    "parent_at",
    "verify_network",
]
