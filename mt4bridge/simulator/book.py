"""The simulated server's book: users, groups, symbols, deals, positions, in memory, with every change announced."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from decimal import Decimal
from fnmatch import fnmatchcase

from mt4bridge.clock import ServerClock
from mt4bridge.simulator.records import (
    BUY,
    CREDIT,
    SELL,
    ZERO,
    SimDeal,
    SimGroup,
    SimPosition,
    SimState,
    SimSymbol,
    SimUser,
)

FIRST_TICKET = 1_000_001
E8 = 10**8
TO_CREDIT = frozenset((CREDIT,))
TimeKey = tuple[int, int]  # (time_ms, ticket)
Change = SimGroup | SimSymbol | SimUser | SimDeal | SimPosition
Listener = Callable[[str, Change], None]


class Book:
    """Everything one server knows. Changed only through its methods, so that a journal misses nothing."""

    def __init__(self, clock: ServerClock, *, first_ticket: int = FIRST_TICKET) -> None:
        self.clock = clock
        self.groups: dict[str, SimGroup] = {}
        self.symbols: dict[str, SimSymbol] = {}
        self.users: dict[int, SimUser] = {}
        self.deals: dict[int, SimDeal] = {}
        self.positions: dict[int, SimPosition] = {}
        self.listeners: list[Listener] = []
        self.rate: Callable[[str, str], Decimal] = lambda _base, _quote: Decimal(1)
        self._last_ticket = first_ticket - 1
        self._timeline: list[TimeKey] = []
        self._by_login: dict[int, list[TimeKey]] = {}
        self._positions_of: dict[int, set[int]] = {}

    def next_ticket(self) -> int:
        """Return a number that no deal, order or position has had."""
        self._last_ticket += 1
        return self._last_ticket

    def put_group(self, group: SimGroup) -> None:
        self.groups[group.name] = group
        self._announce("group", group)

    def put_symbol(self, symbol: SimSymbol) -> None:
        self.symbols[symbol.name] = symbol
        self._announce("symbol", symbol)

    def put_user(self, user: SimUser) -> None:
        self.users[user.login] = user
        self._by_login.setdefault(user.login, [])
        self._positions_of.setdefault(user.login, set())
        self._announce("user", user)

    def remove_user(self, login: int) -> None:
        """Archive an account: it and its history leave the live base."""
        user = self.users.pop(login)
        for _, ticket in list(self._by_login.get(login, [])):
            self.remove_deal(ticket)
        self._announce("user_gone", user)

    def put_deal(self, deal: SimDeal) -> None:
        """Add a deal, or replace the one with its ticket."""
        if deal.ticket in self.deals:
            self._forget(deal.ticket)
        deal.text = ""
        key = (deal.time_ms, deal.ticket)
        self.deals[deal.ticket] = deal
        insort(self._timeline, key)
        insort(self._by_login.setdefault(deal.login, []), key)
        self._last_ticket = max(self._last_ticket, deal.ticket, deal.position, deal.order)
        self._announce("deal", deal)

    def remove_deal(self, ticket: int) -> SimDeal:
        deal = self._forget(ticket)
        self._announce("deal_gone", deal)
        return deal

    def put_position(self, position: SimPosition) -> None:
        self.positions[position.position] = position
        self._positions_of.setdefault(position.login, set()).add(position.position)
        self._last_ticket = max(self._last_ticket, position.position)
        self._announce("position", position)

    def remove_position(self, number: int) -> SimPosition:
        position = self.positions.pop(number)
        self._positions_of[position.login].discard(number)
        self._announce("position_gone", position)
        return position

    def deals_of(self, login: int, from_s: int, to_s: int) -> list[SimDeal]:
        """Return one account's deals of [from, to] in server seconds, both included, by time and ticket."""
        return self._window(self._by_login.get(login, []), from_s, to_s)

    def deals_of_groups(self, masks: str, from_s: int, to_s: int) -> list[SimDeal]:
        """Return the deals of [from, to] of all accounts whose group fits the masks, by time and ticket."""
        fitting = self.groups_like(masks)
        deals = self._window(self._timeline, from_s, to_s)
        if len(fitting) == len(self.groups):
            return deals
        users = self.users
        return [deal for deal in deals if deal.login in users and users[deal.login].group in fitting]

    def groups_like(self, masks: str) -> set[str]:
        """Return the group names that a comma list of masks names: `*` any text, `!` takes away."""
        parts = [part.strip().replace("[", "[[]") for part in masks.split(",") if part.strip()]
        wanted = [part for part in parts if not part.startswith("!")] or ["*"]
        unwanted = [part[1:] for part in parts if part.startswith("!")]
        return {
            name
            for name in self.groups
            if any(fnmatchcase(name, mask) for mask in wanted) and not any(fnmatchcase(name, mask) for mask in unwanted)
        }

    def logins_like(self, masks: str) -> list[int]:
        fitting = self.groups_like(masks)
        return sorted(user.login for user in self.users.values() if user.group in fitting)

    def positions_of(self, login: int) -> list[SimPosition]:
        return [self.positions[number] for number in sorted(self._positions_of.get(login, ()))]

    def state_of(self, login: int) -> SimState:
        """Work out an account's balance from its deals, and its floating result from its open positions."""
        user = self.users[login]
        group = self.groups[user.group]
        balance = credit = ZERO
        for _, ticket in self._by_login.get(login, []):
            deal = self.deals[ticket]
            if deal.action in TO_CREDIT:
                credit += deal.profit
            else:
                balance += deal.profit + deal.swap + deal.commission + deal.fee
        positions = self.positions_of(login)
        return SimState(
            login=login,
            currency_digits=group.currency_digits,
            leverage=user.leverage,
            balance=balance,
            credit=credit,
            margin=sum((self._margin(position, user, group) for position in positions), ZERO),
            profit=sum((position.profit for position in positions), ZERO),
            swap=sum((position.swap for position in positions), ZERO),
        )

    def last_time_ms(self) -> int:
        return self._timeline[-1][0] if self._timeline else 0

    def recent_tickets(self, count: int) -> list[int]:
        """Return the tickets of the newest trades, newest first."""
        newest = [ticket for _, ticket in self._timeline[-count * 2 :] if self.deals[ticket].action in (BUY, SELL)]
        return newest[::-1][:count]

    def load(self, changes: Iterable[tuple[str, Change]]) -> None:
        """Apply announced changes again, without announcing them (a journal read at start)."""
        listeners, self.listeners = self.listeners, []
        try:
            for kind, record in changes:
                self._apply(kind, record)
        finally:
            self.listeners = listeners

    def _apply(self, kind: str, record: Change) -> None:
        if isinstance(record, SimDeal):
            self.put_deal(record) if kind == "deal" else self._forget(record.ticket)
        elif isinstance(record, SimPosition):
            self.put_position(record) if kind == "position" else self.remove_position(record.position)
        elif isinstance(record, SimUser):
            self.put_user(record) if kind == "user" else self.users.pop(record.login)
        elif isinstance(record, SimGroup):
            self.put_group(record)
        else:
            self.put_symbol(record)

    def _window(self, keys: list[TimeKey], from_s: int, to_s: int) -> list[SimDeal]:
        first = bisect_left(keys, (from_s * 1000, 0))
        last = bisect_left(keys, ((to_s + 1) * 1000, 0))
        deals = self.deals
        return [deals[ticket] for _, ticket in keys[first:last]]

    def _forget(self, ticket: int) -> SimDeal:
        deal = self.deals.pop(ticket)
        for keys in (self._timeline, self._by_login[deal.login]):
            index = bisect_left(keys, (deal.time_ms, ticket))
            if index < len(keys) and keys[index] == (deal.time_ms, ticket):
                del keys[index]
        return deal

    def _margin(self, position: SimPosition, user: SimUser, group: SimGroup) -> Decimal:
        """Return lots × contract × price ÷ leverage in account currency: the forex formula, for every symbol."""
        symbol = self.symbols.get(position.symbol)
        quote = symbol.currency_profit if symbol else group.currency
        notional = Decimal(position.volume_e8) / E8 * position.contract_size * position.price_open
        exact = notional * self.rate(quote, group.currency) / max(user.leverage, 1)
        return exact.quantize(Decimal(1).scaleb(-group.currency_digits))

    def _announce(self, kind: str, record: Change) -> None:
        for listener in self.listeners:
            listener(kind, record)
