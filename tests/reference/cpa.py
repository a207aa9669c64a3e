"""Pay for a client's net deposit: what each direct IB gets, and when."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.reference.counting import Book
from tests.reference.positions import ZERO, number
from tests.reference.world import Missing, Row


@dataclass(frozen=True)
class CpaPay:
    """One payment. `order`: its place among deposits and deals; `amount` exact, in the IB's currency."""

    to: str
    login: int
    order: tuple[Any, ...]
    at: datetime
    amount: Fraction
    currency: str


def cpa_pays(book: Book) -> list[CpaPay]:
    """Return all payments, in the order of the deposits and deals that caused them."""
    happened = [((row["at"], 0, place), row) for place, row in enumerate(book.world.deposits)]
    happened += [((deal["at"], 1, deal["ticket"]), deal) for deal in book.world.deals]
    pays: list[CpaPay] = []
    for order, row in sorted(happened, key=lambda each: each[0]):
        try:
            pay = pay_at(book, row["login"], order, [each for each in pays if each.login == row["login"]])
        except Missing:
            continue  # without a needed rate, or a lot factor: nothing
        if pay is not None:
            pays.append(pay)
    return pays


def pay_at(book: Book, login: int, order: tuple[Any, ...], earlier: list[CpaPay]) -> CpaPay | None:
    world, at = book.world, order[0]
    code = world.direct_ib(login, at)
    if code is None or world.is_own_trade(login, code):
        return None
    ib = world.ib(code, at)
    cpa = (ib["terms"] or {}).get("cpa")
    if not cpa or not ib["active"] or closed_lots(book, login, order, cpa) < number(cpa.get("min_lots", "0")):
        return None
    net = net_deposit(book, login, order, cpa["currency"])
    reached = [step for step in cpa["steps"] if number(step["net_deposit"]) <= net]
    if not reached:
        return None
    promised = number(max(reached, key=lambda step: number(step["net_deposit"]))["pay"])
    had = sum((world.convert(pay.amount, pay.currency, cpa["currency"], pay.at) for pay in earlier), ZERO)
    if promised <= had:
        return None
    amount = world.convert(promised - had, cpa["currency"], ib["currency"], at)
    return CpaPay(code, login, order, at, amount, ib["currency"])


def closed_lots(book: Book, login: int, order: tuple[Any, ...], cpa: Row) -> Fraction:
    """All lots that the client closed until now, this deal included, whatever a plan counts (0012)."""
    if number(cpa.get("min_lots", "0")) == 0:
        return ZERO
    total = ZERO
    for deal in book.world.deals:
        if deal["login"] == login and (deal["at"], 1, deal["ticket"]) <= order:
            closing = [part for part in book.parts[deal["ticket"]] if part.kind == "close"]
            total += book.lots(deal, closing)
    return total


def net_deposit(book: Book, login: int, order: tuple[Any, ...], currency: str) -> Fraction:
    """Deposits less withdrawals (below zero) until now, each converted at its time."""
    total = ZERO
    for place, row in enumerate(book.world.deposits):
        if row["login"] == login and (row["at"], 0, place) <= order:
            total += book.world.convert(number(row["amount"]), row["currency"], currency, row["at"])
    return total


def advance_before(pays: list[CpaPay], deal: Row, code: str) -> Fraction:
    """The CPA that was booked on the deal's client to this IB before the deal: its lines, to 8 decimals."""
    before = (deal["at"], 1, deal["ticket"])
    mine = [pay for pay in pays if pay.login == deal["login"] and pay.to == code and pay.order < before]
    return sum((rounded(pay.amount) for pay in mine), ZERO)


def rounded(amount: Fraction) -> Fraction:
    """A line, rounded once to 8 decimals, half to even."""
    return Fraction(round(amount * 10**8), 10**8)
