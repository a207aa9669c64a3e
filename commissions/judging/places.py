"""Which chain each deal of a batch had, at its own time, for whole columns."""

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct
from commissions.judging.book import Book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from ib.types import Periods

Int64s = npt.NDArray[np.int64]


def chains_of(rows: Rows, book: Book) -> Int64s:
    """Return the number of each deal's chain; that of the empty chain for a client without an IB."""
    place = book.place(rows["account"])
    clients = book.client_of[place]
    leaf = _leaves(rows, clients, book)
    chains = np.full(len(rows), book.network.empty.number, dtype=np.int64)
    order = np.argsort(leaf, kind="stable")
    bounds = np.flatnonzero(np.diff(leaf[order], prepend=-1))
    at_us = rows["at_us"]
    span = (int(at_us.min()), int(at_us.max())) if len(rows) else (0, 0)
    for start, end in zip(bounds.tolist(), [*bounds[1:].tolist(), len(order)], strict=True):
        ib_id = int(leaf[order[start]])
        if ib_id:
            mine = order[start:end]
            chains[mine] = _chains_of_leaf(ib_id, at_us[mine], book, span)
    _mark_own_trades(chains, clients, book)
    return chains


def _chains_of_leaf(ib_id: int, at_us: Int64s, book: Book, span: tuple[int, int]) -> "Int64s | int":
    segments = book.network.segments(ib_id)
    if not segments.changes_within(*span):
        return segments.at(span[0]).number
    which = np.searchsorted(np.array(segments.starts, dtype=np.int64), at_us, side="right") - 1
    return np.array([chain.number for chain in segments.chains], dtype=np.int64)[which]


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
