"""Why an amount is what it is: the exact calculation run again over the stored deal, network, plans and rates.

`why_deal` is everything, for staff. What an IB or a client may see of it is cut out here and nowhere else, so that
page, text and file cannot differ: `DealWhy.seen_by_ib`, `DealWhy.seen_by_client`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from access.masking import mask_name
from clients.models import Client
from commissions.calculation import ChainResult, Outcome, Verdict
from commissions.corrections import Revision, revisions_of
from commissions.enums import DealState
from commissions.judging.book import Book, open_book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.deals import is_trade, read_newest
from commissions.judging.exact import judge_deal
from commissions.judging.history import needing_history, read_histories
from commissions.judging.places import chains_of
from commissions.judging.plans import LoadedVersion
from commissions.judging.recovery import exact_left, left_before_deal
from commissions.judging.weighing import has_tiers, weigh
from commissions.models import Judgement, Payee, PlanVersion, Rejudge
from core.money import from_e8
from ib.models import IB
from trading.models import Deal, DealCursor
from trading.queries import symbol_group_names
from trading.sync.queries import group_at

# An opening that was judged, and that no plan of the chain counts any more.
_NO_LONGER_COUNTED = (Verdict.DEAL_REMOVED, Verdict.NOT_COUNTED)


@dataclass(frozen=True, slots=True)
class WhyDeal:
    """The deal as it stands now; lots are the server's, before the lot factor."""

    deal_id: int  # its first revision: its identity
    server_id: int
    server: str
    ticket: int
    leg: int
    revision: int
    login: int
    account_id: int
    client_id: int
    client_code: str
    client_name: str
    symbol: str
    mt_group: str
    action: int
    entry: int
    lots: Decimal
    price: Decimal  # quote currency
    lot_factor: Decimal | None  # of the MT group, now
    deal_at: datetime


@dataclass(frozen=True, slots=True)
class UsedVersion:
    """The plan version by which a payee's line was worked out."""

    plan_id: int
    plan_code: str
    plan_name: str
    effective_from: datetime
    published_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class StoredLine:
    """What the newest judgement says for a payee."""

    verdict: Verdict
    amount: Decimal  # the payee's currency


@dataclass(frozen=True, slots=True)
class PayeeWhy:
    """One payee of the deal. Level 1 is the direct IB, 0 the client; `outcome` None: it is not in the chain any more.

    `outcome` is worked out now, `stored` is what is booked."""

    level: int
    ib_id: int | None
    client_id: int | None
    code: str
    name: str
    currency: str
    outcome: Outcome | None
    version: UsedVersion | None
    stored: StoredLine | None

    @property
    def verdict(self) -> Verdict:
        """Return the verdict that stands: the stored one, else the one worked out now."""
        if self.stored is not None:
            return self.stored.verdict
        return self.outcome.verdict if self.outcome else Verdict.NOT_COUNTED

    @property
    def amount(self) -> Decimal:
        """Return the amount that stands, zero before the deal is judged."""
        return self.stored.amount if self.stored is not None else Decimal(0)

    @property
    def computed(self) -> Decimal:
        """Return the amount worked out now."""
        return from_e8(self.outcome.amount_e8) if self.outcome else Decimal(0)

    @property
    def agrees(self) -> bool:
        """Whether what is booked is what the calculation gives now; true while nothing is booked."""
        if self.stored is None or self.stored.verdict is Verdict.TOO_LARGE:
            return True
        if self.outcome is None or (self.stored.verdict, self.outcome.verdict) == _NO_LONGER_COUNTED:
            return self.stored.amount == 0
        return (self.stored.verdict, self.stored.amount) == (self.outcome.verdict, self.computed)


@dataclass(frozen=True, slots=True)
class DealWhy:
    """One deal with everybody who is or was paid for it: the chain nearest first, the client, those who dropped out.

    `queued`: why it waits to be judged again, a RejudgeCause, "" when it does not."""

    deal: WhyDeal
    state: DealState
    payees: tuple[PayeeWhy, ...]
    revisions: tuple[Revision, ...]
    queued: str
    complete_until: datetime | None  # the server's deals before this moment are stored and judged
    group_names: Mapping[str, str]  # {code: name} of symbol groups

    @property
    def agrees(self) -> bool:
        return all(payee.agrees for payee in self.payees)

    def of_ib(self, ib_id: int) -> PayeeWhy | None:
        return next((payee for payee in self.payees if payee.ib_id == ib_id), None)

    def of_client(self) -> PayeeWhy | None:
        return next((payee for payee in self.payees if payee.client_id is not None), None)

    def seen_by_ib(self, ib_id: int) -> "DealWhy | None":
        """Return what an IB may see: itself and what stands below it, nothing of anybody above; None: not its deal."""
        own = self.of_ib(ib_id)
        if own is None:
            return None
        shown = {ib_id}
        if own.outcome is not None:
            shown = {each.ib_id for each in self.payees if each.outcome and 0 < each.level <= own.level and each.ib_id}
        keep = [each for each in self.payees if each.ib_id in shown or (each.level == 0 and own.outcome is not None)]
        payees = tuple(replace(each, name=mask_name(each.name)) if each.client_id else each for each in keep)
        revisions = (revision.seen_by_ib(ib_id, below=shown) for revision in self.revisions)
        deal = replace(self.deal, client_name=mask_name(self.deal.client_name))
        return replace(self, deal=deal, payees=payees, revisions=tuple(each for each in revisions if each))

    def seen_by_client(self, client_id: int) -> "DealWhy | None":
        """Return what the client may see: its own share and nobody else's; None: it never had one on this deal."""
        own = self.of_client()
        if own is None or own.client_id != client_id:
            return None
        revisions = (revision.seen_by_client(client_id) for revision in self.revisions)
        return replace(self, payees=(replace(own, version=None),), revisions=tuple(each for each in revisions if each))


def why_deal(*, deal_id: int) -> DealWhy | None:
    """Explain a deal by the id of any of its revisions; None when there is none. Nothing is written.

    A handful of statements; the steps of each payee are in its outcome."""
    known = Deal.objects.filter(pk=deal_id).values_list("server_id", "ticket", "leg").first()
    if known is None:
        return None
    revisions = Deal.objects.filter(server_id=known[0], ticket=known[1], leg=known[2]).order_by("revision")
    root = revisions[0].pk
    newest = revisions.select_related("server", "account__client", "account__mt_group", "symbol").latest("revision")
    judgement = Judgement.objects.filter(deal_id=root).order_by("-revision").first()
    computed = _compute(root)
    cursor = DealCursor.objects.filter(server_id=newest.server_id).first()
    return DealWhy(
        deal=_facts(newest, root),
        state=_state(newest, judgement, computed, judged_id=cursor.judged_id if cursor else 0),
        payees=_payees(newest, judgement, computed),
        revisions=tuple(revisions_of(deal_id=root)),
        queued=Rejudge.objects.filter(deal_id=root).values_list("cause", flat=True).first() or "",
        complete_until=cursor.complete_until if cursor else None,
        group_names=symbol_group_names(),
    )


@dataclass(frozen=True, slots=True)
class _Computed:
    chain: Chain
    result: ChainResult


def _compute(root: int) -> _Computed | None:
    """Run the calculation with its steps; None when the deal no longer stands or is no trade."""
    rows = read_newest([root])
    rows = rows[(rows["deleted"] == 0) & is_trade(rows)]
    if not len(rows):
        return None
    book = open_book(rows)
    chains = chains_of(rows, book)
    if has_tiers(book.memory.versions):
        chains = weigh(rows, chains, book, roots=[root], keep=False).chain
    chain = book.chains.chains[int(chains[0])]
    return _Computed(chain, explain_row(rows, chain, book))


def explain_row(rows: Rows, chain: Chain, book: Book) -> ChainResult:
    """Return the exact calculation of the one deal in `rows` with its steps."""
    histories = read_histories(needing_history(rows, np.array([True])))
    row = rows.row(0)
    result = judge_deal(row, chain, histories, book, explain=True)
    if not chain.shape.recovers or not result.outcomes[0].line:
        return result
    line = result.outcomes[0].line
    left = exact_left(left_before_deal(row, line, chain.number, book), line)
    return judge_deal(row, chain, histories, book, explain=True, to_recover=left)


def _facts(deal: Deal, root: int) -> WhyDeal:
    account = deal.account
    mt_group = group_at(account, deal.deal_at)
    return WhyDeal(
        deal_id=root, server_id=deal.server_id, server=deal.server.name, ticket=deal.ticket, leg=deal.leg,
        revision=deal.revision, login=account.login, account_id=account.pk, client_id=account.client_id,
        client_code=account.client.code, client_name=account.client.name,
        symbol=deal.symbol.name if deal.symbol else "", mt_group=mt_group.name, action=deal.action,
        entry=deal.entry, lots=from_e8(deal.volume_e8), price=from_e8(deal.price_e8),
        lot_factor=mt_group.lot_factor, deal_at=deal.deal_at,
    )  # fmt: skip


def _state(deal: Deal, judgement: Judgement | None, computed: _Computed | None, *, judged_id: int) -> DealState:
    if deal.action not in {0, 1}:
        return DealState.NOT_A_TRADE
    if deal.deleted or computed is None:
        return DealState.REMOVED
    if deal.pk > judged_id:
        return DealState.NOT_JUDGED_YET
    if not computed.chain.ib_ids:
        return DealState.NO_IB
    counted = any(outcome.verdict is not Verdict.NOT_COUNTED for outcome in computed.result.outcomes)
    if not counted:
        return DealState.NOT_COUNTED
    return DealState.NOT_JUDGED_YET if judgement is None else DealState.JUDGED


def _payees(deal: Deal, judgement: Judgement | None, computed: _Computed | None) -> tuple[PayeeWhy, ...]:
    stored = _stored(judgement)
    payees: list[PayeeWhy] = []
    if computed is not None:
        payees = [*_members(computed, stored), *_client(deal, computed, stored)]
    return (*payees, *_dropped(stored, payees))


def _stored(judgement: Judgement | None) -> dict[tuple[int | None, int | None, str], StoredLine]:
    """Return the newest lines by (IB, client, currency)."""
    if judgement is None:
        return {}
    rows = Payee.objects.filter(pk__in=judgement.payee).values_list("pk", "ib_id", "client_id", "currency")
    keys = {pk: (ib_id, client_id, currency) for pk, ib_id, client_id, currency in rows}
    lines = zip(judgement.payee, judgement.verdict, judgement.amount_e8, strict=True)
    return {keys[payee]: StoredLine(Verdict(verdict), from_e8(amount)) for payee, verdict, amount in lines}


def _members(computed: _Computed, stored: dict[tuple[int | None, int | None, str], StoredLine]) -> Iterable[PayeeWhy]:
    chain = computed.chain
    names = _ib_names(chain.ib_ids)
    versions = _versions(chain.shape.versions)
    for ib_id, outcome, version in zip(chain.ib_ids, computed.result.outcomes, chain.shape.versions, strict=True):
        code, name = names[ib_id]
        yield PayeeWhy(
            level=outcome.level, ib_id=ib_id, client_id=None, code=code, name=name, currency=outcome.currency,
            outcome=outcome, version=versions[version.id] if version else None,
            stored=stored.get((ib_id, None, outcome.currency)),
        )  # fmt: skip


def _client(
    deal: Deal, computed: _Computed, stored: dict[tuple[int | None, int | None, str], StoredLine]
) -> Iterable[PayeeWhy]:
    outcome, client = computed.result.client, deal.account.client
    if outcome is not None:
        yield PayeeWhy(
            level=0, ib_id=None, client_id=client.pk, code=client.code, name=client.name, currency=outcome.currency,
            outcome=outcome, version=None, stored=stored.get((None, client.pk, outcome.currency)),
        )  # fmt: skip


def _dropped(
    stored: dict[tuple[int | None, int | None, str], StoredLine], payees: Sequence[PayeeWhy]
) -> Iterable[PayeeWhy]:
    """Return those of the judgement who are not in the chain as it is now."""
    known = {(each.ib_id, each.client_id, each.currency) for each in payees}
    gone = {key: line for key, line in stored.items() if key not in known}
    ibs = _ib_names([ib_id for ib_id, _client, _currency in gone if ib_id])
    clients = {pk: (code, name) for pk, code, name in _client_rows(key[1] for key in gone)}
    for (ib_id, client_id, currency), line in gone.items():
        code, name = ibs[ib_id] if ib_id else clients[client_id or 0]
        yield PayeeWhy(0 if client_id else -1, ib_id, client_id, code, name, currency, None, None, line)


def _client_rows(ids: Iterable[int | None]) -> Iterable[tuple[int, str, str]]:
    return Client.objects.filter(pk__in=[pk for pk in ids if pk]).order_by().values_list("pk", "code", "name")


def _ib_names(ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    rows = IB.objects.filter(pk__in=list(ids)).order_by().values_list("pk", "code", "name")
    return {pk: (code, name) for pk, code, name in rows}


def _versions(loaded: Iterable[LoadedVersion | None]) -> dict[int, UsedVersion]:
    rows = PlanVersion.objects.filter(pk__in=[each.id for each in loaded if each]).select_related("plan")
    return {
        row.pk: UsedVersion(
            row.plan_id, row.plan.code, row.plan.name, row.effective_from, row.published_at, row.hash.hex
        )
        for row in rows
    }
