"""What a played scenario gave, read back from the stored rows, and how it differs from what was expected."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from commissions.calculation import Verdict
from commissions.models import Judgement, Payee
from core.money import from_e8, quantize
from crm.scenarios.documents import Document
from crm.scenarios.settling import statement_figures, stored_figures
from crm.scenarios.world import World
from trading.models import Deal


class Pair(NamedTuple):
    """A deal and somebody who may be paid for it: an IB code, or client:login."""

    ticket: int
    to: str


class Given(NamedTuple):
    """What stands for a pair: net over all revisions, and the live verdict."""

    amount: Decimal
    currency: str
    level: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The expected and the stored side of what differs; both empty when the scenario passes."""

    expected: dict[str, Any]
    got: dict[str, Any]

    @property
    def passed(self) -> bool:
        return not self.expected and not self.got


def read_pairs(world: World) -> dict[Pair, Given]:
    """Return every (deal, payee) of the broker in force with its net amount and live verdict."""
    tickets = {pk: (ticket, account_id) for pk, ticket, account_id in Deal.objects.filter(revision=0).values_list(
        "pk", "ticket", "account_id")}  # fmt: skip
    logins = {account.pk: login for login, account in world.accounts.items()}
    payees = {payee.pk: payee for payee in Payee.objects.select_related("ib")}
    found: dict[Pair, Given] = {}
    for row in Judgement.objects.order_by("deal_id", "revision"):
        ticket, account_id = tickets[row.deal_id]
        booked = row.amount_e8 if row.booked_e8 is None else row.booked_e8
        for place, (payee_id, verdict, amount) in enumerate(zip(row.payee, row.verdict, booked, strict=True)):
            payee = payees[payee_id]
            level = place + 1 if payee.ib else 0
            pair = Pair(ticket, payee.ib.code if payee.ib else f"client:{logins[account_id]}")
            net = from_e8(amount) + (found[pair].amount if pair in found else 0)
            found[pair] = Given(net, payee.currency, level, Verdict(verdict).code)
    return found


def compare(document: Document, pairs: dict[Pair, Given]) -> Comparison:
    """Compare the stored pairs with what the document expects; what it does not name is not checked."""
    expected: dict[str, Any] = {}
    got: dict[str, Any] = {}
    expect = document.expect
    if "error" in expect:
        expected["error"], got["error"] = expect["error"], None
    if "rebates" in expect:
        _compare_rebates(expect["rebates"], pairs, expected, got)
    for row in expect.get("verdicts") or []:
        pair = Pair(row["ticket"], row["to"])
        verdict = pairs[pair].verdict if pair in pairs else None
        if verdict != row["reason"]:
            _put(expected, "verdicts", pair, row["reason"])
            _put(got, "verdicts", pair, verdict)
    for row in expect.get("statements") or []:
        wanted = statement_figures(row)
        stated = [
            figure if named is not None else None for named, figure in zip(wanted, stored_figures(row), strict=True)
        ]
        if wanted != stated:
            expected.setdefault("statements", {})[f"{row['period']} {row['to']}"] = wanted
            got.setdefault("statements", {})[f"{row['period']} {row['to']}"] = stated
    return Comparison(expected, got)


def _compare_rebates(
    rows: list[dict[str, Any]], pairs: dict[Pair, Given], expected: dict[str, Any], got: dict[str, Any]
) -> None:
    wanted = {Pair(row["ticket"], row["to"]): row for row in rows}
    for pair, row in wanted.items():
        line = [str(quantize(Decimal(str(row["amount"])), 8)), row["currency"], row.get("level")]
        given = pairs.get(pair)
        stored = None
        if given is not None:
            stored = [str(quantize(given.amount, 8)), given.currency, given.level if line[2] is not None else None]
        if stored != line:
            _put(expected, "rebates", pair, line)
            _put(got, "rebates", pair, stored and [*stored, given.verdict if given else ""])
    for pair, given in pairs.items():
        if pair not in wanted and (given.verdict == Verdict.PAID.code or given.amount):
            _put(expected, "rebates", pair, None)
            _put(got, "rebates", pair, [str(given.amount), given.currency, given.level, given.verdict])


def _put(side: dict[str, Any], key: str, pair: Pair, value: Any) -> None:
    side.setdefault(key, {})[f"{pair.ticket} {pair.to}"] = value
