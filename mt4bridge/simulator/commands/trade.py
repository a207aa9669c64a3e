"""trade/*: balance operations, margin and profit worked out; dealer/*: orders placed for a client; tick/*: prices."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from mt4bridge.simulator import render, trading
from mt4bridge.simulator.commands.desk import Command, Desk
from mt4bridge.simulator.outcome import Outcome, answer, bare
from mt4bridge.simulator.query import INVALID, NOT_FOUND, ApiError, Query
from mt4bridge.simulator.records import BUY, SELL, SimOrder, SimState, SimSymbol, SimUser

PER_VOLUME = 10_000
PLACED, DONE_CODE, BAD_REQUEST, NO_PRICES = 10008, 10009, 10013, 10021
_LAST_PENDING = 5
_DEALER = 2


class Trade:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self._requests: dict[int, render.Fields] = {}
        self.commands: dict[str, Command] = {
            "/api/trade/balance": self.balance,
            "/api/trade/check_margin": self.check_margin,
            "/api/trade/calc_profit": self.calc_profit,
            "/api/trade/calc_rate_buy": lambda query: self.calc_rate(query, "BuyRate"),
            "/api/trade/calc_rate_sell": lambda query: self.calc_rate(query, "SellRate"),
            "/api/dealer/send_request": self.send_request,
            "/api/dealer/get_request_result": self.request_result,
        }

    def balance(self, query: Query) -> Outcome:
        user = self._book.users.get(query.number("login"))
        if user is not None:
            self._desk.permitted(query, user)
        deal = trading.book_balance(
            self._book,
            login=query.number("login"),
            kind=query.number("type"),
            amount=query.money("balance"),
            comment=query.text("comment", ""),
            check_margin=query.number("check_margin", 1) != 0,
            at_ms=self._desk.now_ms(),
            dealer=query.manager.login,
        )
        return bare({"Ticket": str(deal.ticket)}, TICKET=str(deal.ticket))

    def check_margin(self, query: Query) -> Outcome:
        """Show the account as it would be after the trade, and as it is."""
        user, symbol = self._desk.user(query), self._desk.symbol(query.text("symbol"))
        volume_e8 = query.number("volume") * PER_VOLUME
        kind, price = query.number("type"), query.decimal("price", Decimal(0))
        if volume_e8 <= 0 or kind not in (BUY, SELL) or price < 0:
            raise ApiError(INVALID, "Invalid parameters")
        now = self._book.state_of(user.login)
        used = price or self._price(symbol, kind)
        added = self._book.margin_of(user, symbol.name, symbol.contract_size, volume_e8, used)
        after = replace(now, margin=now.margin + added)
        return answer({"new": render.account(after), "current": render.account(now)}, **_margins(after, now))

    def calc_profit(self, query: Query) -> Outcome:
        symbol = self._desk.symbol(query.text("symbol"))
        group = self._book.groups.get(query.text("group"))
        if group is None or group.name not in self._desk.groups(query):
            raise ApiError(NOT_FOUND, "Not found")
        move = query.money("price_close") - query.money("price_open")
        if query.number("type") == SELL:
            move = -move
        rate = self._book.rate(symbol.currency_profit, group.currency)
        profit = move * query.number("volume") / PER_VOLUME * symbol.contract_size * rate
        shown = {"Profit": f"{profit:.6f}", "Profit_rate": f"{rate:.6f}"}
        return answer(shown, PROFIT=shown["Profit"], PROFIT_RATE=shown["Profit_rate"])

    def calc_rate(self, query: Query, name: str) -> Outcome:
        rate = f"{self._book.rate(query.text('base'), query.text('currency')):.6f}"
        return answer({name: rate}, RATE=rate)

    def send_request(self, query: Query) -> Outcome:
        """Carry out a dealer's request at once: open or close at the market, or place a pending order."""
        user, symbol = self._desk.user(query), self._desk.symbol(query.text("symbol"))
        volume_e8 = query.number("volumeext", 0) or query.number("volume") * PER_VOLUME
        kind = query.number("type")
        number = len(self._requests) + 1
        if volume_e8 <= 0 or not 0 <= kind <= _LAST_PENDING:
            self._requests[number] = self._result(query, BAD_REQUEST, 0, 0)
        elif kind in (BUY, SELL):
            self._requests[number] = self._at_market(query, user, symbol, kind, volume_e8)
        else:
            order = self._place(query, user, symbol, kind, volume_e8)
            self._requests[number] = self._result(query, PLACED, order.order, 0)
        return answer({"Id": str(number)}, ID=str(number))

    def request_result(self, query: Query) -> Outcome:
        found = self._requests.get(query.number("id"))
        if found is None:
            raise ApiError(NOT_FOUND, "Not found")
        return answer([{"result": found}])

    def _at_market(self, query: Query, user: SimUser, symbol: SimSymbol, kind: int, volume_e8: int) -> render.Fields:
        quote = self._desk.ticker.quote(symbol.name)
        if quote is None:
            return self._result(query, NO_PRICES, 0, 0)
        number = query.number("position", 0)
        if not number:
            position = trading.open_position(
                self._book,
                login=user.login,
                symbol=symbol,
                action=kind,
                volume_e8=volume_e8,
                quote=quote,
                at_ms=self._desk.now_ms(),
                reason=_DEALER,
            )
            deal = self._book.deals_of_position(position.position)[-1]
            return self._result(query, DONE_CODE, position.position, deal.ticket)
        held = self._book.positions.get(number)
        if held is None or held.login != user.login or held.action == kind:
            return self._result(query, BAD_REQUEST, 0, 0)
        deal = trading.close_position(
            self._book,
            position=held,
            symbol=symbol,
            quote=quote,
            at_ms=self._desk.now_ms(),
            volume_e8=volume_e8,
            reason=_DEALER,
        )
        return self._result(query, DONE_CODE, deal.order, deal.ticket)

    def _place(self, query: Query, user: SimUser, symbol: SimSymbol, kind: int, volume_e8: int) -> SimOrder:
        order = SimOrder(
            order=self._book.next_ticket(),
            login=user.login,
            symbol=symbol.name,
            kind=kind,
            volume_e8=volume_e8,
            price=query.money("priceorder"),
            placed_ms=self._desk.now_ms(),
            digits=symbol.digits,
            contract_size=symbol.contract_size,
            sl=query.decimal("pricesl", Decimal(0)),
            tp=query.decimal("pricetp", Decimal(0)),
            expires_s=query.number("timeexpiration", 0),
            reason=_DEALER,
            comment=query.text("comment", "")[:31],
        )
        self._book.put_order(order)
        return order

    def _result(self, query: Query, code: int, order: int, deal: int) -> render.Fields:
        return {
            "Retcode": str(code), "DealID": str(deal), "OrderID": str(order), "Volume": query.text("volume", "0"),
            "VolumeExt": query.text("volumeext", "0"), "Price": query.text("priceorder", "0"), "Comment": "",
        }  # fmt: skip

    def _price(self, symbol: SimSymbol, kind: int) -> Decimal:
        quote = self._desk.ticker.quote(symbol.name)
        if quote is None:
            raise ApiError(NO_PRICES, "No prices")
        return quote.ask if kind == BUY else quote.bid


class Ticks:
    """Prices. `trans_id` counts the seconds of the server: with the last one, only newer prices come."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.commands: dict[str, Command] = {
            "/api/tick/last": lambda query: self._prices(query, self._last),
            "/api/tick/last_group": lambda query: self._prices(query, self._last),
            "/api/tick/stat": lambda query: self._prices(query, self._stat),
        }

    def _prices(self, query: Query, fields_of: Callable[[SimSymbol, trading.Quote], render.Fields]) -> Outcome:
        now_ms = self._desk.now_ms()
        known = self._desk.book.symbols
        wanted = query.text("symbol").split(",")
        names = sorted(known) if wanted == ["*"] else [name for name in wanted if name in known]
        if query.number("trans_id", 0) >= now_ms:
            names = []
        quotes = [(known[name], quote) for name in names if (quote := self._desk.ticker.quote(name)) is not None]
        shown = answer([fields_of(symbol, quote) for symbol, quote in quotes])
        number = str(now_ms)
        return replace(shown, keys={"TRANS_ID": number}, beside={"trans_id": number})

    def _last(self, symbol: SimSymbol, quote: trading.Quote) -> render.Fields:
        price, now_ms = f".{symbol.digits}f", self._desk.now_ms()
        return {
            "Symbol": symbol.name, "Digits": str(symbol.digits), "Bid": f"{quote.bid:{price}}",
            "Ask": f"{quote.ask:{price}}", "Last": f"{0:{price}}", "Volume": "0", "VolumeReal": "0.00",
            "Datetime": str(now_ms // 1000), "DatetimeMsc": str(now_ms),
        }  # fmt: skip

    def _stat(self, symbol: SimSymbol, quote: trading.Quote) -> render.Fields:
        """The simulator keeps no day's range: low and high are the last price."""
        price = f".{symbol.digits}f"
        bid, ask, none = f"{quote.bid:{price}}", f"{quote.ask:{price}}", f"{0:{price}}"
        whole = ("Volume", "VolumeLow", "VolumeHigh", "VolumeDir", "TradeDeals", "TradeVolume", "TradeTurnover",
                 "TradeInterest", "TradeBuyOrders", "TradeBuyVolume", "TradeSellOrders", "TradeSellVolume")  # fmt: skip
        return {
            **self._last(symbol, quote),
            "BidLow": bid, "BidHigh": bid, "BidDir": "0", "AskLow": ask, "AskHigh": ask, "AskDir": "0",
            "LastLow": none, "LastHigh": none, "LastDir": "0", "PriceOpen": bid, "PriceClose": bid,
            "PriceChange": "0.00", "PriceVolatility": "0.00", "PriceTheoretical": none, **dict.fromkeys(whole, "0"),
        }  # fmt: skip


def _margins(after: SimState, now: SimState) -> dict[str, str]:
    return {
        "MARGIN": f"{after.margin - now.margin:.2f}", "MARGIN_NEW": f"{after.margin:.2f}",
        "MARGIN_OLD": f"{now.margin:.2f}",
    }  # fmt: skip
