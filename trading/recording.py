"""Turn rows of the bridge into revisions of deals: resolve names, compare with the store, pack for COPY."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core import copying
from core.money import MAX_E8
from mt4bridge.enums import DealEntry
from mt4bridge.types import BadRow, DealRow
from trading.enums import HoldReason
from trading.models import Deal, Symbol, TradingAccount
from trading.types import DealContent, DealKey, Stored

logger = logging.getLogger(__name__)
_CONTENT = DealContent._fields
COPY_COLUMNS = (
    "server_id", "ticket", "leg", "revision", "deleted", "account_id", "symbol_id", "action", "entry", "reason",
    "position", "position_by", "mt_order", "volume_e8", "volume_closed_e8", "price_e8", "bid_e8", "ask_e8",
    "contract_size_e8", "digits", "profit_e8", "swap_e8", "commission_e8", "fee_e8", "deal_at", "comment",
    "recorded_at",
)  # fmt: skip


@dataclass(slots=True)
class Names:
    """What the logins and symbols of some rows are here."""

    accounts: Mapping[int, int]  # {login: trading account id}
    symbols: Mapping[str, tuple[int, int]]  # {name: (symbol id, contract size in 1e-8)}


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


def load_names(*, server_id: int, rows: Iterable[DealRow | BadRow]) -> Names:
    """Look up the logins and symbols of the rows: two statements."""
    logins, symbols = set(), set()
    for row in rows:
        if isinstance(row, DealRow):
            logins.add(row.login)
            symbols.add(row.symbol)
    accounts = TradingAccount.objects.filter(server_id=server_id, login__in=logins).values_list("login", "id")
    known = Symbol.objects.filter(server_id=server_id, name__in=symbols).values_list("name", "id", "contract_size_e8")
    return Names(accounts=dict(accounts), symbols={name: (pk, size) for name, pk, size in known})


def sort_rows(rows: Iterable[DealRow | BadRow], names: Names) -> Sorted:
    """Split rows into deals with their content and rows that must be held, each with its reason."""
    result = Sorted()
    for row in rows:
        if isinstance(row, BadRow):
            if row.ticket is None:  # nothing to hold it by: whoever watches the log has to look
                logger.error("the server sent a deal without a ticket: %s", row.reason)
            else:
                _hold(result, DealKey(row.ticket, row.leg), row.login, HoldReason.BAD_ROW, row.reason, {"raw": row.raw})
            continue
        key = DealKey(row.ticket, row.leg)
        reason = _reason_to_hold(row, names)
        if reason is None:
            result.held.pop(key, None)
            result.deals[key] = _content(row, names)
        else:
            detail = row.symbol if reason is HoldReason.UNKNOWN_SYMBOL else str(row.login)
            _hold(result, key, row.login, reason, detail, payload_of(row))
    return result


def _hold(
    result: Sorted, key: DealKey, login: int | None, reason: HoldReason, detail: str, payload: dict[str, Any]
) -> None:
    result.deals.pop(key, None)
    result.held[key] = Held(key, login, reason, detail[:200], payload)


def _reason_to_hold(row: DealRow, names: Names) -> HoldReason | None:
    if row.login not in names.accounts:
        return HoldReason.UNKNOWN_LOGIN
    if row.symbol and row.symbol not in names.symbols:
        return HoldReason.UNKNOWN_SYMBOL
    numbers = (
        row.volume_e8,
        row.volume_closed_e8,
        row.price_e8,
        row.profit_e8,
        row.swap_e8,
        row.commission_e8,
        row.fee_e8,
        row.contract_size_e8,
    )
    return HoldReason.OUT_OF_RANGE if max(map(abs, numbers)) > MAX_E8 else None


def _content(row: DealRow, names: Names) -> DealContent:
    symbol_id, contract_size = names.symbols.get(row.symbol, (None, 0))
    closed = 0 if row.entry == DealEntry.IN else row.volume_closed_e8
    return DealContent(
        names.accounts[row.login], symbol_id, row.action, row.entry, row.reason, row.position, row.position_by,
        row.order, row.volume_e8, closed, row.price_e8, row.bid_e8, row.ask_e8,
        row.contract_size_e8 or contract_size, row.digits, row.profit_e8, row.swap_e8, row.commission_e8, row.fee_e8,
        row.deal_at, row.comment[:64],
    )  # fmt: skip


def payload_of(row: DealRow) -> dict[str, Any]:
    """Return a row as JSON, so that a held one can be shown and nothing of it is lost."""
    values = row._asdict()
    values["deal_at"] = row.deal_at.isoformat()
    return {name: int(value) if isinstance(value, int) else value for name, value in values.items()}


def load_stored(*, server_id: int, tickets: Collection[int]) -> dict[DealKey, Stored]:
    """Return the highest revision of each deal with one of the tickets."""
    found: dict[DealKey, Stored] = {}
    rows = Deal.objects.filter(server_id=server_id, ticket__in=tickets).order_by("ticket", "leg", "revision")
    for ticket, leg, revision, deleted, *content in rows.values_list("ticket", "leg", "revision", "deleted", *_CONTENT):
        found[DealKey(ticket, leg)] = Stored(revision, deleted, DealContent(*content))
    return found


def pack(
    *, server_id: int, key: DealKey, revision: int, deleted: bool, content: DealContent, recorded_at: datetime
) -> bytes:
    """Return one row of trading_deal in COPY's binary form, fields in the order of COPY_COLUMNS."""
    c, int8, int2 = content, copying.int8, copying.int2
    return b"".join((
        int8(server_id), int8(key.ticket), int2(key.leg), int2(revision), copying.boolean(deleted), int8(c.account_id),
        int8(c.symbol_id), int2(c.action), int2(c.entry), int2(c.reason), int8(c.position), int8(c.position_by),
        int8(c.mt_order), int8(c.volume_e8), int8(c.volume_closed_e8), int8(c.price_e8), int8(c.bid_e8),
        int8(c.ask_e8), int8(c.contract_size_e8), int2(c.digits), int8(c.profit_e8), int8(c.swap_e8),
        int8(c.commission_e8), int8(c.fee_e8),
        copying.timestamptz(c.deal_at), copying.text(c.comment), copying.timestamptz(recorded_at),
    ))  # fmt: skip
