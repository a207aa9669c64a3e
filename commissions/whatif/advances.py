"""CPA in a world with changes: what each client brings there, against what stands, and what advances hold back.

A client is worked out whole, as the engine does it, from everything stored of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection

from commissions.cpa import Advance, HoldLine, left_before
from commissions.enums import AccrualKind
from commissions.judging.accruing import Wanted, standing_lines, wanted_lines, work_out
from commissions.judging.clients import accounts_of_clients
from commissions.judging.columns import array_text
from commissions.judging.deals import read_cpa_events
from commissions.judging.payees import PayeeKey, ensure_payees
from commissions.judging.recovery import HoldKey
from commissions.models import Accrual
from commissions.settlement.days import to_day
from commissions.whatif.months import read_live
from commissions.whatif.overlay import Overlay

Int64s = npt.NDArray[np.int64]
_CLIENTS = 200  # worked out at once
_E8_TO_E20 = 10**12
_JUDGED = """SELECT r.id FROM trading_tradingaccount a
    JOIN trading_deal d ON d.account_id = a.id AND d.action IN (0, 1)
    JOIN trading_deal r ON r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0
    JOIN trading_dealcursor c ON c.server_id = r.server_id AND r.id <= c.judged_id
    WHERE a.client_id = ANY(%s)"""


class CpaLine(NamedTuple):
    """What an event pays a payee as it stands (before) or would stand (after), 1e-8 of its currency; day since 1970."""

    payee: int
    day: int
    before: int
    after: int
    account: int


@dataclass(slots=True)
class Advances:
    """What clients bring their IBs in the changed world. `lines`: where that differs from what stands, or all."""

    overlay: Overlay
    lines: list[CpaLine] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)  # clients
    paid: set[int] = field(default_factory=set)  # clients for whom something stands, or would stand
    _booked: dict[HoldKey, list[Advance]] = field(default_factory=dict)
    _left: dict[int, int] = field(default_factory=dict)  # by deal, in 1e-20

    def work_out(self, clients: Collection[int], *, now: datetime, everything: bool = False) -> None:
        """Work clients out. `everything`: note each line, also where nothing differs."""
        for part in _parts(sorted(clients)):
            rows = read_cpa_events(accounts_of_clients(part))
            book = self.overlay.open(rows)
            found = work_out(dict.fromkeys(part, 0), rows, book)
            pays = [pay for client in found.values() for pay in client.result.pays]
            ensure_payees(book.memory, {PayeeKey(pay.member.ib_id, 0, pay.member.currency) for pay in pays}, now=now)
            self._compare(wanted_lines(found, book), standing_lines(part), everything=everything)

    def hold_back(self, clients: Collection[int]) -> None:
        """Find what is left to recover before each deal of these clients, whose deals must be judged whole for it."""
        for part in _parts(sorted(clients)):
            rows = read_live(deals_of(part))
            if len(rows):
                self.overlay.judge(rows)

    def left_before(self, key: HoldKey, lines: Sequence[HoldLine]) -> Mapping[int, int]:
        """Return, by deal, what is left to recover: as found before, or by these lines, all of the key then."""
        if any(line.deal_id not in self._left for line in lines):
            self._left |= left_before(self._booked.get(key, []), lines)
        return self._left

    def _compare(
        self, wanted: Mapping[tuple[int, int], tuple[int, Wanted]], standing: Mapping[tuple[int, int], Accrual],
        *, everything: bool,
    ) -> None:  # fmt: skip
        for key, before in standing.items():
            if key not in wanted and before.amount_e8:
                self._note(before.client_id or 0, before.account_id or 0, _side(before), None)
                self.changed.add(before.client_id or 0)
        for key, (client, each) in wanted.items():
            row, event = standing.get(key), each.pay.event
            stood = _side(row) if row is not None and row.amount_e8 else None
            stands = (each.payee, each.day, each.amount_e8)
            self.paid.add(client)
            advance = Advance(event.order, each.amount_e8 * _E8_TO_E20)
            self._booked.setdefault(HoldKey(client, each.pay.member.ib_id), []).append(advance)
            if stood != stands:
                self.changed.add(client)
            if everything or stood != stands:
                self._note(client, event.account_id, stood, stands)

    def _note(
        self, client: int, account: int, before: tuple[int, int, int] | None, after: tuple[int, int, int] | None
    ) -> None:
        self.paid.add(client)
        for place, side in enumerate((before, after)):
            if side is not None:
                payee, day, amount = side
                self.lines.append(CpaLine(payee, day, amount * (1 - place), amount * place, account))


def _side(row: Accrual) -> tuple[int, int, int]:
    return row.payee_id, to_day(row.day), row.amount_e8


def deals_of(clients: Collection[int]) -> Int64s:
    """Return the identities of all judged trades of the clients, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(_JUDGED, [list(clients)])
        return np.unique(np.array([root for (root,) in cursor.fetchall()], dtype=np.int64))


def clients_of(roots: Int64s) -> set[int]:
    """Return whose deals these are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.client_id FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id "
            "WHERE d.id = ANY(%s::bigint[])",
            [array_text(roots)],
        )
        return {client for (client,) in cursor.fetchall()}


def with_cpa(clients: Collection[int]) -> set[int]:
    """Return those of the clients for whom CPA was booked."""
    rows = Accrual.objects.filter(kind=AccrualKind.CPA, client_id__in=list(clients))
    return set(rows.order_by().values_list("client_id", flat=True).distinct())


def _parts(clients: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(clients)
    while part := list(islice(rest, _CLIENTS)):
        yield part
