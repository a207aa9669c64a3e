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
    SimOrder,
    SimPosition,
    SimState,
    SimSymbol,
    SimUser,
)

FIRST_TICKET = 1_000_001
E8 = 10**8
TO_CREDIT = frozenset((CREDIT,))
TimeKey = tuple[int, int]  # (time_ms, ticket)
Change = SimGroup | SimSymbol | SimUser | SimDeal | SimPosition | SimOrder
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
        self.orders: dict[int, SimOrder] = {}  # working, and cancelled ones of the history
        self.archive: dict[int, tuple[SimUser, list[SimDeal]]] = {}
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

    def remove_group(self, name: str) -> None:
        self._announce("group_gone", self.groups.pop(name))

    def remove_symbol(self, name: str) -> None:
        self._announce("symbol_gone", self.symbols.pop(name))

    def put_user(self, user: SimUser) -> None:
        self.users[user.login] = user
        self._by_login.setdefault(user.login, [])
        self._positions_of.setdefault(user.login, set())
        self._announce("user", user)

    def remove_user(self, login: int) -> None:
        """Delete an account and its history."""
        for _, ticket in list(self._by_login.get(login, [])):
            self.remove_deal(ticket)
        self._drop_orders(login)
        self._announce("user_gone", self.users.pop(login))

    def archive_user(self, login: int) -> None:
        """Move an account and its deals out of the live base."""
        user = self.users.pop(login)
        self.archive[login] = (user, [self._forget(ticket) for _, ticket in list(self._by_login.get(login, []))])
        self._drop_orders(login)
        self._announce("user_archived", user)

    def restore_user(self, login: int) -> SimUser:
        """Bring an archived account back."""
        user, deals = self.archive.pop(login)
        self._announce("user_restored", user)
        self.load([("user", user), *(("deal", deal) for deal in deals)])
        return user

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

    def put_order(self, order: SimOrder) -> None:
        self.orders[order.order] = order
        self._last_ticket = max(self._last_ticket, order.order)
        self._announce("order", order)

    def remove_order(self, number: int) -> None:
        self._announce("order_gone", self.orders.pop(number))

    def orders_of(self, login: int, *, working: bool) -> list[SimOrder]:
        """Return one account's orders that work, or those that are done, by number."""
        kept = (order for order in self.orders.values() if order.login == login and bool(order.done_ms) != working)
        return sorted(kept, key=lambda order: order.order)

    def deals_of(self, login: int, from_s: int, to_s: int) -> list[SimDeal]:
        """Return one account's deals of [from, to] in server seconds, both included, by time and ticket."""
        return self._window(self._by_login.get(login, []), from_s, to_s)

    def deals_in(self, groups: set[str], from_s: int, to_s: int) -> list[SimDeal]:
        """Return the deals of [from, to] of all accounts in these groups, by time and ticket."""
        deals = self._window(self._timeline, from_s, to_s)
        if len(groups) == len(self.groups):
            return deals
        users = self.users
        return [deal for deal in deals if deal.login in users and users[deal.login].group in groups]

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

    def positions_of(self, login: int) -> list[SimPosition]:
        return [self.positions[number] for number in sorted(self._positions_of.get(login, ()))]

    def state_of(self, login: int) -> SimState:
        """Work out an account's balance from its deals, and its floating result from its open positions."""
        deals = self.deals
        return self.state_of_deals(self.users[login], [deals[ticket] for _, ticket in self._by_login.get(login, [])])

    def state_of_deals(self, user: SimUser, deals: Iterable[SimDeal]) -> SimState:
        """Work out the state of an account from the given deals and its open positions."""
        login, group = user.login, self.groups[user.group]
        balance = credit = ZERO
        for deal in deals:
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
            margin=sum((self._margin(position, user) for position in positions), ZERO),
            profit=sum((position.profit for position in positions), ZERO),
            swap=sum((position.swap for position in positions), ZERO),
        )

    def deals_of_position(self, number: int) -> list[SimDeal]:
        """Return a position's deals by time and ticket."""
        found = [deal for deal in self.deals.values() if deal.position == number]
        return sorted(found, key=lambda deal: (deal.time_ms, deal.ticket))

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
            self._apply_user(kind, record)
        elif isinstance(record, SimOrder):
            self.put_order(record) if kind == "order" else self.remove_order(record.order)
        elif isinstance(record, SimGroup):
            self.put_group(record) if kind == "group" else self.remove_group(record.name)
        else:
            self.put_symbol(record) if kind == "symbol" else self.remove_symbol(record.name)

    def _apply_user(self, kind: str, user: SimUser) -> None:
        if kind == "user":
            self.put_user(user)
        elif kind == "user_archived":
            self.archive_user(user.login)
        elif kind == "user_restored":
            self.restore_user(user.login)
        else:
            self.users.pop(user.login)

    def _drop_orders(self, login: int) -> None:
        self.orders = {number: order for number, order in self.orders.items() if order.login != login}

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

    def margin_of(
        self, user: SimUser, symbol_name: str, contract_size: Decimal, volume_e8: int, price: Decimal
    ) -> Decimal:
        """Return lots × contract × price ÷ leverage in account currency: the forex formula, for every symbol."""
        group, symbol = self.groups[user.group], self.symbols.get(symbol_name)
        quote = symbol.currency_profit if symbol else group.currency
        notional = Decimal(volume_e8) / E8 * contract_size * price
        exact = notional * self.rate(quote, group.currency) / max(user.leverage, 1)
        return exact.quantize(Decimal(1).scaleb(-group.currency_digits))

    def _margin(self, item: SimPosition, user: SimUser) -> Decimal:
        return self.margin_of(user, item.symbol, item.contract_size, item.volume_e8, item.price_open)

    def _announce(self, kind: str, record: Change) -> None:
        for listener in self.listeners:
            listener(kind, record)
