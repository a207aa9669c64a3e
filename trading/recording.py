"""Turn rows of the bridge into revisions of deals: resolve names, compare with the store, pack for COPY."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Max

from core.money import MAX_E8
from mt4bridge.types import BadRow, DealRow
from trading.enums import HoldReason
from trading.models import Deal, Symbol, TradingAccount
from trading.sync.queries import contested_symbols, contract_sizes
from trading.types import DealContent, DealKey, Stored

logger = logging.getLogger(__name__)
_CONTENT = DealContent._fields
COMMENT_LENGTH = 64
_new = tuple.__new__  # a named tuple without its Python constructor: half the time
COPY_COLUMNS = (
    "server_id", "ticket", "leg", "revision", "deleted", "account_id", "symbol_id", "action", "entry", "reason",
    "position", "position_by", "mt_order", "volume_e8", "volume_closed_e8", "price_e8", "bid_e8", "ask_e8",
    "contract_size_e8", "digits", "profit_e8", "swap_e8", "commission_e8", "fee_e8", "deal_at", "recorded_at",
    "comment",
)  # fmt: skip


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


def load_names(*, server_id: int, rows: Iterable[DealRow | BadRow], names: Names | None = None) -> Names:
    """Look up the logins and symbols of the rows that are not known yet: at most three statements."""
    names = Names() if names is None else names
    good = [row for row in rows if isinstance(row, DealRow)]
    logins = {row.login for row in good} - names.accounts.keys()
    symbols = {row.symbol for row in good} - names.symbols.keys()
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


def sort_rows(rows: Iterable[DealRow | BadRow], names: Names) -> Sorted:
    """Split rows into deals with their content and rows that must be held, each with its reason.

    The hot path of a first read: what most rows are is written out here, what is rare has a function."""
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


class Revision(NamedTuple):
    """A row of trading_deal to store."""

    key: DealKey
    revision: int
    deleted: bool
    content: DealContent


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # from which PostgreSQL counts
_DAY_US, _SECOND_US = 86_400_000_000, 1_000_000
_KINDS = {"leg": "i2", "revision": "i2", "deleted": "i1", "action": "i2", "entry": "i2", "reason": "i2", "digits": "i2"}
_FIXED = COPY_COLUMNS[:-1]  # all but the comment have one width
_NULLABLE = ("symbol_id", "bid_e8", "ask_e8")
_Shape = tuple[bool, bool, bool]  # which of symbol, bid and ask are there


def _layout(shape: _Shape) -> np.dtype[np.void]:
    """Return a row up to its comment as binary COPY has it: a count of fields, then length and value of each."""
    absent = {name for name, there in zip(_NULLABLE, shape, strict=True) if not there}
    fields = [("_count", ">i2")]
    for name in _FIXED:
        fields.append((f"_{name}", ">i4"))
        if name not in absent:
            fields.append((name, f">{_KINDS.get(name, 'i8')}"))
    return np.dtype([*fields, ("_comment", ">i4")])


_EITHER = (False, True)
_LAYOUTS = {shape: _layout(shape) for shape in product(_EITHER, _EITHER, _EITHER)}


def pack_rows(*, server_id: int, revisions: Sequence[Revision], recorded_at: datetime) -> Iterator[bytes]:
    """Yield rows of trading_deal in COPY's binary form, each with its count of fields, in the order given."""
    shapes = [
        (c.symbol_id is not None, c.bid_e8 is not None, c.ask_e8 is not None) for _key, _rev, _deleted, c in revisions
    ]
    comments = [revision.content.comment.encode() for revision in revisions]
    if len(set(shapes)) == 1 and not any(comments):
        yield _packed(server_id, revisions, comments, recorded_at, shapes[0])
        return
    rows = [b""] * len(revisions)
    for shape in set(shapes):
        places = [place for place, each in enumerate(shapes) if each == shape]
        mine = [comments[place] for place in places]
        raw = _packed(server_id, [revisions[place] for place in places], mine, recorded_at, shape)
        width = _LAYOUTS[shape].itemsize
        for number, place in enumerate(places):
            rows[place] = raw[number * width : (number + 1) * width] + mine[number]
    yield from rows


def _packed(
    server_id: int, revisions: Sequence[Revision], comments: Sequence[bytes], recorded_at: datetime, shape: _Shape
) -> bytes:
    """Return rows of one shape, each up to its comment."""
    keys, numbers, deleted, contents = zip(*revisions, strict=True)
    tickets, legs = zip(*keys, strict=True)
    columns = dict(zip(_CONTENT, zip(*contents, strict=True), strict=True))
    columns |= {"ticket": tickets, "leg": legs, "revision": numbers, "deleted": deleted}
    columns["deal_at"] = tuple(map(_since_epoch, columns["deal_at"]))
    layout = _LAYOUTS[shape]
    block = np.empty(len(revisions), dtype=layout)
    block["_count"], block["_comment"] = len(COPY_COLUMNS), [len(comment) for comment in comments]
    block["_server_id"], block["server_id"] = 8, server_id
    block["_recorded_at"], block["recorded_at"] = 8, _since_epoch(recorded_at)
    for name in _FIXED:
        if name in columns:
            there = name in (layout.names or ())
            block[f"_{name}"] = layout[name].itemsize if there else -1
            if there:
                block[name] = columns[name]
    return block.tobytes()


def _since_epoch(at: datetime) -> int:
    """Return microseconds since PostgreSQL's epoch."""
    since = at - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds
