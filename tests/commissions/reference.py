"""A second, slow and obvious reading of the scenario specification. It shares no code with the engine.

Plays a scenario document: the final history, computed once. Covers all that needs no month: no tiers, CPA,
statements."""

# ruff: noqa: C901, PLR0912, N817, PERF401 -- obvious beats short here

from datetime import datetime, timedelta
from fractions import Fraction as F
from typing import Any

Result = dict[tuple[int, str], tuple[str, F, str]]  # (ticket, payee) -> verdict, amount to 8 decimals, currency
HELD = ("unknown_lot_factor", "missing_data", "no_fx_rate")


class Unknown(Exception):
    """A value that the terms need and nobody sent."""


def judge_document(doc: dict[str, Any]) -> Result:
    return Reference(doc).run()


class Reference:
    def __init__(self, doc: dict[str, Any]) -> None:
        self.doc = doc
        self.deals = final_deals(doc)

    def run(self) -> Result:
        result: Result = {}
        for deal in self.deals:
            result.update(self.judge(deal))
        return result

    # -- the world at a moment

    def ib_at(self, code: str, at: datetime) -> dict[str, Any]:
        ib = dict(next(row for row in self.doc["ibs"] if row["code"] == code))
        for move in sorted(self.doc.get("moves", []), key=lambda row: row["at"]):
            if "login" not in move and move["ib"] == code and move["at"] <= at:
                ib.update({key: value for key, value in move.items() if key not in ("at", "ib")})
        versions = self.doc["plans"].get(ib.get("plan"), [])
        started = [v for v in versions if v["effective_from"] <= at]
        order = sorted(started, key=lambda v: (v["effective_from"], v.get("published_at", v["effective_from"])))
        late = [v for v in order if "published_at" in v]
        ib["terms"] = order[-1] if order else None
        if order and late and late[-1]["effective_from"] == order[-1]["effective_from"]:
            ib["terms"] = late[-1]
        return ib

    def chain(self, deal: dict[str, Any]) -> list[dict[str, Any]]:
        client = next(row for row in self.doc["clients"] if row["login"] == deal["login"])
        code = client.get("ib")
        for move in sorted(self.doc.get("moves", []), key=lambda row: row["at"]):
            if move.get("login") == deal["login"] and move["at"] <= deal["at"]:
                code = move["ib"]
        chain = []
        while code:
            ib = self.ib_at(code, deal["at"])
            ib["own_trade"] = client.get("is_ib") == code
            chain.append(ib)
            code = ib.get("parent")
        return chain

    def group(self, deal: dict[str, Any]) -> dict[str, Any]:
        name = next(row["group"] for row in self.doc["clients"] if row["login"] == deal["login"])
        group = {**self.doc["mt_groups"][name], "name": name}
        for change in self.doc.get("changes", []):
            if change.get("mt_group") == name:
                group["lot_factor"] = change["lot_factor"]
        return group

    def usd(self, currency: str, at: datetime) -> F:
        if currency == "USD":
            return F(1)
        rows = []
        for row in self.doc.get("fx", []):
            published = row.get("published_at", row["at"])
            if row["pair"] == currency + "USD":
                rows.append((row["at"], published, F(row["rate"])))
            if row["pair"] == "USD" + currency:
                rows.append((row["at"], published, 1 / F(row["rate"])))
        rows = [row for row in rows if row[0] <= at]
        known = [row for row in rows if row[1] <= at]
        if known:
            return max(known, key=lambda row: row[:2])[2]
        if rows:
            first = min(row[1] for row in rows)
            return max(row for row in rows if row[1] == first)[2]
        raise Unknown("no_fx_rate")

    def convert(self, amount: F, source: str, target: str, at: datetime) -> F:
        if amount == 0 or source == target:
            return amount
        return amount * self.usd(source, at) / self.usd(target, at)

    # -- positions

    def parts(self, deal: dict[str, Any]) -> list[dict[str, Any]]:
        """Replay the position up to this deal; each part: kind, lots, commission, and what the opening knows."""
        lots, commission, weighted, quotes_known = F(0), F(0), F(0), True
        opened: datetime | None = None
        for each in self.deals:
            if (each["login"], each["position"]) != (deal["login"], deal["position"]):
                continue
            volume, charged = F(each["lots"]), F(each.get("commission", "0"))
            if each["entry"] == "in":
                closing, opening = F(0), volume
            elif each["entry"] == "inout":
                if lots == 0:
                    if each is deal:
                        return [{"kind": "both", "lots": volume, "commission": charged}]
                    continue
                closing = min(lots, volume)
                opening = volume - closing
            else:
                closing, opening = volume, F(0)
            parts = []
            if closing:
                part: dict[str, Any] = {"kind": "close", "lots": closing, "commission": charged * closing / volume}
                if opened is not None and closing <= lots:
                    part["opening_commission"] = commission * closing / lots
                    part["opening_spread"] = weighted / lots if quotes_known else None
                    part["held"] = each["at"] - opened
                    commission -= part["opening_commission"]
                    weighted -= weighted * closing / lots
                    lots -= closing
                else:
                    lots = F(0)
                parts.append(part)
                if lots == 0:
                    commission, weighted, quotes_known, opened = F(0), F(0), True, None
            if opening:
                opened = opened or each["at"]
                lots += opening
                commission += charged * opening / volume
                spread = spread_of(each)
                if spread is None:
                    quotes_known = False
                else:
                    weighted += spread * opening
                parts.append({"kind": "open", "lots": opening, "commission": charged * opening / volume})
            if each is deal:
                return parts
        raise AssertionError(deal)

    def is_second_leg(self, deal: dict[str, Any]) -> bool:
        if deal["entry"] != "out_by":
            return False

        def legs(position: int, by: int) -> list[dict[str, Any]]:
            return [
                d
                for d in self.deals
                if d["entry"] == "out_by" and d["login"] == deal["login"] and (d["position"], d["by"]) == (position, by)
            ]

        mine = legs(deal["position"], deal["by"])
        others = legs(deal["by"], deal["position"])
        place = mine.index(deal)
        return place < len(others) and others[place]["ticket"] < deal["ticket"]

    # -- one deal

    def judge(self, deal: dict[str, Any]) -> Result:
        return DealJudge(self, deal).run()


class DealJudge:
    def __init__(self, world: Reference, deal: dict[str, Any]) -> None:
        self.world, self.deal = world, deal
        self.chain = world.chain(deal)
        self.group = world.group(deal)
        self.symbol = world.doc["symbols"][deal["symbol"]]
        self.parts = world.parts(deal)
        self.second = world.is_second_leg(deal)
        self.paid: list[tuple[F, str]] = []  # per level, as if the inactive were paid
        self.below: list[tuple[F, str]] = []
        self.rolling: list[tuple[F, str]] = []
        self.rolling_unknown = False
        self.held: str | None = None
        self.rest: tuple[F, str] | None = None
        self.spent = F(0)
        self.out: Result = {}

    def run(self) -> Result:
        for number, ib in enumerate(self.chain, 1):
            self.level(number, ib)
        return self.out

    def conv(self, amount: F, source: str, target: str) -> F:
        return self.world.convert(amount, source, target, self.deal["at"])

    def say(self, ib: dict[str, Any], verdict: str, line: F = F(0)) -> None:
        if verdict != "not_counted":
            self.out[self.deal["ticket"], ib["code"]] = (verdict, F(round(line * 10**8), 10**8), ib["currency"])

    def counted(self, terms: dict[str, Any] | None) -> list[dict[str, Any]]:
        wanted = {"close": ("close",), "open": ("open",), "both": ("close", "open")}[
            (terms or {}).get("count_on", "close")
        ]
        return [part for part in self.parts if part["kind"] in (*wanted, "both")]

    def nothing(self, ib: dict[str, Any], verdict: str) -> None:
        self.say(ib, verdict)
        self.paid.append((F(0), ib["currency"]))
        if ib.get("active", True):
            self.below += self.rolling
            self.rolling, self.rolling_unknown = [], False
        terms = ib["terms"]
        if len(self.paid) == 1 and terms and "client_rebate" in terms and verdict != "not_counted":
            self.client(F(0), verdict)

    def client(self, share: F, verdict: str) -> None:
        key = (self.deal["ticket"], f"client:{self.deal['login']}")
        self.out[key] = ("paid" if share else verdict, F(round(share * 10**8), 10**8), self.group["currency"])

    def level(self, number: int, ib: dict[str, Any]) -> None:
        terms, active = ib["terms"], ib.get("active", True)
        rest, self.rest = self.rest, None
        if not self.counted(terms):
            return self.nothing(ib, "not_counted")
        if terms is None:
            return self.nothing(ib, "no_rate" if active else "ib_inactive")
        upline = terms.get("upline", {})
        if not active and upline.get("inactive", "skip") == "skip":
            return self.nothing(ib, "ib_inactive")
        parts = self.long_enough(terms)
        stopped = self.filters(number, ib, terms, parts)
        if stopped:
            return self.nothing(ib, stopped if active else "ib_inactive")
        verdict, pay, line, share = self.compute(number, ib, terms, parts, rest)
        if verdict in HELD:
            self.held = self.held or verdict
            if not active:
                self.rolling_unknown = True
        elif active:
            self.rolling, self.rolling_unknown = [], False
            self.below.append((pay, ib["currency"]))
        else:
            self.rolling.append((line, ib["currency"]))
            self.below.append((pay - line, ib["currency"]))
        self.paid.append((pay, ib["currency"]))
        if number == 1 and "client_rebate" in terms:
            self.client(share, "not_entitled" if pay and not share else verdict)
        if active:
            self.say(ib, verdict, line)
        else:
            self.say(ib, "ib_inactive")
        return None

    def long_enough(self, terms: dict[str, Any]) -> list[dict[str, Any]]:
        least = timedelta(seconds=int(terms.get("min_hold_seconds", 0)))
        kept = []
        for part in self.counted(terms):
            if part["kind"] == "open" or part.get("held") is None or part["held"] >= least:
                kept.append(part)
        return kept

    def filters(self, number: int, ib: dict[str, Any], terms: dict[str, Any], parts: list[Any]) -> str | None:
        if ib["own_trade"] and terms.get("self_trades", "exclude") == "exclude":
            return "self_trade"
        if self.deal.get("reason", "client") in terms.get("exclude_reasons", []):
            return "excluded_reason"
        if self.second and terms.get("close_by", "one") == "one":
            return "close_by_counted_once"
        if not parts:
            return "below_min_hold"
        most = terms.get("upline", {}).get("max_level")
        return "level_not_covered" if most is not None and number > max(int(most), 1) else None

    def compute(
        self, number: int, ib: dict[str, Any], terms: dict[str, Any], parts: list[Any], rest: tuple[F, str] | None
    ) -> tuple[str, F, F, F]:
        zero = F(0)
        mode = terms.get("upline", {}).get("mode", "none") if number > 1 else "own"
        active = ib.get("active", True)
        rolls = active and (self.rolling_unknown or any(amount for amount, _currency in self.rolling))
        if mode == "none" and not rolls:
            return "not_entitled", zero, zero, zero
        if self.held:
            return self.held, zero, zero, zero
        if self.group.get("lot_factor") is None:
            return "unknown_lot_factor", zero, zero, zero
        row, blocked = None, None
        if mode in ("own", "by_level", "difference"):
            row = self.rate(terms)
            if row is None:
                blocked = "no_rate"
            elif mode == "by_level" and str(number) not in {str(key) for key in row.get("levels", {})}:
                blocked = "level_not_covered"
        if mode == "percent_of_direct" and str(number) not in {str(key) for key in terms["upline"]["percents"]}:
            blocked = "level_not_covered"
        if blocked and not rolls:
            return blocked, zero, zero, zero
        try:
            return self.amounts(number, ib, terms, parts, mode, None if blocked else row, blocked, rest)
        except Unknown as unknown:
            return str(unknown), zero, zero, zero

    def amounts(
        self, number: int, ib: dict[str, Any], terms: dict[str, Any], parts: list[Any], mode: str,
        row: dict[str, Any] | None, blocked: str | None, rest: tuple[F, str] | None,
    ) -> tuple[str, F, F, F]:  # fmt: skip
        currency, active, zero = ib["currency"], ib.get("active", True), F(0)
        for part in parts:
            if part["kind"] == "both" and terms.get("count_on", "close") != "both":
                raise Unknown("missing_data")
            if part["kind"] != "open" and int(terms.get("min_hold_seconds", 0)) and part.get("held") is None:
                raise Unknown("missing_data")
        base_is_zero = False
        own = zero
        if row is not None:
            base, base_currency = self.base(row, parts, terms, currency)
            base = max(base, zero)
            base_is_zero = base == 0
            own = self.conv(base * self.multiplier(row, mode, number), base_currency, currency)
        entitled = zero if blocked else self.by_mode(mode, number, ib, terms, own, rest)
        if number < len(self.chain):
            above = self.chain[number]["terms"]
            if above and above.get("upline", {}).get("mode") == "split":
                keep = ib.get("keep_percent")
                kept = entitled * (F(1) if keep is None else F(keep) / 100)
                self.rest = (entitled - kept, currency)
                entitled = kept
        pay = entitled
        if active:
            for amount, source in self.rolling:
                pay += self.conv(amount, source, currency)
        capped = False
        cap = terms.get("cap_per_order")
        if cap and pay:
            most = self.conv(F(cap["amount"]), cap["currency"], currency)
            capped, pay = pay > most, min(pay, most)
        before = pay
        pay = self.within_budget(pay, currency, active)
        if pay == 0:
            if before:
                return "budget_reached", zero, zero, zero
            if capped:
                return "not_entitled", zero, zero, zero
            return blocked or ("zero_base" if base_is_zero else "not_entitled"), zero, zero, zero
        line, share = pay, zero
        if number == 1 and "client_rebate" in terms:
            given = pay * F(terms["client_rebate"]["percent"]) / 100
            share = self.conv(given, currency, self.group["currency"])
            line = pay - given
        self.spend(pay if active else pay - line, currency)
        return ("paid" if line else "not_entitled"), pay, line, share

    def by_mode(
        self, mode: str, number: int, ib: dict[str, Any], terms: dict[str, Any], own: F, rest: tuple[F, str] | None
    ) -> F:
        currency = ib["currency"]
        if mode in ("own", "by_level"):
            return own
        if mode == "difference":
            if own == 0:
                return own
            same = terms["upline"].get("same_rank")
            ranks = [each.get("rank") for each in self.chain[: number - 1]]
            highest = max((rank for rank in ranks if rank is not None), default=None)
            if same and ib.get("rank") is not None and ib["rank"] == highest:
                nearest = max(place for place, rank in enumerate(ranks) if rank == highest)
                return self.conv(*self.paid[nearest], currency) * F(same["percent"]) / 100
            below = sum((self.conv(*each, currency) for each in [*self.below, *self.rolling]), F(0))
            return max(own - below, F(0))
        if mode == "percent_of_child":
            return self.conv(*self.paid[-1], currency) * F(terms["upline"]["percent"]) / 100
        if mode == "percent_of_direct":
            percents = {str(key): value for key, value in terms["upline"]["percents"].items()}
            return self.conv(*self.paid[0], currency) * F(percents[str(number)]) / 100
        if mode == "split" and rest:
            return self.conv(*rest, currency)
        return F(0)

    # -- rates and bases

    def rate(self, terms: dict[str, Any]) -> dict[str, Any] | None:
        for key, value in (
            ("symbol", self.deal["symbol"]), ("symbol_group", self.symbol.get("group")), ("any", True),
        ):  # fmt: skip
            for group in (self.group["name"], None):
                for row in terms.get("rates", []):
                    if row.get(key) == value and value is not None and row.get("mt_group") == group:
                        return row
        return None

    def multiplier(self, row: dict[str, Any], mode: str, number: int) -> F:
        kind = {"per_lot": "rate", "per_million": "rate", "points": "points"}.get(row["base"], "percent")
        value = F(row[kind])
        if mode == "by_level":
            value = F({str(key): each for key, each in row["levels"].items()}[str(number)])
        return value / 100 if kind == "percent" else value

    def lots(self, parts: list[Any]) -> F:
        return sum((part["lots"] for part in parts), F(0)) * F(self.group["lot_factor"])

    def base(self, row: dict[str, Any], parts: list[Any], terms: dict[str, Any], currency: str) -> tuple[F, str]:
        quote, account = self.symbol["quote"], self.group["currency"]
        size, point = F(self.symbol["contract_size"]), F(1, 10 ** self.symbol["digits"])
        kind = row["base"]
        closes = any(part["kind"] != "open" for part in parts)
        if kind == "per_lot":
            return self.lots(parts), row["currency"]
        if kind == "per_million":
            notional = self.lots(parts) * size * F(self.deal["price"])
            return self.conv(notional, quote, row["currency"]) / 1_000_000, row["currency"]
        if kind == "points":
            return self.lots(parts) * point * size, quote
        if kind == "spread":
            return self.spread_value(row.get("at", "open"), row.get("cap_points"), parts), quote
        if kind == "commission":
            return self.commission(parts, terms), account
        if kind == "profit":
            return (F(self.deal.get("profit", "0")) if closes else F(0)), account
        spread = self.spread_value("open", row.get("cap_points"), parts)
        rest = self.commission(parts, terms)
        if row.get("include_swap") and closes:
            rest -= F(self.deal.get("swap", "0"))
        return self.conv(spread, quote, currency) + self.conv(rest, account, currency), currency

    def spread_value(self, at: str, cap_points: str | None, parts: list[Any]) -> F:
        total = F(0)
        for part in parts:
            if part["kind"] == "both":
                raise Unknown("missing_data")
            own = spread_of(self.deal)
            opening = own if part["kind"] == "open" else part.get("opening_spread")
            wanted = {"open": [opening], "close": [own], "half_and_half": [opening, own]}[at]
            if None in wanted:
                raise Unknown("missing_data")
            spread = sum(wanted, F(0)) / len(wanted)
            if cap_points is not None:
                spread = min(spread, F(cap_points) / 10 ** self.symbol["digits"])
            total += part["lots"] * F(self.group["lot_factor"]) * spread * F(self.symbol["contract_size"])
        return total

    def commission(self, parts: list[Any], terms: dict[str, Any]) -> F:
        total = F(0)
        for part in parts:
            total += part["commission"]
            if part["kind"] != "open" and terms.get("count_on", "close") != "both":
                if part.get("opening_commission") is None:
                    raise Unknown("missing_data")
                total += part["opening_commission"]
        return -total

    # -- the chain's budget

    def budget(self) -> tuple[F, str] | None:
        terms = self.chain[0]["terms"]
        budget = terms and terms.get("chain_budget")
        if not budget:
            return None
        parts = self.counted(terms)
        if any(part["kind"] == "both" for part in parts) and terms.get("count_on", "close") != "both":
            raise Unknown("missing_data")
        if "per_lot" in budget:
            return self.lots(parts) * F(budget["per_lot"]), budget["currency"]
        share = F(budget["percent"]) / 100
        if budget["percent_of"] == "spread":
            return max(self.spread_value("open", None, parts), F(0)) * share, self.symbol["quote"]
        return max(self.commission(parts, terms), F(0)) * share, self.group["currency"]

    def within_budget(self, pay: F, currency: str, active: bool) -> F:
        if pay == 0:
            return pay
        budget = self.budget()
        if budget is None:
            return pay
        left = budget[0] - self.spent
        if not active:
            for amount, source in self.rolling:
                left -= self.conv(amount, source, budget[1])
        return min(pay, self.conv(max(left, F(0)), budget[1], currency))

    def spend(self, pay: F, currency: str) -> None:
        budget = self.budget()
        if budget is not None:
            self.spent += self.conv(pay, currency, budget[1])


def final_deals(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the deals as they stand after all edits, in the order (time, ticket)."""
    deals = {deal["ticket"]: dict(deal) for deal in doc.get("deals", [])}
    for change in sorted(doc.get("changes", []), key=lambda row: row["at"]):
        if "ticket" in change:
            deals[change["ticket"]].update({key: value for key, value in change.items() if key != "at"})
    live = [deal for deal in deals.values() if not deal.get("deleted")]
    return sorted(live, key=lambda deal: (deal["at"], deal["ticket"]))


def spread_of(deal: dict[str, Any]) -> F | None:
    return F(deal["ask"]) - F(deal["bid"]) if "ask" in deal and "bid" in deal else None
