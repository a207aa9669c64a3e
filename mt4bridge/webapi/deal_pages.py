"""Whole answers of deals to columns: the way of nearly every page of a first read. Pure: no socket, no Django.

Nothing here says that a row is bad. When anything about an answer is unusual (a row that breaks a rule, a number that
is not text, a ticket that comes twice, another return code), there are no columns, and the caller takes the slower way
row by row: `wire.parse_answer`, `DealNormaliser.rows`. Both ways give the same rows."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from mt4bridge.clock import ServerClock
from mt4bridge.columns import DealColumns, Numbers, has_repeats, microseconds
from mt4bridge.reasons import SERVER_REASONS, UNKNOWN_REASON
from mt4bridge.webapi.normalise import EXT_PER_VOLUME, IN, INOUT, LAST_ACTION, LAST_ENTRY, LATEST_MS, NO_TRADE
from mt4bridge.webapi.numbers import MAX_BIGINT, ScaledNumbers, WholeNumbers, whole_of

_TEXT_LENGTH = 64  # symbol and comment together; longer ones are cut or refused row by row
_QUARTER_MS = 900_000  # offsets of clocks change on a quarter of an hour
_UNUSUAL = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_NAMES = {
    "ticket": "Deal", "login": "Login", "action": "Action", "entry": "Entry", "price": "Price", "profit": "Profit",
    "symbol": "Symbol", "reason": "Reason", "position": "PositionID", "order": "Order", "volume_ext": "VolumeExt",
    "volume": "Volume", "closed_ext": "VolumeClosedExt", "closed": "VolumeClosed", "bid": "MarketBid",
    "ask": "MarketAsk", "contract_size": "ContractSize", "digits": "Digits", "currency_digits": "DigitsCurrency",
    "swap": "Storage", "commission": "Commission", "fee": "Fee", "time_ms": "TimeMsc", "time": "Time",
    "comment": "Comment",
}  # fmt: skip


class _Deal(msgspec.Struct, gc=False, rename=_NAMES):
    """A deal of the wire: text only. What has a value here old builds leave out."""

    ticket: str
    login: str
    action: str
    entry: str
    price: str
    profit: str
    symbol: str = ""
    reason: str = str(UNKNOWN_REASON)
    position: str = "0"
    order: str = "0"
    volume_ext: str = "0"
    volume: str = "0"
    closed_ext: str = "0"
    closed: str = "0"
    bid: str = "0"
    ask: str = "0"
    contract_size: str = "0"
    digits: str = "0"
    currency_digits: str = "2"
    swap: str = "0"
    commission: str = "0"
    fee: str = "0"
    time_ms: str = "0"
    time: str = "0"
    comment: str = ""


class _Answer(msgspec.Struct, gc=False):
    retcode: str
    answer: list[_Deal] = []


class _Unusual(ValueError):
    """An answer, or a row of it, that this way does not take."""


class _Reasons(dict[str, int]):
    """Text of a server's reason → our code."""

    def __missing__(self, text: str) -> int:
        code = SERVER_REASONS.get(whole_of(text), UNKNOWN_REASON)
        if len(self) < 1_000:
            self[text] = code
        return code


class DealPages:
    """Turn answers of deals into columns. Keeps its look-ups between answers."""

    def __init__(self, clock: ServerClock) -> None:
        self._to_utc = clock.to_utc_ms
        self._decoder = msgspec.json.Decoder(_Answer)
        self._scaled = ScaledNumbers()
        self._whole = WholeNumbers()
        self._reasons = _Reasons()

    def columns(self, body: bytes) -> DealColumns | None:
        """Return the deals of a successful answer in the order sent; None when something about it is unusual."""
        try:
            if not body.isascii():
                body.decode()  # the decoder does not look at text that nobody asked for
            answer = self._decoder.decode(body)
            if answer.retcode.partition(" ")[0] not in ("0", "1"):
                return None
            return self._columns(answer.answer)
        except _UNUSUAL:
            return None

    def _columns(self, deals: list[_Deal]) -> DealColumns:
        symbols, comments = _column(deals, "symbol"), _column(deals, "comment")
        _check_texts(symbols, comments)
        whole, scaled = self._whole, self._scaled
        zeros = np.zeros(len(deals), np.int64)
        numbers = {
            "ticket": _large(deals, "ticket"),
            "leg": zeros,
            "login": _looked_up(deals, "login", whole),
            "action": _looked_up(deals, "action", whole),
            "entry": _looked_up(deals, "entry", whole),
            "reason": _looked_up(deals, "reason", self._reasons),
            "position": _large(deals, "position"),
            "position_by": zeros,
            "order": _large(deals, "order"),
            "volume_e8": self._lots(deals, "volume_ext", "volume"),
            "volume_closed_e8": self._lots(deals, "closed_ext", "closed"),
            "price_e8": _looked_up(deals, "price", scaled),
            "bid_e8": _looked_up(deals, "bid", scaled),
            "ask_e8": _looked_up(deals, "ask", scaled),
            "contract_size_e8": _looked_up(deals, "contract_size", scaled),
            "digits": _looked_up(deals, "digits", whole),
            "currency_digits": _looked_up(deals, "currency_digits", whole),
            "profit_e8": _looked_up(deals, "profit", scaled),
            "swap_e8": _looked_up(deals, "swap", scaled),
            "commission_e8": _looked_up(deals, "commission", scaled),
            "fee_e8": _looked_up(deals, "fee", scaled),
            "deal_at": self._moments(deals),
        }
        _check_numbers(numbers)
        has_symbol = np.fromiter(map(bool, symbols), np.bool_, len(symbols))
        numbers["volume_closed_e8"] = _closed_volumes(numbers, has_symbol)
        return DealColumns(numbers, symbols, comments)

    def _lots(self, deals: list[_Deal], fine: str, coarse: str) -> Numbers:
        """Return lots in 1e-8 from the finer field; where it is 0, from the coarser one."""
        lots = _looked_up(deals, fine, self._whole)
        if bool(lots.all()):
            return lots
        others = _looked_up(deals, coarse, self._whole)
        if len(others) and int(others.max()) > MAX_BIGINT // EXT_PER_VOLUME:
            raise _Unusual
        return np.where(lots == 0, others * EXT_PER_VOLUME, lots)

    def _moments(self, deals: list[_Deal]) -> Numbers:
        """Return the times in microseconds since 1970 UTC."""
        wall_ms = _large(deals, "time_ms")
        if not bool(wall_ms.all()):
            seconds = _large(deals, "time")
            _expect(seconds <= LATEST_MS)
            wall_ms = np.where(wall_ms == 0, seconds * 1000, wall_ms)
        _expect((wall_ms > 0) & (wall_ms < LATEST_MS))
        quarters, rest_ms = np.divmod(wall_ms, _QUARTER_MS)
        few, where = np.unique(quarters, return_inverse=True)
        starts = [microseconds(self._to_utc(quarter * _QUARTER_MS)) for quarter in few.tolist()]
        moments: Numbers = np.array(starts, np.int64)[where] + rest_ms * 1000
        return moments


def _column(deals: list[_Deal], name: str) -> list[str]:
    return list(map(attrgetter(name), deals))


def _looked_up(deals: list[_Deal], name: str, known: Mapping[str, int]) -> Numbers:
    """Return a column of numbers that repeat a lot."""
    return np.fromiter(map(known.__getitem__, map(attrgetter(name), deals)), np.int64, len(deals))


def _large(deals: list[_Deal], name: str) -> Numbers:
    """Return a column of whole numbers that hardly repeat. Below 19 digits none is too large."""
    texts = _column(deals, name)
    together = "".join(texts)
    if texts and not (together.isascii() and together.isdigit() and max(map(len, texts)) < 19):
        raise _Unusual
    return np.fromiter(map(int, texts), np.int64, len(texts))


def _expect(holds: Any) -> None:
    if not holds.all():
        raise _Unusual


def _check_texts(symbols: list[str], comments: list[str]) -> None:
    longest = max(map(len, symbols), default=0) + max(map(len, comments), default=0)
    if longest > _TEXT_LENGTH or not ("".join(symbols).isprintable() and "".join(comments).isprintable()):
        raise _Unusual


def _check_numbers(numbers: dict[str, Numbers]) -> None:
    """Expect what `normalise` expects of every row, and no ticket twice."""
    if has_repeats(numbers["ticket"]):
        raise _Unusual
    _expect(
        (numbers["ticket"] > 0)
        & (numbers["login"] > 0)
        & (numbers["action"] <= LAST_ACTION)
        & (numbers["entry"] <= LAST_ENTRY)
        & (numbers["digits"] < 16)
        & (numbers["currency_digits"] < 16)
    )
    _expect(numbers["digits"] + numbers["currency_digits"] < 16)


def _closed_volumes(numbers: dict[str, Numbers], has_symbol: Any) -> Numbers:
    """Return the lots that each deal closed, by the rules of `normalise`."""
    volume, closed, entry = numbers["volume_e8"], numbers["volume_closed_e8"], numbers["entry"]
    trade = numbers["action"] < NO_TRADE
    closed = np.where(trade & (entry == IN), 0, closed)
    _expect(~trade | (has_symbol & (volume > 0) & ((entry != INOUT) | (closed > 0))))
    closed = np.where(trade & (entry != IN) & (closed == 0), volume, closed)
    _expect(closed <= volume)
    return closed
