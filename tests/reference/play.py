"""A whole document: what stands for each deal and payee in the end, and what each month's statement says."""

from collections.abc import Collection
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from tests.reference.chain import DealInChain
from tests.reference.counting import Book
from tests.reference.cpa import CpaPay, advance_before, cpa_pays, rounded
from tests.reference.positions import ZERO
from tests.reference.world import Row, World

Result = dict[tuple[int, str], tuple[str, Fraction, str]]  # (ticket, payee) -> verdict, amount, currency


class Judged(NamedTuple):
    """What stands for a deal and a payee; the amount has 8 decimals."""

    verdict: str
    amount: Fraction
    currency: str
    level: int


class Line(NamedTuple):
    """What a payee has of one deal or one CPA event, and the moment that decides its month."""

    amount: Fraction
    at: datetime


def final_result(doc: Row, until: datetime | None = None) -> dict[tuple[int, str], Judged]:
    """Return what stands for each (ticket, payee) when the history, as known until then, is computed once."""
    return _judge_all(Book(World(doc, until)))[0]


def judge_document(doc: Row) -> Result:
    """Return the same without levels."""
    return {pair: judged[:3] for pair, judged in final_result(doc).items()}


def pays_at(doc: Row, until: datetime | None = None) -> list[CpaPay]:
    """Return the CPA payments of the history as known until then."""
    return cpa_pays(Book(World(doc, until)))


def _judge_all(book: Book) -> tuple[dict[tuple[int, str], Judged], list[CpaPay]]:
    pays = cpa_pays(book)
    held_back: dict[tuple[int, str], Fraction] = {}  # (login, IB) -> of its CPA, in its currency
    results: dict[tuple[int, str], Judged] = {}
    for deal in book.world.deals:
        code = book.world.direct_ib(deal["login"], deal["at"])
        advance = ZERO
        if code is not None:
            advance = advance_before(pays, deal, code) - held_back.get((deal["login"], code), ZERO)
        judge = DealInChain(book, deal, max(advance, ZERO))
        for given in judge.judge():
            results[deal["ticket"], given.to] = Judged(
                given.verdict, rounded(given.amount), given.currency, given.level
            )
        if code is not None:
            held_back[deal["login"], code] = (
                held_back.get((deal["login"], code), ZERO) + max(advance, ZERO) - judge.advance
            )
    return results, pays


def _lines(doc: Row, until: datetime) -> dict[tuple[str, Any], Line]:
    """Return every line that stands at a moment, by payee and what it is for."""
    world = World(doc, until)
    results, pays = _judge_all(Book(world))
    times = {deal["ticket"]: deal["at"] for deal in world.deals}
    lines: dict[tuple[str, Any], Line] = {
        (to, ticket): Line(judged.amount, times[ticket]) for (ticket, to), judged in results.items() if judged.amount
    }
    lines |= {(pay.to, pay.order): Line(rounded(pay.amount), pay.at) for pay in pays}
    return lines


# statements

Month = tuple[int, int]


def statements(doc: Row) -> dict[tuple[str, str], tuple[Fraction, Fraction]]:
    """Return {(period, payee): (total, carried)} of all settled months, also where there is nothing to say.

    At each moment that changes anything, the difference to what stood before is booked: in the month of the deal while
    that is unsettled, else in the month of the booking. What happens in the second of a settlement is before it.
    Months are settled in order: settling one settles those before it that are still open (decision 0014)."""
    booked: dict[tuple[str, Month], Fraction] = {}
    before: dict[tuple[str, Any], Line] = {}
    for moment in _last_of_each_class(doc):
        now = _lines(doc, moment)
        for key in before.keys() | now.keys():
            changed = (now[key].amount if key in now else ZERO) - (before[key].amount if key in before else ZERO)
            if changed:
                own = _month((now.get(key) or before[key]).at)
                month = _month(moment) if own <= _settled_before(doc, moment) else own
                booked[key[0], month] = booked.get((key[0], month), ZERO) + changed
        before = now
    found: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}
    for payee, currency in _payees(doc).items():
        carried = ZERO
        for year, month in _settled(doc, booked):
            exact = booked.get((payee, (year, month)), ZERO) + carried
            total = round_minor(exact, currency)
            carried = exact - total
            found[f"{year}-{month:02}", payee] = (total, carried)
    return found


def _month(at: datetime) -> Month:
    return at.year, at.month


def _settled(doc: Row, booked: Collection[tuple[str, Month]]) -> list[Month]:
    """Return every month that is settled in the end and named or has lines, in order."""
    named = {_named(row) for row in doc.get("settle") or []}
    return sorted(named | {month for _payee, month in booked if month <= max(named, default=(0, 0))})


def _named(row: Row) -> Month:
    year, month = row["period"].split("-")
    return int(year), int(month)


def _settled_before(doc: Row, moment: datetime) -> Month:
    """Return the last month that is settled before the second of a moment: all before it are settled too."""
    second = moment.replace(microsecond=0)
    done = [_named(row) for row in doc.get("settle") or [] if row["at"].replace(microsecond=0) < second]
    return max(done, default=(0, 0))


def _last_of_each_class(doc: Row) -> list[datetime]:
    """Return, of moments with the same month and the same settled months, the last: nothing else decides."""
    moments: set[datetime] = {row["at"] for row in doc.get("settle") or []}
    for key in ("deals", "deposits", "changes"):
        moments |= {row["at"] for row in doc.get(key) or []}
    for key in ("fx", "moves"):
        moments |= {row.get("published_at", row["at"]) for row in doc.get(key) or []}
    for versions in (doc.get("plans") or {}).values():
        moments |= {version["published_at"] for version in versions if "published_at" in version}
    last = {(_month(moment), _settled_before(doc, moment)): moment for moment in sorted(moments)}
    return sorted(last.values())


def _payees(doc: Row) -> dict[str, str]:
    world = World(doc)
    payees = {ib["code"]: ib["currency"] for ib in doc.get("ibs") or []}
    return payees | {f"client:{row['login']}": world.account_currency(row["login"]) for row in doc.get("clients") or []}


NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_DIGITS = {
    **dict.fromkeys(NO_DECIMALS.split(), 0),
    **dict.fromkeys(THREE_DECIMALS.split(), 3),
    "CLF": 4,
    "UYW": 4,
}  # ISO 4217; all others have 2


def round_minor(amount: Fraction, currency: str) -> Fraction:
    scale = 10 ** MINOR_DIGITS.get(currency, 2)
    return Fraction(round(amount * scale), scale)
