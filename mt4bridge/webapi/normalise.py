"""MT5 Web API deals to our rows. Pure: no socket, no clock, no Django.

This is the hot path: a million rows must cost little more than their JSON. Therefore one function with few calls, and
number text looked up in dictionaries that work out what they do not hold yet (`numbers.py`). Every scalar arrives as
text (`wire.parse_answer`)."""

import json
from operator import itemgetter
from typing import Any

from mt4bridge.clock import ServerClock
from mt4bridge.reasons import SERVER_REASONS, UNKNOWN_REASON
from mt4bridge.types import BadRow, DealRow
from mt4bridge.webapi.numbers import MAX_BIGINT, ScaledNumbers, WholeNumbers, whole_of

EXT_PER_VOLUME = 10_000  # Volume counts 1/10 000 lot; VolumeExt 1/100 000 000 lot, which is our unit
LAST_ACTION = 20
LATEST_MS = 4_102_444_800_000  # 2100-01-01: a later deal time is a broken one
RAW_LENGTH = 4_000
IN, INOUT, LAST_ENTRY = 0, 2, 3
_new = tuple.__new__  # a named tuple without its Python constructor: half the time
NO_TRADE = 2  # the first action that is neither buy nor sell
_SYMBOL_LENGTH = 64
_MORE_CLOSED = "VolumeClosed is more than Volume"
_COMMENT_LENGTH = 255
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
_FIELDS = itemgetter(
    "Deal", "Login", "Symbol", "Action", "Entry", "Reason", "PositionID", "Order", "VolumeExt", "Volume",
    "VolumeClosedExt", "VolumeClosed", "Price", "MarketBid", "MarketAsk", "ContractSize", "Digits", "DigitsCurrency",
    "Profit", "Storage", "Commission", "Fee", "TimeMsc", "Time", "Comment",
)  # fmt: skip
_DEFAULTS = {
    **dict.fromkeys(("PositionID", "Order", "VolumeExt", "Volume", "VolumeClosedExt", "VolumeClosed", "Fee"), "0"),
    **dict.fromkeys(
        ("MarketBid", "MarketAsk", "ContractSize", "Digits", "Storage", "Commission", "TimeMsc", "Time"), "0"
    ),
    **dict.fromkeys(("Symbol", "Comment"), ""),
    "Reason": str(UNKNOWN_REASON),
    "DigitsCurrency": "2",
}
"""What a row may leave out. Deal, Login, Action, Entry, Price and Profit it may not."""


class Unusable(ValueError):
    """A row that breaks a rule; the text says which, in words."""


class DealNormaliser:
    """Turn the rows of deal answers into `DealRow` or `BadRow`. Keeps its look-ups between answers."""

    def __init__(self, clock: ServerClock) -> None:
        self._to_utc = clock.to_utc_ms
        self._scaled = ScaledNumbers()
        self._whole = WholeNumbers()

    def rows(self, raw_rows: list[Any]) -> list[DealRow | BadRow]:
        """Return one row for each raw row, in the same order. Never raises."""
        deal = self._deal
        result: list[DealRow | BadRow] = []
        for raw in raw_rows:
            try:
                result.append(deal(raw))
            except _BROKEN:
                result.append(self._second_look(raw))
        return result

    def _second_look(self, raw: Any) -> DealRow | BadRow:
        """Read a row again with what old builds leave out filled in; then it is usable, or bad with a reason."""
        try:
            return self._deal({**_DEFAULTS, **{name: value for name, value in raw.items() if value not in ("", None)}})
        except _BROKEN as error:
            return bad_row(raw, in_words(raw, error))

    def _deal(self, raw: dict[str, str]) -> DealRow:
        scaled, whole = self._scaled, self._whole
        (
            ticket_text, login_text, symbol, action_text, entry_text, reason, position, order, volume_ext, volume_text,
            closed_ext, closed_text, price, bid, ask, contract_size, digits_text, currency_digits_text, profit, swap,
            commission, fee, time_ms_text, time_text, comment,
        ) = _FIELDS(raw)  # fmt: skip
        action, entry, login = whole[action_text], whole[entry_text], whole[login_text]
        digits, currency_digits = whole[digits_text], whole[currency_digits_text]
        # Numbers that hardly repeat: below 19 digits `int` needs no further look at the range.
        ticket = int(ticket_text) if ticket_text.isdigit() and len(ticket_text) < 19 else whole_of(ticket_text)
        position_id = int(position) if position.isdigit() and len(position) < 19 else whole_of(position)
        order_id = int(order) if order.isdigit() and len(order) < 19 else whole_of(order)
        time_ms = int(time_ms_text) if time_ms_text.isdigit() and len(time_ms_text) < 19 else whole_of(time_ms_text)
        time_ms = time_ms or whole_of(time_text) * 1000
        volume = whole[volume_ext] or whole[volume_text] * EXT_PER_VOLUME
        closed = whole[closed_ext] or whole[closed_text] * EXT_PER_VOLUME
        if not (
            ticket and login and action <= LAST_ACTION and entry <= LAST_ENTRY
            and 0 < time_ms < LATEST_MS and digits + currency_digits < 16 and volume <= MAX_BIGINT
        ):  # fmt: skip
            raise Unusable(_out_of_range(ticket, login, action, entry, time_ms))
        if action < NO_TRADE:
            closed = _closed_volume(symbol, entry, volume, closed)
        elif closed > volume:
            raise Unusable(_MORE_CLOSED)
        if not (symbol.isprintable() and comment.isprintable() and len(symbol) + len(comment) <= _SYMBOL_LENGTH):
            symbol, comment = _storable_symbol(symbol), storable(comment)[:_COMMENT_LENGTH]
        return _new(DealRow, (
            ticket, 0, login, symbol, action, entry, SERVER_REASONS.get(whole[reason], UNKNOWN_REASON),
            position_id, 0, order_id, volume, closed,
            scaled[price], scaled[bid] or None, scaled[ask] or None, scaled[contract_size], digits, currency_digits,
            scaled[profit], scaled[swap], scaled[commission], scaled[fee], self._to_utc(time_ms), comment,
        ))  # fmt: skip


def _out_of_range(ticket: int, login: int, action: int, entry: int, time_ms: int) -> str:
    """Say which value no MT server may send."""
    checks = (
        (ticket, "Deal is 0"),
        (login, "Login is 0"),
        (action <= LAST_ACTION, f"Action {action} is not known"),
        (entry <= LAST_ENTRY, f"Entry {entry} is not known"),
        (0 < time_ms < LATEST_MS, "Time is not between 1970 and 2100"),
    )
    return next((text for fine, text in checks if not fine), "Digits, DigitsCurrency or Volume is too large")


def _closed_volume(symbol: str, entry: int, volume: int, closed: int) -> int:
    """Return the lots a trade closed. Old builds leave it out: then an exit closed all of its own volume.

    A reversal closes a part and opens the rest, so without the closed volume it cannot be judged."""
    if not symbol:
        raise Unusable("Symbol is missing")
    if not volume:
        raise Unusable("a trade without volume")
    if entry == IN:
        return 0
    if not closed:
        if entry == INOUT:
            raise Unusable("a reversal without VolumeClosed")
        return volume
    if closed > volume:
        raise Unusable(_MORE_CLOSED)
    return closed


def _storable_symbol(symbol: str) -> str:
    if not symbol.isprintable() or len(symbol) > _SYMBOL_LENGTH:
        raise Unusable("Symbol is too long or has unprintable characters")
    return symbol


def storable(text: str) -> str:
    """Put a question mark for what PostgreSQL cannot store or a page cannot show (NUL, lone surrogates, controls)."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def in_words(raw: object, error: Exception) -> str:
    """Say for staff why a row cannot be used."""
    if not isinstance(raw, dict):
        return "the row is not an object"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, ValueError):
        return storable(str(error))[:200]
    return "a field has the wrong type"


def bad_row(raw: object, reason: str) -> BadRow:
    """Return what can be told of a row that cannot be used."""
    fields: dict[str, Any] = raw if isinstance(raw, dict) else {}
    text = storable(json.dumps(raw, ensure_ascii=True, default=str))[:RAW_LENGTH]
    return BadRow(text, reason, _number_or_none(fields.get("Deal")), 0, _number_or_none(fields.get("Login")))


def _number_or_none(value: object) -> int | None:
    try:
        return whole_of(value) or None
    except ValueError:
        return None
