"""Faults that change the history itself: late, edited and deleted deals, as managers and plugins cause them."""

from copy import copy
from decimal import Decimal

from mt4bridge.simulator.book import Book
from mt4bridge.simulator.faults import Faults
from mt4bridge.simulator.records import BUY, IN, SELL, SimDeal

RECENT = 200
LATE_MS = 40 * 60_000
_BY_MANAGER = 2


def strike_history(book: Book, faults: Faults) -> None:
    """Give each history fault its chance. An empty history offers none."""
    recent = book.recent_tickets(RECENT)
    if not recent:
        return
    if faults.strikes("late_deal"):
        add_late_deal(book, like=faults.pick(recent))
    if faults.strikes("edited_deal"):
        edit_deal(book, ticket=faults.pick(recent), profit_change=Decimal(faults.pick([-3, -2, -1, 1, 2, 3])))
    trades = [ticket for ticket in recent if ticket in book.deals and book.deals[ticket].action in (BUY, SELL)]
    if trades and faults.strikes("deleted_deal"):  # nobody deletes what an outbox has just booked
        book.remove_deal(faults.pick(trades))


def add_late_deal(book: Book, *, like: int, earlier_ms: int = LATE_MS) -> SimDeal:
    """Add a copy of a deal with an older time and a new ticket, a position of its own."""
    late = copy(book.deals[like])
    late.ticket = book.next_ticket()
    late.time_ms -= earlier_ms
    late.position = late.order = book.next_ticket()
    late.comment = "late"
    book.put_deal(late)
    return late


def edit_deal(book: Book, *, ticket: int, profit_change: Decimal) -> SimDeal:
    """Change a closing deal's profit, or an opening deal's commission, in place, and mark it as a manager's edit."""
    edited = copy(book.deals[ticket])
    if edited.entry == IN:
        edited.commission += profit_change
    else:
        edited.profit += profit_change
    edited.flags |= _BY_MANAGER
    book.put_deal(edited)
    return edited
