"""Two rules that no statement can prove: every judgement covers its chain, and the exact calculation agrees.

Chains are worked out again for all deals, block by block, so memory stays the same for ten million of them. The exact
calculation is run for a sample. Deals that wait to be judged again are left out."""

from collections.abc import Iterator
from random import Random

from django.utils.translation import gettext_noop as _

from commissions.calculation import Verdict
from commissions.explaining import PayeeWhy, why_deal
from commissions.judging.book import Book, open_book
from commissions.judging.columns import Rows
from commissions.judging.deals import is_trade, read_newest
from commissions.judging.places import chains_of
from commissions.judging.plans import plan_version
from commissions.models import Payee, Rejudge
from commissions.positions import IN
from commissions.proof.enums import Rule
from commissions.proof.rules import fetch
from commissions.proof.types import Finding, Report
from commissions.terms import CountOn
from ib.queries import network_version

BLOCK = 50_000
_BLOCK_OF_ROOTS = """SELECT d.id FROM trading_deal d JOIN trading_dealcursor c ON c.server_id = d.server_id
    JOIN commissions_enginecursor e ON e.server_id = d.server_id
    WHERE d.id > %(after)s AND d.revision = 0 AND d.action IN (0, 1) AND d.id <= c.judged_id
        AND e.network_version = %(network)s AND e.plan_version = %(plans)s
    ORDER BY d.id LIMIT %(limit)s"""
_LIVE = """SELECT DISTINCT ON (deal_id) deal_id, payee[1:levels] FROM commissions_judgement
    WHERE deal_id = ANY(%(roots)s) ORDER BY deal_id, revision DESC"""
_SAMPLE_BOUNDS = "SELECT min(deal_id), max(deal_id) FROM commissions_judgement"
_SAMPLE = "SELECT min(deal_id) FROM commissions_judgement WHERE deal_id >= %(at)s"


def verify_chains(report: Report) -> None:
    """Compare each live judgement's payees with the chain of its deal at its time.

    Servers whose walker has not taken in the newest change of network or plans are left to the next night."""
    looked_at = 0
    for roots in _blocks():
        waiting = set(Rejudge.objects.filter(deal_id__in=roots, is_ready=True).values_list("deal_id", flat=True))
        rows = read_newest([root for root in roots if root not in waiting])
        rows = rows[(rows["deleted"] == 0) & is_trade(rows)]
        looked_at += len(rows)
        if len(rows):
            report.add(_of_block(rows))
    report.checked["chains"] = looked_at


def _blocks() -> Iterator[list[int]]:
    after = 0
    params = {"limit": BLOCK, "network": network_version(), "plans": plan_version()}
    while roots := [root for (root,) in fetch(_BLOCK_OF_ROOTS, {**params, "after": after})]:
        yield roots
        after = roots[-1]


def _of_block(rows: Rows) -> list[Finding]:
    book = open_book(rows)
    numbers = chains_of(rows, book).tolist()
    stored = dict(fetch(_LIVE, {"roots": rows["root"].tolist()}))
    expected = _payees(set(numbers), book)
    counts_openings = {number: _counts_openings(book, number) for number in expected}
    found: list[Finding] = []
    for root, ticket, entry, number in zip(
        rows["root"].tolist(), rows["ticket"].tolist(), rows["entry"].tolist(), numbers, strict=True
    ):
        payees = stored.get(root)
        if payees is None:
            if entry == IN and counts_openings[number]:
                found.append(Finding(Rule.OPENING_UNJUDGED, _("ticket %(ticket)s"), root, {"ticket": str(ticket)}))
        elif tuple(payees) != expected[number] and not (entry == IN and not payees and not counts_openings[number]):
            values = {"ticket": str(ticket), "payees": str(payees)[:120], "chain": str(list(expected[number]))[:120]}
            said = _("ticket %(ticket)s: payees %(payees)s, its chain %(chain)s")
            found.append(Finding(Rule.CHAIN, said, root, values))
    return found


def _payees(numbers: set[int], book: Book) -> dict[int, tuple[int, ...]]:
    """Return the payees of each chain; 0 for one that was never opened."""
    chains = {number: book.chains.chains[number] for number in numbers}
    ib_ids = {ib_id for chain in chains.values() for ib_id in chain.ib_ids}
    known = {(ib_id, currency): pk for pk, ib_id, currency in _ib_payees(ib_ids)}
    return {
        number: tuple(
            known.get((ib_id, member.currency), 0)
            for ib_id, member in zip(chain.ib_ids, chain.shape.members, strict=True)
        )
        for number, chain in chains.items()
    }


def _ib_payees(ib_ids: set[int]) -> list[tuple[int, int | None, str]]:
    rows = Payee.objects.filter(ib_id__in=ib_ids).order_by()
    return list(rows.values_list("pk", "ib_id", "currency"))


def _counts_openings(book: Book, number: int) -> bool:
    members = book.chains.chains[number].shape.members
    return any(member.terms is not None and member.terms.count_on is not CountOn.CLOSE for member in members)


def verify_sample(report: Report, *, size: int, seed: int) -> None:
    """Run the exact calculation for deals picked at random and compare every line with what is stored."""
    ((low, high),) = fetch(_SAMPLE_BOUNDS, {})
    if low is None:
        return
    random = Random(seed)  # noqa: S311 -- a sample, no secret
    places = {random.randint(low, high) for _each in range(size)}
    roots = {root for at in places for (root,) in fetch(_SAMPLE, {"at": at})}
    found: list[Finding] = []
    for root in sorted(roots):
        why = why_deal(deal_id=root)
        if why is None or why.queued == "correction":
            continue
        found += [
            Finding(
                Rule.RECOMPUTED,
                _(
                    "ticket %(ticket)s, %(payee)s: booked %(amount)s %(verdict)s, calculated %(computed)s "
                    "%(computed_verdict)s"
                ),
                root,
                _both(why.deal.ticket, payee),
            )
            for payee in why.payees
            if not payee.agrees and payee.verdict is not Verdict.TOO_LARGE
        ]
    report.checked["sampled"] = len(roots)
    report.add(found)


def _both(ticket: int, payee: PayeeWhy) -> dict[str, str]:
    """Return what is booked for a payee, and what the calculation gives."""
    return {
        "ticket": str(ticket), "payee": payee.code, "amount": f"{payee.amount:f}", "verdict": payee.verdict.code,
        "computed": f"{payee.computed:f}",
        "computed_verdict": payee.outcome.verdict.code if payee.outcome else "nothing",
    }  # fmt: skip
