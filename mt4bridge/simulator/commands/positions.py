"""position/*: what is open now."""

from mt4bridge.simulator import outcome, render
from mt4bridge.simulator.commands.desk import Command, Desk, of_symbols, one_of, page
from mt4bridge.simulator.outcome import DONE, Outcome, answer
from mt4bridge.simulator.query import NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import SimPosition


class Positions:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/position/get": self.get,
            "/api/position/get_total": lambda query: outcome.total(len(self._of_login(query))),
            "/api/position/get_page": lambda query: self._shown(page(query, self._of_login(query))),
            "/api/position/get_batch": self.get_batch,
            "/api/position/check": self.check,
            "/api/position/fix": self.check,
        }

    def get(self, query: Query) -> Outcome:
        """Return the first position in a symbol: on a hedging account there may be more."""
        for position in self._book.positions_of(self._desk.user(query).login):
            if position.symbol == query.text("symbol"):
                return answer(self._fields(position))
        raise ApiError(NOT_FOUND, "Not found")

    def get_batch(self, query: Query) -> Outcome:
        if one_of(query, "login", "group", "ticket") == "ticket":
            known = (self._book.positions.get(number) for number in query.numbers("ticket"))
            found = [position for position in known if position and self._desk.sees(query, position.login)]
        else:
            found = [item for login in self._desk.logins(query) for item in self._book.positions_of(login)]
        return self._shown(of_symbols(query, found, lambda position: position.symbol))

    def check(self, query: Query) -> Outcome:
        """Positions always agree with the deals here."""
        self._desk.user(query)
        return DONE

    def _of_login(self, query: Query) -> list[SimPosition]:
        return self._book.positions_of(self._desk.user(query).login)

    def _shown(self, positions: list[SimPosition]) -> Outcome:
        return answer([self._fields(position) for position in positions], TOTAL=str(len(positions)))

    def _fields(self, position: SimPosition) -> render.Fields:
        return render.position(position, self._desk.digits(position.login))
