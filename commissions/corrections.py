"""Every revision of a deal's judgement: what it booked for whom, and why it was made.

Why is told by what differs: the deal's own revisions, the verdicts, and the changes of network and plans that lie
between the versions which the two batches had seen. Nothing else is stored for it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db.models import Q

from commissions.calculation import Verdict
from commissions.enums import CauseCode
from commissions.models import JudgeBatch, Judgement, Payee, PlanChange, PlanVersion, RateRow
from core.money import from_e8
from ib.models import NetworkChange
from trading.models import Deal

_EDITABLE = (
    "volume_e8", "volume_closed_e8", "price_e8", "bid_e8", "ask_e8", "profit_e8", "swap_e8", "commission_e8", "fee_e8",
)  # fmt: skip
_OTHERS = ("login", "symbol", "action", "entry", "reason", "position", "position_by", "deal_at")
_HELD = {
    Verdict.UNKNOWN_LOT_FACTOR: CauseCode.LOT_FACTOR,
    Verdict.NO_FX_RATE: CauseCode.FX_RATE,
    Verdict.MISSING_DATA: CauseCode.DATA_ARRIVED,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a revision was made. `ib_ids`: whom a change of network or plans is about; empty: the deal or its client."""

    code: CauseCode
    values: Mapping[str, Any] = field(default_factory=dict)
    ib_ids: frozenset[int] = frozenset()

    def seen_from(self, below: Collection[int | None]) -> "Cause":
        """Return the cause as an IB may see it: what is about somebody above stays without a name."""
        return self if not self.ib_ids or self.ib_ids & set(below) else Cause(CauseCode.ABOVE)


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """One payee in one revision: what stood then, and what this revision booked."""

    payee_id: int
    ib_id: int | None
    client_id: int | None
    code: str
    currency: str
    verdict: Verdict
    amount: Decimal
    booked: Decimal


@dataclass(frozen=True, slots=True)
class Revision:
    """One judgement of a deal; number 0 is the first. It corrects the one before."""

    number: int
    deal_revision: int
    booked_at: datetime | None
    batch_id: int
    causes: tuple[Cause, ...]
    lines: tuple[RevisionLine, ...]

    def seen_by_ib(self, ib_id: int, *, below: Collection[int | None]) -> "Revision | None":
        """Return the revision with the IB's own line; None when it was not in it, or nothing changed for it."""
        lines = tuple(line for line in self.lines if line.ib_id == ib_id)
        if not self._concerns(lines):
            return None
        causes = tuple(dict.fromkeys(_Hashable(cause.seen_from(below)) for cause in self.causes))
        return replace(self, causes=tuple(each.cause for each in causes), lines=lines)

    def seen_by_client(self, client_id: int) -> "Revision | None":
        """Return the revision with the client's own line, or None."""
        lines = tuple(line for line in self.lines if line.client_id == client_id)
        if not self._concerns(lines):
            return None
        own = {CauseCode.DEAL_EDITED, CauseCode.DEAL_REMOVED}
        return replace(self, causes=tuple(cause for cause in self.causes if cause.code in own), lines=lines)

    def _concerns(self, lines: Sequence[RevisionLine]) -> bool:
        return bool(lines) and (self.number == 0 or any(line.booked for line in lines))


class _Hashable:
    """A cause by its code alone when it tells nothing more, so that several unnamed ones are told once."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause

    def __hash__(self) -> int:
        return hash(self.cause.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self.cause == other.cause


def revisions_of(*, deal_id: int) -> list[Revision]:
    """Return all judgements of a deal (its first revision's id), oldest first. About eight statements."""
    rows = list(Judgement.objects.filter(deal_id=deal_id).order_by("revision"))
    if not rows:
        return []
    batches = JudgeBatch.objects.in_bulk({row.batch_id for row in rows})
    payees = Payee.objects.select_related("ib", "client").in_bulk({pk for row in rows for pk in row.payee})
    causes: list[tuple[Cause, ...]] = [()]
    if len(rows) > 1:
        reasons = _Reasons(deal_id, rows, batches, payees)
        causes += [tuple(reasons.between(before, after)) for before, after in pairwise(rows)]
    return [
        Revision(
            number=row.revision, deal_revision=row.deal_revision, batch_id=row.batch_id, causes=cause,
            booked_at=batches[row.batch_id].booked_at if row.batch_id in batches else None,
            lines=tuple(_lines(row, payees)),
        )
        for row, cause in zip(rows, causes, strict=True)
    ]  # fmt: skip


def _lines(row: Judgement, payees: Mapping[int, Payee]) -> Iterable[RevisionLine]:
    booked = row.amount_e8 if row.booked_e8 is None else row.booked_e8
    for pk, verdict, amount, difference in zip(row.payee, row.verdict, row.amount_e8, booked, strict=True):
        payee = payees[pk]
        owner = payee.ib or payee.client
        yield RevisionLine(
            payee_id=pk, ib_id=payee.ib_id, client_id=payee.client_id, code=owner.code if owner else "",
            currency=payee.currency, verdict=Verdict(verdict), amount=from_e8(amount), booked=from_e8(difference),
        )  # fmt: skip


class _Reasons:
    """What is known about one deal's past, read once."""

    def __init__(
        self, deal_id: int, rows: Sequence[Judgement], batches: Mapping[int, JudgeBatch], payees: Mapping[int, Payee]
    ) -> None:
        root = Deal.objects.get(pk=deal_id)
        revisions = Deal.objects.filter(server_id=root.server_id, ticket=root.ticket, leg=root.leg)
        self.deals = {deal.revision: deal for deal in revisions.select_related("symbol", "account")}
        self.batches = batches
        self.ibs = {payee.ib_id for payee in payees.values() if payee.ib_id}
        self.plan_of_row = self._plans({number for row in rows for number in row.rate_row})

    @staticmethod
    def _plans(rate_rows: Collection[int]) -> dict[int, int]:
        found = RateRow.objects.filter(pk__in=rate_rows).values_list("pk", "version__plan_id")
        return dict(found)

    def between(self, before: Judgement, after: Judgement) -> list[Cause]:
        """Return why `after` follows `before`; never empty."""
        found = [*self._deal(before, after), *_arrived(before, after)]
        if before.symbol_group_id != after.symbol_group_id:
            found.append(Cause(CauseCode.SYMBOL_GROUP))
        first, second = self.batches.get(before.batch_id), self.batches.get(after.batch_id)
        if first is not None and second is not None:
            found += self._plan_changes(first, second, before, after)
            found += self._network_changes(first, second, after)
        if not found:
            found = [Cause(CauseCode.POSITION if self._position_changed(first, second) else CauseCode.OTHER_DEALS)]
        return found

    def _deal(self, before: Judgement, after: Judgement) -> Iterable[Cause]:
        old, new = self.deals.get(before.deal_revision), self.deals.get(after.deal_revision)
        if old is None or new is None or old.revision == new.revision:
            return
        if new.deleted:
            yield Cause(CauseCode.DEAL_REMOVED)
            return
        yield Cause(CauseCode.DEAL_EDITED, {"fields": list(_edited(old, new))})

    def _plan_changes(
        self, first: JudgeBatch, second: JudgeBatch, before: Judgement, after: Judgement
    ) -> Iterable[Cause]:
        plans = {self.plan_of_row[row] for row in (*before.rate_row, *after.rate_row) if row in self.plan_of_row}
        seen = Q(version__gt=first.plan_version, version__lte=second.plan_version)
        changes = PlanChange.objects.filter(seen, _covers(after.deal_at), Q(plan_id__in=plans) | Q(ib_id__in=self.ibs))
        for change in changes.select_related("plan", "ib").order_by("version"):
            if change.plan is not None:
                yield self._published(change, before, after)
            elif change.ib is not None:
                values = {"ib": change.ib.code, "from": change.affected_from}
                yield Cause(CauseCode.PLAN_ASSIGNED, values, frozenset({change.ib.pk}))

    def _published(self, change: PlanChange, before: Judgement, after: Judgement) -> Cause:
        version = PlanVersion.objects.filter(plan=change.plan, published_at=change.recorded_at).first()
        values = {
            "plan": change.plan.code if change.plan else "",
            "effective_from": version.effective_from if version else change.affected_from,
            "published_at": change.recorded_at,
        }
        return Cause(CauseCode.PLAN_VERSION, values, frozenset(self._paid_by(change.plan_id, (before, after))))

    def _paid_by(self, plan_id: int | None, rows: Sequence[Judgement]) -> set[int]:
        """Return the IBs whose line in one of the judgements was worked out by the plan."""
        pairs = {(pk, row) for each in rows for pk, row in zip(each.payee, each.rate_row, strict=True)}
        payees = [pk for pk, row in pairs if self.plan_of_row.get(row) == plan_id]
        found = Payee.objects.filter(pk__in=payees, ib__isnull=False).values_list("ib_id", flat=True)
        return {ib_id for ib_id in found if ib_id is not None}

    def _network_changes(self, first: JudgeBatch, second: JudgeBatch, after: Judgement) -> Iterable[Cause]:
        deal = self.deals[0]
        about = Q(ib_id__in=self.ibs) | Q(client_id=deal.account.client_id) | Q(account_id=deal.account_id)
        seen = Q(version__gt=first.network_version, version__lte=second.network_version)
        changes = NetworkChange.objects.filter(seen, about, _covers(after.deal_at)).select_related("ib", "client")
        for change in changes.order_by("version"):
            code = CauseCode.AGREEMENT if change.kind == "agreement" else CauseCode.MOVED
            values: dict[str, Any] = {"from": change.affected_from, "subject": change.kind}
            if change.ib is not None:
                values["ib"] = change.ib.code
            yield Cause(code, values, frozenset({change.ib_id}) if change.ib_id else frozenset())

    def _position_changed(self, first: JudgeBatch | None, second: JudgeBatch | None) -> bool:
        """Whether another deal of the position was recorded between the two batches."""
        deal = self.deals[max(self.deals)]
        if first is None or second is None or not deal.position:
            return False
        others = Deal.objects.filter(account_id=deal.account_id, position=deal.position).exclude(ticket=deal.ticket)
        return others.filter(recorded_at__gte=first.booked_at, recorded_at__lte=second.booked_at).exists()


def _covers(at: datetime) -> Q:
    return Q(affected_from__lte=at) & (Q(affected_to__isnull=True) | Q(affected_to__gt=at))


def _arrived(before: Judgement, after: Judgement) -> Iterable[Cause]:
    """Return what had been missing before and is not now."""
    for verdict, code in _HELD.items():
        if verdict in before.verdict and verdict not in after.verdict:
            yield Cause(code)


def _edited(old: Deal, new: Deal) -> Iterable[dict[str, Any]]:
    """Yield the columns that an edit changed: {"field", "before", "after"}; figures as decimals."""
    for name in (*_EDITABLE, *_OTHERS):
        one, other = _value(old, name), _value(new, name)
        if one != other:
            yield {"field": name.removesuffix("_e8"), "before": one, "after": other}


def _value(deal: Deal, name: str) -> Any:
    if name == "login":
        return deal.account.login
    if name == "symbol":
        return deal.symbol.name if deal.symbol else ""
    value = getattr(deal, name)
    return from_e8(value) if name in _EDITABLE and value is not None else value
