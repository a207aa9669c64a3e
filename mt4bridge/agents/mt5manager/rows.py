"""Objects of the MT5 Manager API to objects of the contract. Attribute names as in the package's stub."""

from typing import Any

from mt4bridge.agents.numbers import decimal_text, lots_text
from mt4bridge.httpbridge.contract import Json
from mt4bridge.languages import language_of

RIGHT_ENABLED, RIGHT_TRADE_DISABLED = 0x1, 0x4
EXT_PER_VOLUME = 10_000  # Volume counts 1/10 000 lot, VolumeExt 1/100 000 000
_BUY, _SELL = 0, 1
_IN = 0


def group(raw: Any) -> Json:
    return {"name": raw.Group, "currency": raw.Currency, "currency_digits": int(raw.CurrencyDigits)}


def symbol(raw: Any) -> Json:
    return {
        "name": raw.Symbol,
        "path": raw.Path,
        "contract_size": decimal_text(raw.ContractSize, 8),
        "digits": int(raw.Digits),
        "currency_base": raw.CurrencyBase,
        "currency_profit": raw.CurrencyProfit,
    }


def user(raw: Any, currency_digits: int) -> Json:
    rights = int(raw.Rights)
    names = " ".join(f"{raw.FirstName} {raw.MiddleName} {raw.LastName}".split())
    return {
        "login": int(raw.Login),
        "group": raw.Group,
        "name": names or raw.Name,
        "email": raw.EMail,
        "country": raw.Country,
        "phone": raw.Phone,
        "language": language_of(int(raw.Language)),
        "leverage": int(raw.Leverage),
        "agent": int(raw.Agent),
        "comment": raw.Comment,
        "token": raw.ID,
        "rights": rights,
        "enabled": bool(rights & RIGHT_ENABLED),
        "may_trade": not rights & RIGHT_TRADE_DISABLED,
        "balance": decimal_text(raw.Balance, currency_digits),
        "credit": decimal_text(raw.Credit, currency_digits),
        "registered_ms": int(raw.Registration) * 1000,
    }


def account(raw: Any) -> Json:
    digits = int(raw.CurrencyDigits)
    names = (
        ("balance", raw.Balance), ("credit", raw.Credit), ("equity", raw.Equity), ("margin", raw.Margin),
        ("margin_free", raw.MarginFree), ("floating", raw.Floating),
    )  # fmt: skip
    told = {name: decimal_text(value, digits) for name, value in names}
    return {"login": int(raw.Login), "currency_digits": digits, **told}


def margin(now: Any, after: Any) -> Json:
    """Return what a trade would do; both are MTAccount."""
    digits = int(now.CurrencyDigits)
    return {
        "margin_now": decimal_text(now.Margin, digits),
        "margin_after": decimal_text(after.Margin, digits),
        "free_now": decimal_text(now.MarginFree, digits),
        "free_after": decimal_text(after.MarginFree, digits),
    }


def position(raw: Any) -> Json:
    digits, money = int(raw.Digits), int(raw.DigitsCurrency)
    return {
        "position": int(raw.Position),
        "login": int(raw.Login),
        "symbol": raw.Symbol,
        "action": int(raw.Action),
        "lots": _lots(raw.VolumeExt, raw.Volume),
        "price_open": decimal_text(raw.PriceOpen, digits),
        "price_current": decimal_text(raw.PriceCurrent, digits),
        "profit": decimal_text(raw.Profit, money),
        "swap": decimal_text(raw.Storage, money),
        "opened_ms": int(raw.TimeCreateMsc) or int(raw.TimeCreate) * 1000,
    }


def order(raw: Any) -> Json:
    digits = int(raw.Digits)
    return {
        "order": int(raw.Order),
        "login": int(raw.Login),
        "symbol": raw.Symbol,
        "kind": int(raw.Type),
        "lots": _lots(raw.VolumeCurrentExt, raw.VolumeCurrent),
        "price": decimal_text(raw.PriceOrder, digits),
        "price_trigger": decimal_text(raw.PriceTrigger, digits),
        "stop_loss": decimal_text(raw.PriceSL, digits),
        "take_profit": decimal_text(raw.PriceTP, digits),
        "placed_ms": int(raw.TimeSetupMsc) or int(raw.TimeSetup) * 1000,
        "expires_ms": int(raw.TimeExpiration) * 1000,
        "comment": raw.Comment,
    }


def deal(raw: Any) -> Json:
    digits, money, action = int(raw.Digits), int(raw.DigitsCurrency), int(raw.Action)
    is_trade = action in (_BUY, _SELL)
    closed = _lots(raw.VolumeClosedExt, raw.VolumeClosed) if is_trade and int(raw.Entry) != _IN else "0"
    return {
        "deal": int(raw.Deal),
        "login": int(raw.Login),
        "order": int(raw.Order),
        "position": int(raw.PositionID),
        "position_by": 0,
        "action": action,
        "entry": int(raw.Entry),
        "reason": int(raw.Reason),
        "symbol": raw.Symbol,
        "digits": digits,
        "currency_digits": money,
        "contract_size": decimal_text(raw.ContractSize, 8),
        "lots": _lots(raw.VolumeExt, raw.Volume),
        "lots_closed": closed,
        "price": decimal_text(raw.Price, digits),
        "bid": decimal_text(raw.MarketBid, digits) if raw.MarketBid else None,
        "ask": decimal_text(raw.MarketAsk, digits) if raw.MarketAsk else None,
        "profit": decimal_text(raw.Profit, money),
        "swap": decimal_text(raw.Storage, money),
        "commission": decimal_text(raw.Commission, money),
        "fee": decimal_text(raw.Fee, money),
        "time_ms": int(raw.TimeMsc) or int(raw.Time) * 1000,
        "comment": raw.Comment,
    }


def tick(name: str, raw: Any, digits: int) -> Json:
    """Return an MTTickShort of a symbol."""
    return {
        "symbol": name,
        "bid": decimal_text(raw.bid, digits),
        "ask": decimal_text(raw.ask, digits),
        "time_ms": int(raw.datetime_msc) or int(raw.datetime) * 1000,
    }


def _lots(extended: Any, plain: Any) -> str:
    return lots_text(int(extended) or int(plain) * EXT_PER_VOLUME)
