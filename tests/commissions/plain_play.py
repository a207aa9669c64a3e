"""Play a scenario document through positions and judge_chain alone, without a database: quick feedback on rules."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from commissions.calculation import DealFacts, Member, SymbolFacts, UsdQuote, judge_chain
from commissions.positions import IN, INOUT, OUT, OUT_BY, CloseByLeg, PositionDeal, parts_by_deal, second_legs
from commissions.terms import parse_terms

ENTRIES = {"in": IN, "out": OUT, "inout": INOUT, "out_by": OUT_BY}
FILES = Path(__file__).parent.parent / "scenarios"


def documents() -> list[dict[str, Any]]:
    return [
        doc for path in sorted(FILES.glob("*.yaml")) for doc in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    ]


def e8(text: Any) -> int:
    return int(Decimal(str(text)) * 10**8)


class Play:
    """One document, judged with the final history and final lot factors."""

    def __init__(self, doc: dict[str, Any]) -> None:
        self.doc = doc
        self.plans: dict[str, list[tuple[datetime, datetime, Any]]] = {}
        for name, versions in doc["plans"].items():
            self.plans[name] = []
            for version in versions:
                plain = {k: v for k, v in version.items() if k not in ("effective_from", "published_at")}
                terms, faults = parse_terms(plain)
                if faults:
                    raise ValueError(faults)
                published = version.get("published_at", datetime.min.replace(tzinfo=UTC))
                self.plans[name].append((version["effective_from"], published, terms))

    def state(self, kind: str, key: Any, at: datetime) -> dict[str, Any]:
        name = "code" if kind == "ib" else "login"
        found = dict(next(row for row in self.doc["ibs" if kind == "ib" else "clients"] if row[name] == key))
        for move in sorted(self.doc.get("moves", []), key=lambda m: m["at"]):
            if kind == "ib" and "login" in move:
                continue
            if move.get("ib" if kind == "ib" else "login") == key and move["at"] <= at:
                found.update({k: v for k, v in move.items() if k != "at"})
        return found

    def terms_at(self, plan: str | None, at: datetime) -> Any:
        inforce = [v for v in self.plans.get(plan or "", []) if v[0] <= at]
        return max(inforce, key=lambda v: v[:2])[2] if inforce else None

    def chain(self, login: int, at: datetime) -> list[tuple[str, Member]]:
        client = self.state("client", login, at)
        code, members = client.get("ib"), []
        while code:
            ib = self.state("ib", code, at)
            keep = ib.get("keep_percent")
            member = Member(
                currency=ib["currency"],
                terms=self.terms_at(ib.get("plan"), at),
                active=ib.get("active", True),
                rank=ib.get("rank"),
                keep_percent=None if keep is None else Fraction(keep),
                is_client=client.get("is_ib") == code,
            )
            members.append((code, member))
            code = ib.get("parent")
        return members

    def fx(self, at: datetime) -> Any:
        def look(currency: str) -> UsdQuote | None:
            best = None
            for row in self.doc.get("fx", []):
                pair, rate = row["pair"], Fraction(row["rate"])
                if row["at"] > at or pair not in (currency + "USD", "USD" + currency):
                    continue
                quote = UsdQuote(rate if pair.startswith(currency) else 1 / rate, pair, row["at"])
                if best is None or quote.at >= best.at:
                    best = quote
            return best

        return look

    def deals(self) -> list[dict[str, Any]]:
        deals = {deal["ticket"]: dict(deal) for deal in self.doc.get("deals", [])}
        for change in sorted(self.doc.get("changes", []), key=lambda c: c["at"]):
            if "ticket" in change:
                deals[change["ticket"]].update({k: v for k, v in change.items() if k != "at"})
        return sorted((d for d in deals.values() if not d.get("deleted")), key=lambda d: (d["at"], d["ticket"]))

    def run(self) -> dict[tuple[int, str], tuple[str, Fraction, str]]:
        deals = self.deals()
        second = second_legs(
            [
                CloseByLeg(d["ticket"], d["at"], d["ticket"], 0, d["position"], d["by"])
                for d in deals
                if d["entry"] == "out_by"
            ]
        )
        parts: dict[Any, Any] = {}
        for position in {(d["login"], d["position"]) for d in deals}:
            mine = [d for d in deals if (d["login"], d["position"]) == position]
            parts |= parts_by_deal([self.position_deal(d) for d in mine])
        result = {}
        for deal in deals:
            result |= self.judge(deal, parts[deal["ticket"]], deal["ticket"] in second)
        return result

    @staticmethod
    def spread(deal: dict[str, Any]) -> int | None:
        return e8(deal["ask"]) - e8(deal["bid"]) if "bid" in deal and "ask" in deal else None

    def position_deal(self, d: dict[str, Any]) -> PositionDeal:
        return PositionDeal(
            d["ticket"],
            d["at"],
            d["ticket"],
            0,
            ENTRIES[d["entry"]],
            e8(d["lots"]),
            e8(d.get("commission", 0)),
            self.spread(d),
        )

    def facts(self, deal: dict[str, Any], parts: Any, second: bool) -> DealFacts:
        group_name = next(c for c in self.doc["clients"] if c["login"] == deal["login"])["group"]
        group = dict(self.doc["mt_groups"][group_name])
        for change in self.doc.get("changes", []):
            if change.get("mt_group") == group_name:
                group["lot_factor"] = change["lot_factor"]
        symbol = self.doc["symbols"][deal["symbol"]]
        spread = self.spread(deal)
        factor = group.get("lot_factor")
        return DealFacts(
            at=deal["at"],
            reason=deal.get("reason", "client"),
            symbol=SymbolFacts(
                deal["symbol"],
                symbol.get("group"),
                Fraction(symbol["contract_size"]),
                symbol["digits"],
                symbol["quote"],
            ),
            mt_group=group_name,
            account_currency=group["currency"],
            lot_factor=None if factor is None else Fraction(factor),
            parts=parts,
            price=Fraction(deal["price"]),
            spread=None if spread is None else Fraction(spread, 10**8),
            profit=Fraction(deal.get("profit", "0")),
            swap=Fraction(deal.get("swap", "0")),
            is_second_close_by=second,
        )

    def judge(self, deal: dict[str, Any], parts: Any, second: bool) -> dict[tuple[int, str], tuple[str, Fraction, str]]:
        facts = self.facts(deal, parts, second)
        chain = self.chain(deal["login"], deal["at"])
        outcome = judge_chain(facts, [member for _code, member in chain], self.fx(deal["at"]))
        found = {
            (deal["ticket"], code): (o.verdict.code, Fraction(o.amount_e8, 10**8), o.currency)
            for (code, _member), o in zip(chain, outcome.outcomes, strict=True)
        }
        if outcome.client is not None:
            c = outcome.client
            found[deal["ticket"], f"client:{deal['login']}"] = (
                c.verdict.code,
                Fraction(c.amount_e8, 10**8),
                c.currency,
            )
        return found
