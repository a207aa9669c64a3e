"""Objects of the bridge contract to our rows, and MT4 trades and MT5 deals to deals. Pure.

Numbers that must be whole come as JSON numbers, everything with decimals as text. Lists of accounts, groups and
symbols must be whole: a broken object is a `MalformedAnswer`. A broken deal is a `BadRow` and stops nothing."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from mt4bridge import mt4_records
from mt4bridge.clock import ServerClock
from mt4bridge.errors import MalformedAnswer
from mt4bridge.mt4_records import Mt4Record
from mt4bridge.types import (
    AccountState,
    BadRow,
    DealRow,
    GroupRow,
    MarginCheck,
    OrderRow,
    PositionRow,
    SymbolRow,
    TickRow,
    UserRow,
)
from mt4bridge.webapi.normalise import RAW_LENGTH, DealNormaliser, storable
from mt4bridge.webapi.numbers import MAX_BIGINT, ScaledNumbers, decimal_of

Row = TypeVar("Row")
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
_PENDING_FIRST, _PENDING_LAST = 2, 5
E6 = 10**6  # 1e-8 lots in a hundredth of a lot


def convert(path: str, raw: Any, build: Callable[[dict[str, Any]], Row]) -> Row:
    """Build one row.

    :raises MalformedAnswer: a field is missing or has no sense; the sentence names it."""
    try:
        return build(raw)
    except KeyError as error:
        raise MalformedAnswer(path=path, detail=f"{error.args[0]} is missing") from None
    except _BROKEN as error:
        raise MalformedAnswer(path=path, detail=storable(str(error))[:200]) from None


def server_time(raw: dict[str, Any], clock: ServerClock) -> datetime:
    return clock.to_utc_ms(_whole(raw, "server_ms"))


def count(raw: dict[str, Any]) -> int:
    return _whole(raw, "count")


def matches(raw: dict[str, Any]) -> bool:
    return _flag(raw, "matches")


def doorbell(raw: dict[str, Any]) -> tuple[int, bool, frozenset[int]]:
    """Return the next number, whether events were lost, and the logins of those that are told."""
    return _whole(raw, "next"), _flag(raw, "lost"), frozenset(_whole(event, "login") for event in raw["items"])


def items(path: str, answer: dict[str, Any]) -> list[Any]:
    """Return the list of an answer that has no pages."""
    rows = answer.get("items")
    if not isinstance(rows, list):
        raise MalformedAnswer(path=path, detail="items is missing")
    return rows


def ticket(answer: dict[str, Any]) -> int:
    """Return the ticket of a booked balance operation; 0 when the bridge does not name it."""
    return _number_or_none(answer.get("ticket")) or 0


def decimal_text(scaled_e8: int) -> str:
    """Return 1e-8 units as decimal text."""
    return f"{Decimal(scaled_e8).scaleb(-8):f}"


def group_row(raw: dict[str, Any]) -> GroupRow:
    return GroupRow(_text(raw, "name"), _text(raw, "currency"), _whole(raw, "currency_digits"))


def symbol_row(raw: dict[str, Any]) -> SymbolRow:
    return SymbolRow(
        name=_text(raw, "name"),
        path=_text(raw, "path"),
        contract_size_e8=_e8(raw, "contract_size"),
        digits=_whole(raw, "digits"),
        currency_base=_text(raw, "currency_base"),
        currency_profit=_text(raw, "currency_profit"),
    )


def user_row(raw: dict[str, Any], clock: ServerClock) -> UserRow:
    return UserRow(
        login=_whole(raw, "login"),
        group=_text(raw, "group"),
        name=_text(raw, "name"),
        email=_text(raw, "email"),
        country=_text(raw, "country"),
        leverage=_whole(raw, "leverage"),
        agent=_whole(raw, "agent"),
        balance=_decimal(raw, "balance"),
        credit=_decimal(raw, "credit"),
        registered_at=clock.to_utc_ms(_whole(raw, "registered_ms")),
        rights=_whole(raw, "rights"),
        enabled=_flag(raw, "enabled"),
        may_trade=_flag(raw, "may_trade"),
        comment=_text(raw, "comment"),
        token=_text(raw, "token"),
        phone=_text(raw, "phone"),
        language=_text(raw, "language"),
    )


def account_state(raw: dict[str, Any]) -> AccountState:
    return AccountState(
        login=_whole(raw, "login"),
        balance=_decimal(raw, "balance"),
        credit=_decimal(raw, "credit"),
        equity=_decimal(raw, "equity"),
        margin=_decimal(raw, "margin"),
        margin_free=_decimal(raw, "margin_free"),
        floating=_decimal(raw, "floating"),
        currency_digits=_whole(raw, "currency_digits"),
    )


def position_row(raw: dict[str, Any], clock: ServerClock) -> PositionRow:
    """Read an MT5 position."""
    return PositionRow(
        position=_whole(raw, "position"),
        login=_whole(raw, "login"),
        symbol=_text(raw, "symbol"),
        action=_side(raw, "action"),
        volume_e8=_e8(raw, "lots"),
        price_open_e8=_e8(raw, "price_open"),
        price_current_e8=_e8(raw, "price_current"),
        profit=_decimal(raw, "profit"),
        swap=_decimal(raw, "swap"),
        opened_at=clock.to_utc_ms(_whole(raw, "opened_ms")),
    )


def order_row(raw: dict[str, Any], clock: ServerClock) -> OrderRow:
    """Read an MT5 working order."""
    expires_ms = _whole(raw, "expires_ms")
    return OrderRow(
        order=_whole(raw, "order"),
        login=_whole(raw, "login"),
        symbol=_text(raw, "symbol"),
        kind=_whole(raw, "kind"),
        volume_e8=_e8(raw, "lots"),
        price_e8=_e8(raw, "price"),
        trigger_e8=_e8(raw, "price_trigger"),
        stop_loss_e8=_e8(raw, "stop_loss"),
        take_profit_e8=_e8(raw, "take_profit"),
        placed_at=clock.to_utc_ms(_whole(raw, "placed_ms")),
        expires_at=clock.to_utc_ms(expires_ms) if expires_ms else None,
        comment=_text(raw, "comment"),
    )


def tick_row(raw: dict[str, Any], clock: ServerClock) -> TickRow:
    quoted_ms = _whole(raw, "time_ms")
    quoted_at = clock.to_utc_ms(quoted_ms) if quoted_ms else None
    return TickRow(_text(raw, "symbol"), _e8(raw, "bid"), _e8(raw, "ask"), quoted_at)


def margin_check(raw: dict[str, Any]) -> MarginCheck:
    return MarginCheck(*(_decimal(raw, name) for name in ("margin_now", "margin_after", "free_now", "free_after")))


def trade_record(raw: dict[str, Any]) -> Mt4Record:
    """Read an MT4 trade."""
    return Mt4Record(
        ticket=_whole(raw, "ticket"),
        login=_whole(raw, "login"),
        cmd=_whole(raw, "cmd"),
        symbol=_text(raw, "symbol"),
        digits=_whole(raw, "digits"),
        lots_e8=_whole(raw, "volume") * E6,
        open_ms=_whole(raw, "open_ms"),
        open_price_e8=_e8(raw, "open_price"),
        close_ms=_whole(raw, "close_ms"),
        close_price_e8=_e8(raw, "close_price"),
        commission_e8=_e8(raw, "commission"),
        taxes_e8=_e8(raw, "taxes"),
        swap_e8=_e8(raw, "swap"),
        profit_e8=_e8(raw, "profit"),
        reason=_whole(raw, "reason"),
        comment=_text(raw, "comment"),
        currency_digits=_whole(raw, "currency_digits"),
    )


def trade_position(raw: dict[str, Any], clock: ServerClock) -> PositionRow | None:
    """Read an open MT4 trade as a position; None for a working order."""
    record = trade_record(raw)
    if record.cmd > mt4_records.SELL:
        return None
    return PositionRow(
        position=record.ticket,
        login=record.login,
        symbol=record.symbol,
        action=record.cmd,
        volume_e8=record.lots_e8,
        price_open_e8=record.open_price_e8,
        price_current_e8=record.close_price_e8,
        profit=_decimal(raw, "profit"),
        swap=_decimal(raw, "swap") + _decimal(raw, "commission") + _decimal(raw, "taxes"),
        opened_at=clock.to_utc_ms(record.open_ms),
    )


def trade_order(raw: dict[str, Any], clock: ServerClock) -> OrderRow | None:
    """Read a working MT4 order; None for an open trade. MT4 and MT5 number the first six kinds alike."""
    record = trade_record(raw)
    if not _PENDING_FIRST <= record.cmd <= _PENDING_LAST:
        return None
    expires_ms = _whole(raw, "expires_ms")
    return OrderRow(
        order=record.ticket,
        login=record.login,
        symbol=record.symbol,
        kind=record.cmd,
        volume_e8=record.lots_e8,
        price_e8=record.open_price_e8,
        trigger_e8=0,
        stop_loss_e8=_e8(raw, "stop_loss"),
        take_profit_e8=_e8(raw, "take_profit"),
        placed_at=clock.to_utc_ms(record.open_ms),
        expires_at=clock.to_utc_ms(expires_ms) if expires_ms else None,
        comment=record.comment,
    )


class DealReader:
    """Turns MT4 trades and MT5 deals of the contract into deals. Never raises; keeps its look-ups between answers."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self._normaliser = DealNormaliser(clock)

    def of_trades(self, raws: Iterable[Any]) -> list[DealRow | BadRow]:
        """Return the legs of MT4 trades, in the order of the trades, the opening first."""
        rows: list[DealRow | BadRow] = []
        for raw in raws:
            try:
                rows += mt4_records.legs(trade_record(raw), self._clock)
            except _BROKEN as error:
                rows.append(_bad_row(raw, error))
        return rows

    def of_deals(self, raws: Iterable[Any]) -> list[DealRow | BadRow]:
        """Return MT5 deals in their order. They pass the checks of the Web API's deals."""
        rows: list[DealRow | BadRow] = []
        for raw in raws:
            try:
                told = _web_api_deal(raw)
            except _BROKEN as error:
                rows.append(_bad_row(raw, error))
                continue
            (row,) = self._normaliser.rows([told])
            rows.append(row._replace(raw=_as_text(raw)) if isinstance(row, BadRow) else _with_position_by(row, raw))
        return rows


def _with_position_by(row: DealRow, raw: dict[str, Any]) -> DealRow:
    opposite = raw.get("position_by", 0)
    return row._replace(position_by=opposite) if isinstance(opposite, int) and 0 < opposite <= MAX_BIGINT else row


def _web_api_deal(raw: dict[str, Any]) -> dict[str, str]:
    """Return a deal of the contract in the words of the Web API, whose normaliser knows every rule of a deal."""
    told = {theirs: str(_whole(raw, ours)) for theirs, ours in _WHOLE_FIELDS}
    told |= {theirs: _text(raw, ours) for theirs, ours in _TEXT_FIELDS}
    return told | {
        "VolumeExt": str(_e8(raw, "lots")),
        "VolumeClosedExt": str(_e8(raw, "lots_closed")),
        "MarketBid": raw["bid"] or "0",
        "MarketAsk": raw["ask"] or "0",
        "Volume": "0",
        "VolumeClosed": "0",
        "Time": "0",
    }


_WHOLE_FIELDS = (
    ("Deal", "deal"), ("Login", "login"), ("Action", "action"), ("Entry", "entry"), ("Reason", "reason"),
    ("PositionID", "position"), ("Order", "order"), ("Digits", "digits"), ("DigitsCurrency", "currency_digits"),
    ("TimeMsc", "time_ms"),
)  # fmt: skip
_TEXT_FIELDS = (
    ("Symbol", "symbol"), ("Price", "price"), ("ContractSize", "contract_size"), ("Profit", "profit"),
    ("Storage", "swap"), ("Commission", "commission"), ("Fee", "fee"), ("Comment", "comment"),
)  # fmt: skip


def _bad_row(raw: Any, error: Exception) -> BadRow:
    """Return what can be told of a row that cannot be used."""
    fields: dict[str, Any] = raw if isinstance(raw, dict) else {}
    if not isinstance(raw, dict):
        reason = "the row is not an object"
    elif isinstance(error, KeyError):
        reason = f"{error.args[0]} is missing"
    else:
        reason = storable(str(error))[:200]
    ticket = fields.get("ticket", fields.get("deal"))
    return BadRow(_as_text(raw), reason, _number_or_none(ticket), 0, _number_or_none(fields.get("login")))


def _as_text(raw: Any) -> str:
    return storable(json.dumps(raw, ensure_ascii=True, default=str))[:RAW_LENGTH]


def _number_or_none(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_BIGINT
    return value if whole and isinstance(value, int) else None


def _whole(raw: dict[str, Any], name: str) -> int:
    value = raw[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_BIGINT:
        raise ValueError(f"{name} is {value!r}, not a whole number")
    return value


def _side(raw: dict[str, Any], name: str) -> int:
    side = _whole(raw, name)
    if side > 1:
        raise ValueError(f"{name} {side} of a position is not known")
    return side


def _flag(raw: dict[str, Any], name: str) -> bool:
    value = raw[name]
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, neither true nor false")  # noqa: TRY004 -- a fault of the answer
    return value


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}, not a text")  # noqa: TRY004 -- a fault of the answer
    return value if value.isprintable() else storable(value)


def _decimal(raw: dict[str, Any], name: str) -> Decimal:
    try:
        return decimal_of(raw[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _e8(raw: dict[str, Any], name: str) -> int:
    try:
        return _SCALED[_text(raw, name)]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


_SCALED = ScaledNumbers()
