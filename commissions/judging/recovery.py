"""Advances: CPA that the direct IB's own rebates of the client make up, in the order (deal time, server, ticket)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db.models import QuerySet

from commissions.cpa import Advance, HoldLine, Order, left_before
from commissions.enums import AccrualKind
from commissions.judging.book import Book
from commissions.judging.columns import Row, Rows
from commissions.judging.exact import ExactResult, judge_rows
from commissions.judging.history import moment
from commissions.judging.plans import LoadedVersion, to_us
from commissions.judging.queueing import queue_ids
from commissions.models import Accrual, HeldBack
from commissions.tiers import from_e20, to_e20
from trading.models import Deal, TradingAccount

_E8_TO_E20 = 10**12
_BEGINNING: Order = (-(2**62),)
_COMPARED = 10**8  # 12 decimals
_NAMES = ("deal_id", "client_id", "ib_id", "deal_at", "server_id", "ticket", "leg", "line", "to_recover")


class HoldKey(NamedTuple):
    """Whose rebates make up whose CPA: a client's, of its direct IB."""

    client_id: int
    ib_id: int


class _Stored(NamedTuple):
    """A line as it was judged; `left`: what was still to recover then, in 1e-20."""

    line: HoldLine
    left: int


@dataclass(slots=True)
class Recovering:
    """The lines of a batch that advances may hold back, and what was still to recover before each, in 1e-20."""

    lines: dict[int, tuple[HoldKey, HoldLine]] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)


def has_advances(versions: Mapping[int, LoadedVersion]) -> bool:
    """Whether any plan of the broker ever made CPA an advance."""
    return any(version.terms.cpa is not None and version.terms.cpa.recover for version in versions.values())


def recover(
    rows: Rows, chains: npt.NDArray[np.int64], results: list[ExactResult], book: Book, *, again: Collection[int] = ()
) -> Recovering:
    """Hold the lines back in `results`, which were computed as if there were no advance."""
    found = Recovering()
    numbers = chains.tolist()
    mine = [place for place, number in enumerate(numbers) if book.chains.chains[number].shape.recovers]
    if not mine:
        return found
    servers = _servers(rows)
    for place in mine:
        if results[place].first_line > 0:
            key, line = _line(rows.row(place), results[place].first_line, numbers[place], book, servers)
            found.lines[line.deal_id] = (key, line)
    for key, lines in _by_key(found.lines.values()).items():
        if book.foretold is not None:
            left = book.foretold.left_before(key, lines)
        else:
            left = _Walk(key, [line.order for line in lines], {*again, *found.lines}).left_before(lines)
        found.left |= {line.deal_id: left[line.deal_id] for line in lines}
    _hold_back(rows, chains, results, mine, found, book)
    return found


def _hold_back(
    rows: Rows, chains: npt.NDArray[np.int64], results: list[ExactResult], mine: Sequence[int], found: Recovering,
    book: Book,
) -> None:  # fmt: skip
    """Judge those again for whom something is left to recover."""
    roots = rows["root"].tolist()
    held = [place for place in mine if found.left.get(roots[place])]
    if not held:
        return
    amounts = {roots[place]: exact_left(found.left[roots[place]], results[place].first_line) for place in held}
    again = judge_rows(rows[np.array(held)], chains[held], book, to_recover=amounts)
    for place, result in zip(held, again, strict=True):
        results[place] = result


def exact_left(left: int, line: Fraction) -> Fraction:
    """Return what is to recover of a line: all of it, exactly, when as much is left to 12 decimals."""
    return line if _rounded(left) >= _rounded(to_e20(line)) else Fraction(left, 10**20)


def _rounded(value: int) -> int:
    return round(Fraction(value, _COMPARED))


def left_before_deal(row: Row, line: Fraction, chain_number: int, book: Book) -> int:
    """Return what is left to recover before one deal, for its explanation."""
    key, own = _line(row, line, chain_number, book, _servers(Rows.of([row])))
    return _Walk(key, [own.order], {own.deal_id}).left_before([own])[own.deal_id]


def settle_recovery(batch: Sequence[Recovering], roots: Collection[int]) -> None:
    """Write the batch's lines, and queue every deal before which something else is left to recover now.

    Inside the batch's transaction, under `lock_tiers`, after the queue was cleared of what the batch took from it."""
    own = {deal_id: pair for each in batch for deal_id, pair in each.lines.items()}
    judged_by = {deal_id: left for each in batch for deal_id, left in each.left.items()}
    old = [_stored(*values) for values in HeldBack.objects.filter(deal_id__in=list(roots)).values_list(*_NAMES)]
    again: set[int] = set()
    keys = _by_key([*own.values(), *((key, each.line) for key, each in old)])
    for key, touched in keys.items():
        lines = [line for each, line in own.values() if each == key]
        walk = _Walk(key, (line.order for line in touched), {*roots, *own})
        left = walk.left_before(lines)
        again |= {line.deal_id for line in lines if left[line.deal_id] != judged_by[line.deal_id]}
        again |= walk.changed(left)
    HeldBack.objects.filter(deal_id__in=list(roots)).delete()
    HeldBack.objects.bulk_create(
        [_row(key, line, judged_by[line.deal_id]) for key, line in own.values()], batch_size=5_000
    )
    queue_ids(again)


def queue_recovering(client_ids: Collection[int]) -> None:
    """Queue the deals of clients before which something else is left to recover, now that their CPA changed."""
    rows = HeldBack.objects.filter(client_id__in=list(client_ids)).values_list("client_id", "ib_id").distinct()
    again: set[int] = set()
    for client_id, ib_id in rows.order_by("client_id", "ib_id"):
        walk = _Walk(HoldKey(client_id, ib_id), [_BEGINNING], set())
        again |= walk.changed(walk.left_before([]))
    queue_ids(again)


class _Walk:
    """One key's stored lines from a place in its order on, besides the batch's own, and what is left there."""

    def __init__(self, key: HoldKey, orders: Iterable[Order], own: set[int]) -> None:
        start = min(orders)
        stored = HeldBack.objects.filter(client_id=key.client_id, ib_id=key.ib_id).exclude(deal_id__in=own)
        around = stored if start == _BEGINNING else stored.filter(deal_at__gte=moment(start[0]))
        lines = sorted(_stored(*values)[1] for values in around.values_list(*_NAMES))
        self._stored = [each for each in lines if each.line.order >= start]
        self._advances = _advances(key)
        before = [each for each in lines if each.line.order < start]
        last = before[-1] if before else None if start == _BEGINNING else _last_before(stored, start[0])
        if last is not None:
            left = last.left - min(last.line.line, last.left)
            later = [each for each in self._advances if each.order >= last.line.order]
            self._advances = [Advance(_BEGINNING, left), *later]

    def left_before(self, lines: Sequence[HoldLine]) -> dict[int, int]:
        """Return what is left before each stored line and each of these."""
        return left_before(self._advances, [*(each.line for each in self._stored), *lines])

    def changed(self, left: Mapping[int, int]) -> set[int]:
        """Return the stored deals that were judged by something else."""
        return {each.line.deal_id for each in self._stored if left[each.line.deal_id] != each.left}


def _last_before(stored: QuerySet[HeldBack], at_us: int) -> _Stored | None:
    rows = stored.filter(deal_at__lt=moment(at_us)).order_by("-deal_at", "-server_id", "-ticket", "-leg")
    values = rows.values_list(*_NAMES).first()
    return None if values is None else _stored(*values)[1]


def _advances(key: HoldKey) -> list[Advance]:
    """Return the CPA that stands of the client for the IB."""
    rows = Accrual.objects.filter(kind=AccrualKind.CPA, client_id=key.client_id, payee__ib_id=key.ib_id)
    newest = {(row.deal_id, row.payee_id): row for row in rows.order_by("revision")}
    standing = {row.deal_id or 0: row.amount_e8 for row in newest.values() if row.amount_e8}
    events = Deal.objects.filter(pk__in=list(standing)).values_list("pk", "server_id", "ticket", "leg", "action")
    at = {row.deal_id or 0: to_us(row.at) for row in newest.values() if row.amount_e8}
    return [
        Advance((at[pk], int(action in (0, 1)), server, ticket, leg), standing[pk] * _E8_TO_E20)
        for pk, server, ticket, leg, action in events
    ]


def _line(
    row: Row, line: Fraction, chain_number: int, book: Book, servers: Mapping[int, int]
) -> tuple[HoldKey, HoldLine]:
    client = int(book.client_of[book.lookup.place(row["account"])])
    order = (row["at_us"], 1, servers[row["account"]], row["ticket"], row["leg"])
    key = HoldKey(client, book.chains.chains[chain_number].ib_ids[0])
    return key, HoldLine(order, row["root"], to_e20(line))


def _servers(rows: Rows) -> dict[int, int]:
    accounts = TradingAccount.objects.filter(pk__in=np.unique(rows["account"]).tolist())
    return dict(accounts.values_list("pk", "server_id"))


def _by_key(pairs: Iterable[tuple[HoldKey, HoldLine]]) -> dict[HoldKey, list[HoldLine]]:
    found: dict[HoldKey, list[HoldLine]] = {}
    for key, line in pairs:
        found.setdefault(key, []).append(line)
    return found


def _row(key: HoldKey, line: HoldLine, left: int) -> HeldBack:
    at_us, _kind, server, ticket, leg = line.order
    return HeldBack(
        deal_id=line.deal_id, client_id=key.client_id, ib_id=key.ib_id, deal_at=moment(at_us), server_id=server,
        ticket=ticket, leg=leg, line=from_e20(line.line), to_recover=from_e20(left),
    )  # fmt: skip


def _stored(
    deal_id: int, client_id: int, ib_id: int, deal_at: datetime, server_id: int, ticket: int, leg: int, line: Decimal,
    to_recover: Decimal,
) -> tuple[HoldKey, _Stored]:  # fmt: skip
    order = (to_us(deal_at), 1, server_id, ticket, leg)
    hold = HoldLine(order, deal_id, int(line.scaleb(20)))
    return HoldKey(client_id, ib_id), _Stored(hold, int(to_recover.scaleb(20)))
