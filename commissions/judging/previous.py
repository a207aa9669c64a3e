"""Judging again: what stood before, what stands now, and the difference that is booked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np

from commissions.calculation import Verdict
from commissions.judging.book import to_day
from commissions.judging.judged import Judged
from commissions.judging.plans import to_us
from commissions.judging.rollup import Contributions
from commissions.models import Judgement, Payee

_COLUMNS = (
    "deal_id", "revision", "deal_revision", "levels", "account_id", "leaf_ib_id", "deal_at", "lots_e8",
    "symbol_group_id", "day", "terms_hash", "payee", "verdict", "rate_row", "amount_e8",
)  # fmt: skip


@dataclass(slots=True)
class Standing:
    """One deal's judgement as stored or as computed, in plain Python. Day since 1970, leaf 0 for none."""

    deal_id: int
    revision: int
    deal_revision: int
    levels: int
    account_id: int
    leaf: int
    at_us: int
    lots_e8: int
    symbol_group: int
    day: int
    terms_hash: bytes | None
    payee: list[int]
    verdict: list[int]
    rate_row: list[int]
    amount_e8: list[int]
    booked_e8: list[int] | None = None

    def says_the_same(self, other: "Standing") -> bool:
        """Whether nothing but the revision and what was booked differs."""
        return self.content() == other.content()

    def content(self) -> tuple[object, ...]:
        kept = [line for line in self.lines() if line[1] != Verdict.DEAL_REMOVED]
        return (
            self.deal_revision, self.levels, self.account_id, self.leaf, self.at_us, self.lots_e8, self.symbol_group,
            self.day, self.terms_hash, kept,
        )  # fmt: skip

    def lines(self) -> list[tuple[int, int, int, int]]:
        return list(zip(self.payee, self.verdict, self.rate_row, self.amount_e8, strict=True))


class Line(NamedTuple):
    """One contribution to a payee's day, in the order of Contributions."""

    payee: int
    via: int
    day: int
    symbol_group: int
    amount: int
    lots: int
    deals: int


def stored_standings(deal_ids: Collection[int]) -> dict[int, Standing]:
    """Return the live judgement of each deal that has one."""
    found: dict[int, Standing] = {}
    rows = Judgement.objects.filter(deal_id__in=list(deal_ids)).order_by("deal_id", "revision")
    for row in rows.values_list(*_COLUMNS):
        standing = _stored(*row)
        found[standing.deal_id] = standing
    return found


def _stored(
    deal_id: int, revision: int, deal_revision: int, levels: int, account_id: int, leaf: int | None, deal_at: datetime,
    lots_e8: int, symbol_group: int, day: date, terms_hash: UUID | None, *arrays: list[int],
) -> Standing:  # fmt: skip
    return Standing(
        deal_id, revision, deal_revision, levels, account_id, leaf or 0, to_us(deal_at), lots_e8, symbol_group,
        to_day(day), terms_hash.bytes if terms_hash else None, *arrays,
    )  # fmt: skip


def computed_standings(judged: Judged, hashes: Mapping[int, bytes | None]) -> dict[int, Standing]:
    """Return computed judgements one by one; `hashes` by chain number."""
    rows, found = judged.rows, {}
    for block in judged.blocks:
        for deal, index in enumerate(block.deals.tolist()):
            root = int(rows["root"][index])
            lines = [m[deal].tolist() for m in (block.payee, block.verdict, block.rate_row, block.amount)]
            found[root] = Standing(
                root, 0, int(rows["revision"][index]), int(judged.levels[index]), int(rows["account"][index]),
                int(judged.leaf[index]), int(rows["at_us"][index]), int(judged.lots_e8[index]),
                int(judged.symbol_group[index]), int(judged.day[index]), hashes[int(judged.chain[index])], *lines,
            )  # fmt: skip
    return found


def removed(before: Standing, *, deal_revision: int) -> Standing:
    """Return the standing of a deal that no longer exists, or that nobody counts any more: nobody gets anything."""
    return Standing(
        before.deal_id, 0, deal_revision, 0, before.account_id, before.leaf, before.at_us, 0, before.symbol_group,
        before.day, None, [], [], [], [],
    )  # fmt: skip


def revise(before: Standing, after: Standing) -> Standing:
    """Return `after` as the next revision: payees who dropped out stand at the end, and everybody's difference."""
    known = set(after.payee)
    gone = [(payee, row) for payee, row in zip(before.payee, before.rate_row, strict=True) if payee not in known]
    old = dict(zip(before.payee, before.amount_e8, strict=True))
    payee = after.payee + [each for each, _row in gone]
    amount = after.amount_e8 + [0] * len(gone)
    return Standing(
        after.deal_id, before.revision + 1, after.deal_revision, after.levels, after.account_id, after.leaf,
        after.at_us, after.lots_e8, after.symbol_group, after.day, after.terms_hash, payee,
        after.verdict + [int(Verdict.DEAL_REMOVED)] * len(gone), after.rate_row + [row for _each, row in gone], amount,
        [new - old.get(each, 0) for each, new in zip(payee, amount, strict=True)],
    )  # fmt: skip


def contributions_of_standings(changes: Collection[tuple[Standing | None, Standing]]) -> Contributions:
    """Return what each change (before, after) adds to the days of its payees: after less before, each on its day."""
    payees = {payee for before, after in changes for each in (before, after) if each for payee in each.payee}
    ib_of = dict(Payee.objects.filter(pk__in=payees).values_list("pk", "ib_id"))
    lines: list[Line] = []
    for before, after in changes:
        if before is not None:
            lines += _contributed(before, ib_of, sign=-1)
        lines += _contributed(after, ib_of, sign=1)
    columns = zip(*lines, strict=True) if lines else [()] * len(Line._fields)
    return Contributions(*(np.array(column, dtype=np.int64) for column in columns))


def _contributed(standing: Standing, ib_of: Mapping[int, int | None], *, sign: int) -> list[Line]:
    lines = []
    for place, (payee, verdict, _row, amount) in enumerate(standing.lines()):
        if verdict in (Verdict.NOT_COUNTED, Verdict.DEAL_REMOVED):
            continue
        below = ib_of[standing.payee[place - 1]] if 0 < place < standing.levels else None
        via = below or -standing.account_id
        lines.append(
            Line(payee, via, standing.day, standing.symbol_group, sign * amount, sign * standing.lots_e8, sign)
        )
    return lines
