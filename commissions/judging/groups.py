"""The MT group that an account was in at the time of each deal."""

import numpy as np
import numpy.typing as npt

from commissions.judging.columns import Column, Rows, array_text, read_columns

Int64s = npt.NDArray[np.int64]

_FORMER_COLUMNS = (
    Column("account", "f.account_id"),
    Column("mt_group", "f.mt_group_id"),
    Column("until_us", "f.until", "timestamptz"),
)


class Groups:
    """The groups of some accounts, each account by its place: the one it is in now, and those it has left."""

    def __init__(self, accounts: Int64s, now: Int64s, former: Rows) -> None:
        """`accounts` rise; `now` is the group of each; `former` is sorted by account, the latest first."""
        self.now = now
        self._until = np.ascontiguousarray(former["until_us"], dtype=np.int64)
        self._left = np.ascontiguousarray(former["mt_group"], dtype=np.int64)
        self._starts = np.searchsorted(former["account"], np.append(accounts, np.iinfo(np.int64).max))

    def at(self, places: Int64s, at_us: Int64s) -> Int64s:
        """Return the group at each moment; a step for as many groups as the account with the most has left since."""
        groups = self.now[places]
        deals = np.arange(len(places))
        former, end = self._starts[places], self._starts[places + 1]
        while len(deals):
            deals = deals[former[deals] < end[deals]]
            deals = deals[at_us[deals] < self._until[former[deals]]]
            groups[deals] = self._left[former[deals]]
            former[deals] += 1
        return groups

    def of_deal(self, place: int, at_us: int) -> int:
        """Return the group of one account at one moment."""
        group = int(self.now[place])
        for former in range(int(self._starts[place]), int(self._starts[place + 1])):
            if at_us >= self._until[former]:
                break
            group = int(self._left[former])
        return group


def read_groups(accounts: Int64s, now: Int64s) -> Groups:
    """Return the groups of these accounts, whose ids rise; `now` is the group that each is in. One statement."""
    former = read_columns(
        _FORMER_COLUMNS,
        "FROM trading_formergroup f WHERE f.account_id = ANY(%s) ORDER BY f.account_id, f.until DESC",
        [array_text(accounts)],
    )
    return Groups(accounts, now, former)
