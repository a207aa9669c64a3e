"""order/*: working orders; history/*: orders that are done. A filled order is read off its deal."""

from mt4bridge.simulator import outcome, render
from mt4bridge.simulator.commands.deals import LATEST_S
from mt4bridge.simulator.commands.desk import Command, Desk, of_symbols, one_of, page
from mt4bridge.simulator.outcome import DONE, Outcome, answer
from mt4bridge.simulator.query import NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import SimDeal, SimOrder

FILLED = 4


class Orders:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/order/get": self.get,
            "/api/order/get_total": lambda query: outcome.total(len(self._working(query))),
            "/api/order/get_page": lambda query: self._shown(page(query, self._working(query))),
            "/api/order/get_batch": self.get_batch,
            "/api/order/delete": self.delete,
            "/api/history/get": self.history_get,
            "/api/history/get_total": lambda query: outcome.total(len(self._done(query))),
            "/api/history/get_page": lambda query: self._shown(page(query, self._done(query))),
            "/api/history/get_batch": self.history_get_batch,
        }

    def get(self, query: Query) -> Outcome:
        return answer(self._fields(self._order(query, query.number("ticket"))))

    def get_batch(self, query: Query) -> Outcome:
        if one_of(query, "login", "group", "ticket") == "ticket":
            known = (self._book.orders.get(number) for number in query.numbers("ticket"))
            found = [order for order in known if order and not order.done_ms and self._desk.sees(query, order.login)]
        else:
            logins = self._desk.logins(query)
            found = [order for login in logins for order in self._book.orders_of(login, working=True)]
        return self._shown(of_symbols(query, found, lambda order: order.symbol))

    def delete(self, query: Query) -> Outcome:
        for order in [self._order(query, number) for number in query.numbers("ticket")]:
            self._book.remove_order(order.order)
        return DONE

    def history_get(self, query: Query) -> Outcome:
        wanted = query.number("ticket")
        kept = self._book.orders.get(wanted)
        if kept is not None and kept.done_ms and self._desk.sees(query, kept.login):
            return answer(self._fields(kept))
        for deal in self._book.deals.values():
            if deal.order == wanted and self._desk.sees(query, deal.login):
                return answer(self._fields(filled(deal)))
        raise ApiError(NOT_FOUND, "Not found")

    def history_get_batch(self, query: Query) -> Outcome:
        key = one_of(query, "login", "group", "ticket")
        if key == "ticket":
            wanted = set(query.numbers("ticket"))
            seen = [login for login in self._book.users if self._desk.sees(query, login)]
            found = [order for login in seen for order in self._history_of(login, 0, LATEST_S) if order.order in wanted]
        else:
            start, end = query.number("from"), query.number("to")
            found = [order for login in self._desk.logins(query) for order in self._history_of(login, start, end)]
        return self._shown(of_symbols(query, found, lambda order: order.symbol))

    def _order(self, query: Query, number: int) -> SimOrder:
        order = self._book.orders.get(number)
        if order is None or order.done_ms or not self._desk.sees(query, order.login):
            raise ApiError(NOT_FOUND, "Not found")
        return order

    def _working(self, query: Query) -> list[SimOrder]:
        login = query.number("login")
        return self._book.orders_of(login, working=True) if self._desk.sees(query, login) else []

    def _done(self, query: Query) -> list[SimOrder]:
        login, start, end = query.number("login"), query.number("from"), query.number("to", LATEST_S)
        return self._history_of(login, start, end) if self._desk.sees(query, login) else []

    def _history_of(self, login: int, start_s: int, end_s: int) -> list[SimOrder]:
        """Return orders done within [start, end], by time and number."""
        deals = self._book.deals_of(login, start_s, end_s)
        kept = [
            order for order in self._book.orders_of(login, working=False) if start_s <= order.done_ms // 1000 <= end_s
        ]
        orders = [*(filled(deal) for deal in deals if deal.order), *kept]
        return sorted(orders, key=lambda order: (order.done_ms, order.order))

    def _shown(self, orders: list[SimOrder]) -> Outcome:
        return answer([self._fields(order) for order in orders], TOTAL=str(len(orders)))

    def _fields(self, order: SimOrder) -> render.Fields:
        return render.order(order, self._desk.digits(order.login))


def filled(deal: SimDeal) -> SimOrder:
    """Return the market order behind a deal."""
    return SimOrder(
        order=deal.order,
        login=deal.login,
        symbol=deal.symbol,
        kind=deal.action,
        volume_e8=deal.volume_e8,
        price=deal.price,
        placed_ms=deal.time_ms,
        digits=deal.digits,
        contract_size=deal.contract_size,
        sl=deal.sl,
        tp=deal.tp,
        done_ms=deal.time_ms,
        state=FILLED,
        position=deal.position,
        filled_e8=deal.volume_e8,
        reason=deal.reason,
        magic=deal.magic,
        comment=deal.comment,
    )
