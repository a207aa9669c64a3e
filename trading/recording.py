"""Turn rows of the bridge into what the store may hold: resolve names, hold what cannot be stored, load what is."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Max

from core.money import MAX_E8
from mt4bridge.columns import DealColumns
from mt4bridge.types import BadRow, DealRow
from trading.enums import HoldReason
from trading.models import Deal, Symbol, TradingAccount
from trading.sync.queries import contested_symbols, contract_sizes
from trading.types import DealContent, DealKey, Stored

logger = logging.getLogger(__name__)
_CONTENT = DealContent._fields
COMMENT_LENGTH = 64
_new = tuple.__new__  # a named tuple without its Python constructor: half the time


@dataclass(slots=True)
class Names:
    """What logins and symbols of a server are here. Kept while a window is read: only what was found is remembered."""

    accounts: dict[int, int] = field(default_factory=dict)  # {login: trading account id}
    symbols: dict[str, tuple[int, int]] = field(default_factory=dict)  # {name: (symbol id, contract size in 1e-8)}
    contested: frozenset[str] = frozenset()  # symbols whose quote currency waits for a decision
    sizes: dict[int, list[tuple[datetime, int]]] = field(default_factory=dict)  # dated, of symbols asked for so far

    def size_at(self, symbol: str, at: datetime) -> int:
        """Return the contract size that the symbol had at a moment; before the first look, the first one seen."""
        pk, now = self.symbols[symbol]
        if pk not in self.sizes:
            self.sizes |= {pk: []} | contract_sizes([pk])
        dated = self.sizes[pk]
        known = [size for seen_at, size in dated if seen_at <= at]
        return known[-1] if known else (dated[0][1] if dated else now)


@dataclass(slots=True)
class Held:
    """A row that cannot become a deal now."""

    key: DealKey
    login: int | None
    reason: HoldReason
    detail: str
    payload: dict[str, Any]


@dataclass(slots=True)
class Sorted:
    """Rows split into deals and held ones; of a ticket sent twice the last counts."""

    deals: dict[DealKey, DealContent] = field(default_factory=dict)
    held: dict[DealKey, Held] = field(default_factory=dict)


def load_names(*, server_id: int, rows: Sequence[DealRow | BadRow], names: Names | None = None) -> Names:
    """Look up the logins and symbols of the rows that are not known yet: at most three statements."""
    names = Names() if names is None else names
    logins, symbols = _named_in(rows)
    logins -= names.accounts.keys()
    symbols -= names.symbols.keys()
    if logins:
        accounts = TradingAccount.objects.filter(server_id=server_id, login__in=logins)
        names.accounts.update(accounts.values_list("login", "id"))
    if symbols:
        found = Symbol.objects.filter(server_id=server_id, name__in=symbols)
        names.symbols.update(
            (name, (pk, size)) for name, pk, size in found.values_list("name", "id", "contract_size_e8")
        )
        names.contested = contested_symbols(server_id)
    return names


def _named_in(rows: Sequence[DealRow | BadRow]) -> tuple[set[int], set[str]]:
    if isinstance(rows, DealColumns):
        return set(rows.numbers["login"].tolist()), set(rows.symbols)
    good = [row for row in rows if isinstance(row, DealRow)]
    return {row.login for row in good}, {row.symbol for row in good}


def tickets_in(rows: Sequence[DealRow | BadRow]) -> set[int]:
    """Return the tickets of the deals that could be understood."""
    if isinstance(rows, DealColumns):
        return set(rows.numbers["ticket"].tolist())
    return {row.ticket for row in rows if isinstance(row, DealRow)}


def sort_rows(rows: Iterable[DealRow | BadRow], names: Names) -> Sorted:
    """Split rows into deals with their content and rows that must be held, each with its reason.

    What most rows are is written out here, what is rare has a function. A first read by columns: `plain`."""
    result = Sorted()
    deals, held, most = result.deals, result.held, MAX_E8
    accounts, symbols, contested = names.accounts, names.symbols, names.contested
    for row in rows:
        if isinstance(row, BadRow):
            _sort_bad(result, row)
            continue
        (
            ticket, leg, login, symbol, action, entry, reason, position, position_by, order, volume, closed, price,
            bid, ask, size, digits, _currency_digits, profit, swap, commission, fee, deal_at, comment,
        ) = row  # fmt: skip
        account_id, known = accounts.get(login), symbols.get(symbol)
        if (
            account_id is None
            or (known is None and symbol)
            or not (
                volume <= most and closed <= most and size <= most and -most <= price <= most
                and -most <= profit <= most and -most <= swap <= most and -most <= commission <= most
                and -most <= fee <= most
            )
            or symbol in contested
        ):  # fmt: skip
            _sort_unusable(result, row, names)
            continue
        if not size and known is not None:
            size = names.size_at(symbol, deal_at)
        key = _new(DealKey, (ticket, leg))
        if held:
            held.pop(key, None)
        deals[key] = _new(DealContent, (
            account_id, known[0] if known else None, action, entry, reason, position, position_by, order, volume,
            closed if entry else 0, price, bid, ask, size, digits, profit, swap, commission, fee, deal_at,
            comment if len(comment) <= COMMENT_LENGTH else comment[:COMMENT_LENGTH],
        ))  # fmt: skip
    return result


def _sort_bad(result: Sorted, row: BadRow) -> None:
    if row.ticket is None:  # nothing to hold it by: whoever watches the log has to look
        logger.error("the server sent a deal without a ticket: %s", row.reason)
        return
    key = DealKey(row.ticket, row.leg)
    result.deals.pop(key, None)
    result.held[key] = Held(key, row.login, HoldReason.BAD_ROW, row.reason[:200], {"raw": row.raw})


def _sort_unusable(result: Sorted, row: DealRow, names: Names) -> None:
    key = DealKey(row.ticket, row.leg)
    result.deals.pop(key, None)
    reason = _reason_to_hold(row, names)
    about_symbol = reason in (HoldReason.UNKNOWN_SYMBOL, HoldReason.SYMBOL_CHANGED)
    detail = row.symbol if about_symbol else str(row.login)
    result.held[key] = Held(key, row.login, reason, detail[:200], payload_of(row))


def _reason_to_hold(row: DealRow, names: Names) -> HoldReason:
    if row.login not in names.accounts:
        return HoldReason.UNKNOWN_LOGIN
    if row.symbol and row.symbol not in names.symbols:
        return HoldReason.UNKNOWN_SYMBOL
    return HoldReason.SYMBOL_CHANGED if row.symbol in names.contested else HoldReason.OUT_OF_RANGE


def payload_of(row: DealRow) -> dict[str, Any]:
    """Return a row as JSON, so that a held one can be shown and nothing of it is lost."""
    values = row._asdict()
    values["deal_at"] = row.deal_at.isoformat()
    return {name: int(value) if isinstance(value, int) else value for name, value in values.items()}


def load_stored(*, server_id: int, tickets: Collection[int]) -> dict[DealKey, Stored]:
    """Return the highest revision of each deal with one of the tickets; a first read asks for few of them."""
    found: dict[DealKey, Stored] = {}
    newest = Deal.objects.filter(server_id=server_id).aggregate(ticket=Max("ticket"))["ticket"]
    tickets = [ticket for ticket in tickets if newest is not None and ticket <= newest]
    if not tickets:
        return found
    rows = Deal.objects.filter(server_id=server_id, ticket__in=tickets).order_by("ticket", "leg", "revision")
    for ticket, leg, revision, deleted, *content in rows.values_list("ticket", "leg", "revision", "deleted", *_CONTENT):
        found[DealKey(ticket, leg)] = Stored(revision, deleted, DealContent(*content))
    return found
