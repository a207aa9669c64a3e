"""daily_get, daily/get_light: an account at the end of each server day.

Balances are worked out from the deals. What open positions were worth on past days is not kept, so it is 0 here."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from mt4bridge.simulator import render
from mt4bridge.simulator.commands.deals import LATEST_S
from mt4bridge.simulator.commands.desk import Command, Desk
from mt4bridge.simulator.outcome import Outcome, answer
from mt4bridge.simulator.query import Query
from mt4bridge.simulator.records import BUY, CREDIT, SELL, ZERO, SimDeal, SimUser

DAY_S = 86_400
FILETIME_EPOCH_S = 11_644_473_600  # from 1601 to 1970
_OF_ACTION = {2: "DailyBalance", 3: "DailyCredit", 4: "DailyCharge", 5: "DailyCorrection", 6: "DailyBonus",
              12: "DailyInterest"}  # fmt: skip
_ALWAYS_ZERO = (
    "InterestRate", "CommissionDaily", "CommissionMonthly", "AgentDaily", "AgentMonthly", "Margin", "MarginLevel",
    "Profit", "ProfitStorage", "ProfitAssets", "ProfitLiabilities", "DailyCommRound", "DailyAgent",
)  # fmt: skip


class Daily:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._book = desk.book
        self.commands: dict[str, Command] = {
            "/api/daily_get": lambda query: self.get(query, light=False),
            "/api/daily/get": lambda query: self.get(query, light=False),
            "/api/daily_get_light": lambda query: self.get(query, light=True),
            "/api/daily/get_light": lambda query: self.get(query, light=True),
        }

    def get(self, query: Query, *, light: bool) -> Outcome:
        """Return the reports of `login` (a list) or `group` whose day ended within [from, to]."""
        start, end = query.number("from"), min(query.number("to", LATEST_S), self._desk.now_ms() // 1000)
        users = [self._book.users[login] for login in self._desk.logins(query)]
        beside: render.Fields = {} if light else {"PositionAdd": [], "OrderAdd": []}
        return answer([{**report, **beside} for user in users for report in self._reports(user, start, end)])

    def _reports(self, user: SimUser, start_s: int, end_s: int) -> Iterator[render.Fields]:
        deals = self._book.deals_of(user.login, 0, end_s)
        if not deals:
            return
        balance = credit = ZERO
        month_balance, month_equity, index = ZERO, ZERO, 0
        for day in range(deals[0].time_ms // 1000 // DAY_S, end_s // DAY_S):
            before = (balance, balance + credit)
            first = index
            while index < len(deals) and deals[index].time_ms // 1000 < (day + 1) * DAY_S:
                index += 1
            changes = _changes(deals[first:index])
            credit += changes["DailyCredit"]
            balance += sum(changes.values(), ZERO) - changes["DailyCredit"]
            last_second = (day + 1) * DAY_S - 1
            if last_second >= start_s:
                past = {"BalancePrevDay": before[0], "EquityPrevDay": before[1], "BalancePrevMonth": month_balance,
                        "EquityPrevMonth": month_equity}  # fmt: skip
                yield self._report(user, last_second, {"Balance": balance, "Credit": credit, **past, **changes})
            if _ends_month(last_second):
                month_balance, month_equity = balance, balance + credit

    def _report(self, user: SimUser, last_second: int, figures: dict[str, Decimal]) -> render.Fields:
        group = self._book.groups[user.group]
        equity = figures["Balance"] + figures["Credit"]
        shown = {**figures, "ProfitEquity": equity, "MarginFree": equity, **dict.fromkeys(_ALWAYS_ZERO, ZERO)}
        utc_s = int(self._book.clock.to_utc(last_second).timestamp())
        return {
            "Timestamp": str((utc_s + FILETIME_EPOCH_S) * 10**7), "DatetimePrev": str(last_second - DAY_S),
            "Datetime": str(last_second), "Login": str(user.login), "Name": user.name, "Group": user.group,
            "Currency": group.currency, "CurrencyDigits": str(group.currency_digits),
            "Company": "Simulated Broker", "EMail": user.email, "MarginLeverage": str(user.leverage),
            **{name: render.money(value, group.currency_digits) for name, value in shown.items()},
        }  # fmt: skip


def _changes(deals: list[SimDeal]) -> dict[str, Decimal]:
    """Return a day's money by what it was; all but DailyCredit moved the balance."""
    names = (*_OF_ACTION.values(), "DailyProfit", "DailyStorage", "DailyCommInstant", "DailyCommFee")
    sums = dict.fromkeys(names, ZERO)
    for deal in deals:
        trade = deal.action in (BUY, SELL)
        sums["DailyProfit" if trade else _OF_ACTION.get(deal.action, "DailyBalance")] += deal.profit
        if deal.action != CREDIT:
            sums["DailyStorage"] += deal.swap
            sums["DailyCommInstant"] += deal.commission
            sums["DailyCommFee"] += deal.fee
    return sums


def _ends_month(last_second: int) -> bool:
    """Say whether the next second is in another month of the server's clock."""
    return datetime.fromtimestamp(last_second, UTC).month != datetime.fromtimestamp(last_second + 1, UTC).month
