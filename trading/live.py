"""Which accounts somebody looks at now: their states are asked for more often than the others'."""

from collections.abc import Iterable
from datetime import timedelta

from core.watching import watch, watched

STALE_AFTER = timedelta(seconds=60)  # a state that is older is marked: the server may be away
_KIND = "trading_account"


def watch_accounts(account_ids: Iterable[int]) -> None:
    """Mark accounts as looked at, for a minute; a page calls it each time it is shown."""
    watch(_KIND, account_ids)


def watched_accounts() -> list[int]:
    """Return the accounts that were looked at in the last minute."""
    return watched(_KIND)
