"""Which chain each deal of a batch had, at its own time, for whole columns."""

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct
from commissions.judging.book import Book
from commissions.judging.chains import Chain, Network
from commissions.judging.columns import Rows
from ib.types import Periods

Int64s = npt.NDArray[np.int64]


def chains_of(rows: Rows, book: Book) -> Int64s:
    """Return the number of each deal's chain; that of the empty chain for a client without an IB."""
    clients = book.client_of[book.place(rows["account"])]
    chains = _chains_at(_leaves(rows, clients, book), rows["at_us"], book.network)
    _mark_own_trades(chains, clients, book)
    return chains


def _chains_at(leaf: Int64s, at_us: Int64s, network: Network) -> Int64s:
    """Return the number of the chain that each leaf has at each moment: all their segments in a row, and a step from
    one to the next for all deals at once."""
    leaves, inverse = distinct(leaf)
    segments = [network.segments(ib_id) if ib_id else network.nobody for ib_id in leaves.tolist()]
    sizes = np.array([len(each.starts) for each in segments], dtype=np.int64)
    starts = np.array([start for each in segments for start in each.starts], dtype=np.int64)
    offset = np.cumsum(sizes) - sizes
    found, last = offset[inverse], (offset + sizes - 1)[inverse]
    for _step in range(1, int(sizes.max(initial=1))):
        following = np.minimum(found + 1, last)
        found = np.where(starts[following] <= at_us, following, found)
    used, which = distinct(found)
    owner = np.searchsorted(offset, used, side="right") - 1
    pairs = zip(owner.tolist(), (used - offset[owner]).tolist(), strict=True)
    return np.array([network.chain(segments[mine], place).number for mine, place in pairs], dtype=np.int64)[which]


def _mark_own_trades(chains: Int64s, clients: Int64s, book: Book) -> None:
    """Give deals of a client who is an IB of its own chain the chain that says so."""
    own = book.snapshot.self_ib
    if not own:
        return
    for index in np.flatnonzero(np.isin(clients, np.fromiter(own, dtype=np.int64))):
        chain: Chain = book.chains.chains[int(chains[index])]
        chains[index] = book.network.chain_of_own_trades(chain, own[int(clients[index])]).number


def _leaves(rows: Rows, clients: Int64s, book: Book) -> Int64s:
    """Return each deal's direct IB, 0 for none: the account's own link where there is one, else the client's."""
    leaf = _linked(book.snapshot.client_ibs, clients, rows["at_us"], missing=0)
    own = _linked(book.snapshot.account_ibs, rows["account"], rows["at_us"], missing=-1)
    return np.where(own >= 0, own, leaf)


def _linked(periods: Periods, subjects: Int64s, at_us: Int64s, *, missing: int) -> Int64s:
    """Return the target of the period that holds each moment of each subject."""
    subject = np.frombuffer(periods.subject, dtype=np.int64)
    if not len(subject):
        return np.full(len(subjects), missing, dtype=np.int64)
    target = np.frombuffer(periods.target, dtype=np.int64)
    start = np.frombuffer(periods.start_us, dtype=np.int64)
    end = np.frombuffer(periods.end_us, dtype=np.int64)
    ids, inverse = distinct(subjects)
    first = np.searchsorted(subject, ids, side="left")[inverse]
    last = np.searchsorted(subject, ids, side="right")[inverse]
    found = np.full(len(subjects), missing, dtype=np.int64)
    for step in range(int((last - first).max(initial=0))):
        at = np.minimum(first + step, len(subject) - 1)
        holds = (first + step < last) & (start[at] <= at_us) & (at_us < end[at])
        found[holds] = target[at[holds]]
    return found
