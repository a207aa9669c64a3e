"""deal/*: the history of deals, read by login, group, ticket or page; managers edit and delete too."""

from copy import copy

from mt4bridge.simulator import outcome, render
from mt4bridge.simulator.commands.desk import Command, Desk, of_symbols, one_of, page
from mt4bridge.simulator.outcome import DONE, Outcome
from mt4bridge.simulator.query import NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import SimDeal

LATEST_S = 4_102_444_800
_BY_MANAGER_API = 0x20


class Deals:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/deal/get": self.get,
            "/api/deal/get_total": lambda query: outcome.total(len(self._of_login(query))),
            "/api/deal/get_page": lambda query: self._shown(page(query, self._of_login(query))),
            "/api/deal/get_batch": self.get_batch,
            "/api/deal/update": self.update,
            "/api/deal/delete": self.delete,
        }

    def get(self, query: Query) -> Outcome:
        return Outcome(self._text(self._deal(query, query.number("ticket"))))

    def get_batch(self, query: Query) -> Outcome:
        key = one_of(query, "login", "group", "ticket")
        if key == "ticket":
            known = (self._book.deals.get(ticket) for ticket in query.numbers("ticket"))
            deals = [deal for deal in known if deal is not None and self._desk.sees(query, deal.login)]
        elif key == "group":
            groups = self._desk.groups(query, query.text("group"))
            deals = self._book.deals_in(groups, query.number("from"), query.number("to"))
        else:
            start, end = query.number("from"), query.number("to")
            logins = self._desk.logins(query)
            deals = [deal for login in logins for deal in self._book.deals_of(login, start, end)]
        return self._shown(of_symbols(query, deals, lambda deal: deal.symbol))

    def update(self, query: Query) -> Outcome:
        """Change a deal's money, price or comment in place, and mark it as edited through the API."""
        edited = copy(self._deal(query, query.number("deal")))
        edited.profit = query.decimal("profit", edited.profit)
        edited.swap = query.decimal("storage", edited.swap)
        edited.commission = query.decimal("commission", edited.commission)
        edited.fee = query.decimal("fee", edited.fee)
        edited.price = query.decimal("price", edited.price)
        edited.comment = query.text("comment", edited.comment)[:31]
        edited.flags |= _BY_MANAGER_API
        self._book.put_deal(edited)
        return Outcome(self._text(edited))

    def delete(self, query: Query) -> Outcome:
        for ticket in [self._deal(query, ticket).ticket for ticket in query.numbers("ticket")]:
            self._book.remove_deal(ticket)
        return DONE

    def _deal(self, query: Query, ticket: int) -> SimDeal:
        deal = self._book.deals.get(ticket)
        if deal is None or not self._desk.sees(query, deal.login):
            raise ApiError(NOT_FOUND, "Not found")
        return deal

    def _of_login(self, query: Query) -> list[SimDeal]:
        login, start, end = query.number("login"), query.number("from"), query.number("to", LATEST_S)
        return self._book.deals_of(login, start, end) if self._desk.sees(query, login) else []

    def _shown(self, deals: list[SimDeal]) -> Outcome:
        return outcome.rows([self._text(deal) for deal in deals])

    def _text(self, deal: SimDeal) -> str:
        return deal.text or render.deal_text(deal, self._desk.digits(deal.login))
