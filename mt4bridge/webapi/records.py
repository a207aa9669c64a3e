"""MT5 Web API users, groups, symbols, positions and account states to our rows. Pure.

These are small lists that must be whole: a broken one is a `MalformedAnswer` for the call, never a guess. (Deals are
different, see `normalise.py`: one broken deal must not stop a million others.)"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from mt4bridge.clock import ServerClock
from mt4bridge.errors import MalformedAnswer
from mt4bridge.languages import language_of
from mt4bridge.types import AccountState, GroupRow, MarginCheck, OrderRow, PositionRow, SymbolRow, TickRow, UserRow
from mt4bridge.webapi.accounts import DEFAULT_RIGHTS, ENABLED, READ_ONLY, TRADE_DISABLED
from mt4bridge.webapi.normalise import EXT_PER_VOLUME, storable
from mt4bridge.webapi.numbers import ScaledNumbers, decimal_of, whole_of

Row = TypeVar("Row")
LAST_ORDER_KIND = 8  # close by


def convert(path: str, raw: Any, build: Callable[[dict[str, Any]], Row]) -> Row:
    """Build one row.

    :raises MalformedAnswer: a field is missing or has no sense; the sentence names it."""
    if not isinstance(raw, dict):
        raise MalformedAnswer(path=path, detail="a row is not an object")
    try:
        return build(raw)
    except KeyError as error:
        raise MalformedAnswer(path=path, detail=f"{error.args[0]} is missing") from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise MalformedAnswer(path=path, detail=storable(str(error))[:200]) from None


def group_row(raw: dict[str, Any]) -> GroupRow:
    return GroupRow(_text(raw["Group"]), _text(raw["Currency"]), whole_of(raw.get("CurrencyDigits") or "2"))


def symbol_row(raw: dict[str, Any]) -> SymbolRow:
    return SymbolRow(
        name=_text(raw["Symbol"]),
        path=_text(raw.get("Path") or ""),
        contract_size_e8=ScaledNumbers()[raw["ContractSize"]],
        digits=whole_of(raw["Digits"]),
        currency_base=_text(raw.get("CurrencyBase") or ""),
        currency_profit=_text(raw["CurrencyProfit"]),
    )


def user_row(raw: dict[str, Any], clock: ServerClock) -> UserRow:
    names = " ".join(_text(raw.get(part) or "") for part in ("FirstName", "MiddleName", "LastName")).split()
    rights = whole_of(raw.get("Rights") or str(DEFAULT_RIGHTS))
    return UserRow(
        login=whole_of(raw["Login"]),
        group=_text(raw["Group"]),
        name=" ".join(names) or _text(raw.get("Name") or ""),
        email=_text(raw.get("Email") or ""),
        country=_text(raw.get("Country") or ""),
        leverage=whole_of(raw.get("Leverage") or "0"),
        agent=whole_of(raw.get("Agent") or "0"),
        balance=decimal_of(raw["Balance"]),
        credit=decimal_of(raw.get("Credit") or "0"),
        registered_at=_moment(clock, raw.get("Registration") or "0", "0"),
        rights=rights,
        enabled=bool(rights & ENABLED),
        may_trade=not rights & (TRADE_DISABLED | READ_ONLY),
        comment=_text(raw.get("Comment") or ""),
        token=_text(raw.get("ID") or ""),
        phone=_text(raw.get("Phone") or ""),
        language=language_of(whole_of(raw.get("Language") or "0")),
    )


def account_state(raw: dict[str, Any]) -> AccountState:
    return AccountState(
        login=whole_of(raw["Login"]),
        balance=decimal_of(raw["Balance"]),
        credit=decimal_of(raw["Credit"]),
        equity=decimal_of(raw["Equity"]),
        margin=decimal_of(raw["Margin"]),
        margin_free=decimal_of(raw["MarginFree"]),
        floating=_floating(raw),
        currency_digits=whole_of(raw.get("CurrencyDigits") or "2"),
    )


def position_row(raw: dict[str, Any], clock: ServerClock) -> PositionRow:
    scaled = ScaledNumbers()
    action = whole_of(raw["Action"])
    if action > 1:
        raise ValueError(f"Action {action} of a position is not known")
    return PositionRow(
        position=whole_of(raw["Position"]),
        login=whole_of(raw["Login"]),
        symbol=_text(raw["Symbol"]),
        action=action,
        volume_e8=whole_of(raw.get("VolumeExt") or "0") or whole_of(raw["Volume"]) * EXT_PER_VOLUME,
        price_open_e8=scaled[raw["PriceOpen"]],
        price_current_e8=scaled[raw.get("PriceCurrent") or raw["PriceOpen"]],
        profit=decimal_of(raw["Profit"]),
        swap=decimal_of(raw.get("Storage") or "0"),
        opened_at=_moment(clock, raw.get("TimeCreate") or "0", raw.get("TimeCreateMsc") or "0"),
    )


def order_row(raw: dict[str, Any], clock: ServerClock) -> OrderRow:
    scaled = ScaledNumbers()
    kind = whole_of(raw["Type"])
    if kind > LAST_ORDER_KIND:
        raise ValueError(f"Type {kind} of an order is not known")
    expiration = whole_of(raw.get("TimeExpiration") or "0")
    return OrderRow(
        order=whole_of(raw["Order"]),
        login=whole_of(raw["Login"]),
        symbol=_text(raw["Symbol"]),
        kind=kind,
        volume_e8=whole_of(raw.get("VolumeCurrentExt") or "0") or whole_of(raw["VolumeCurrent"]) * EXT_PER_VOLUME,
        price_e8=scaled[raw["PriceOrder"]],
        trigger_e8=scaled[raw.get("PriceTrigger") or "0"],
        stop_loss_e8=scaled[raw.get("PriceSL") or "0"],
        take_profit_e8=scaled[raw.get("PriceTP") or "0"],
        placed_at=_moment(clock, raw.get("TimeSetup") or "0", raw.get("TimeSetupMsc") or "0"),
        expires_at=clock.to_utc(expiration) if expiration else None,
        comment=_text(raw.get("Comment") or ""),
    )


def tick_row(raw: dict[str, Any], clock: ServerClock) -> TickRow:
    scaled = ScaledNumbers()
    seconds, milliseconds = raw.get("Datetime") or "0", raw.get("DatetimeMsc") or "0"
    known = whole_of(seconds) or whole_of(milliseconds)
    return TickRow(
        symbol=_text(raw["Symbol"]),
        bid_e8=scaled[raw["Bid"]],
        ask_e8=scaled[raw["Ask"]],
        quoted_at=_moment(clock, seconds, milliseconds) if known else None,
    )


def margin_check(answer: dict[str, Any]) -> MarginCheck:
    """Read `{"new": …, "current": …}`: the account after the trade, and now."""
    after, now = answer["new"], answer["current"]
    return MarginCheck(
        margin_now=decimal_of(now["Margin"]),
        margin_after=decimal_of(after["Margin"]),
        free_now=decimal_of(now["MarginFree"]),
        free_after=decimal_of(after["MarginFree"]),
    )


def _floating(raw: dict[str, Any]) -> Decimal:
    """Return open profit with swap. Old builds lack Floating; then equity says it."""
    if raw.get("Floating"):
        return decimal_of(raw["Floating"])
    return decimal_of(raw["Equity"]) - decimal_of(raw["Balance"]) - decimal_of(raw["Credit"])


def _moment(clock: ServerClock, seconds: Any, milliseconds: Any) -> datetime:
    wall_ms = whole_of(milliseconds) or whole_of(seconds) * 1000
    return clock.to_utc_ms(wall_ms)


def _text(value: Any) -> str:
    """Return a text that can be stored.

    :raises ValueError: it is not a text."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 -- a fault of the answer, not of the caller
    return value if value.isprintable() else storable(value)
