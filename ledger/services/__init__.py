"""Writes of the ledger; nothing else writes its tables."""

from ledger.services.accounts import ensure_accounts
from ledger.services.entries import post_entries, post_entry, reverse_entry
from ledger.services.holds import capture_hold, hold_funds, lock_balances, release_hold
from ledger.services.transfers import post_transfers

__all__ = [
    "capture_hold",
    "ensure_accounts",
    "hold_funds",
    "lock_balances",
    "post_entries",
    "post_entry",
    "post_transfers",
    "release_hold",
    "reverse_entry",
]
