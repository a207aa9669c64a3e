"""What a document says about the world: who is whose, which terms hold, what a currency costs, at any moment."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
BEFORE_EVERYTHING = datetime.min.replace(tzinfo=UTC)


class Missing(Exception):
    """Something that the terms need is not known: missing_data or no_fx_rate."""

    def __init__(self, verdict: str) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class World:
    """A document as it is known at the end of the second `until` (without one: the whole of it).

    A deal is known from its own time on, an edit from the edit's time, a version and a rate from their publication.
    A move too may have `published_at`, for what our services allow beyond the specification: moves into the past."""

    def __init__(self, doc: Row, until: datetime | None = None) -> None:
        self.doc = doc
        self.until = until
        self.deals = self._deals()
        self.deposits = [row for row in doc.get("deposits") or [] if self.knows(row["at"])]
        known = [row for row in doc.get("moves") or [] if self.knows(row.get("published_at", row["at"]))]
        self.moves = sorted(known, key=lambda row: row["at"])
        self._chains: dict[tuple[int, datetime], list[Row]] = {}

    def knows(self, moment: datetime) -> bool:
        return self.until is None or moment <= self.until

    def _deals(self) -> list[Row]:
        """The deals as they stand, in the order (time, ticket). An edit of a deleted deal brings it back."""
        standing: dict[int, Row] = {}
        for row in sorted(self.doc.get("deals") or [], key=lambda deal: deal["at"]):
            if self.knows(row["at"]):
                standing[row["ticket"]] = dict(row)
        for change in sorted(self.doc.get("changes") or [], key=lambda row: row["at"]):
            if "ticket" in change and self.knows(change["at"]) and change["ticket"] in standing:
                deal = standing[change["ticket"]]
                deal["deleted"] = False
                deal.update({key: value for key, value in change.items() if key != "at"})
        live = [deal for deal in standing.values() if not deal.get("deleted")]
        return sorted(live, key=lambda deal: (deal["at"], deal["ticket"]))

    # people

    def client(self, login: int) -> Row:
        return next(row for row in self.doc["clients"] if row["login"] == login)

    def direct_ib(self, login: int, at: datetime) -> str | None:
        code = self.client(login).get("ib")
        for move in self.moves:
            if move.get("login") == login and move["at"] <= at:
                code = move.get("ib")
        return code

    def ib(self, code: str, at: datetime) -> Row:
        """The IB with its agreement and parent at a moment; `terms` is its plan version in force, or None."""
        ib = dict(next(row for row in self.doc["ibs"] if row["code"] == code))
        for move in self.moves:
            if "login" not in move and move["ib"] == code and move["at"] <= at:
                ib.update({key: value for key, value in move.items() if key not in ("at", "ib", "published_at")})
        ib["active"] = ib.get("active", True)
        ib["terms"] = self.terms(ib.get("plan"), at)
        return ib

    def chain(self, login: int, at: datetime) -> list[Row]:
        """The client's IBs at a moment, nearest first. Asked once: nothing here changes."""
        if (login, at) not in self._chains:
            chain: list[Row] = []
            code = self.direct_ib(login, at)
            while code is not None:
                chain.append(self.ib(code, at))
                code = chain[-1].get("parent")
            self._chains[login, at] = chain
        return self._chains[login, at]

    def is_own_trade(self, login: int, code: str) -> bool:
        return self.client(login).get("is_ib") == code

    def terms(self, plan: str | None, at: datetime) -> Row | None:
        """The latest `effective_from` wins, of equal ones the latest published; of those from the start, the last."""
        best: tuple[datetime, datetime, int] | None = None
        found: Row | None = None
        for place, version in enumerate((self.doc.get("plans") or {}).get(plan) or []):
            published = version.get("published_at", BEFORE_EVERYTHING)
            if version["effective_from"] > at or not self.knows(published):
                continue
            rank = (version["effective_from"], published, place)
            if best is None or rank > best:
                best, found = rank, version
        return found

    # the account's MT group

    def group_name(self, login: int) -> str:
        return str(self.client(login)["group"])

    def account_currency(self, login: int) -> str:
        return str(self.doc["mt_groups"][self.group_name(login)]["currency"])

    def lot_factor(self, login: int) -> Fraction | None:
        """A factor that was missing is set by a change; without one, None."""
        name = self.group_name(login)
        factor = self.doc["mt_groups"][name].get("lot_factor")
        for change in sorted(self.doc.get("changes") or [], key=lambda row: row["at"]):
            if factor is None and change.get("mt_group") == name and self.knows(change["at"]):
                factor = change["lot_factor"]
        return None if factor is None else Fraction(str(factor))

    # currencies

    def usd(self, currency: str, at: datetime) -> Fraction:
        """What one unit costs in USD: the latest rate at or before the moment, of a pair or its inverse.

        Of the rates that were published by then; when there was none, of those that were published first (0012)."""
        if currency == "USD":
            return Fraction(1)
        rates = []
        for place, row in enumerate(self.doc.get("fx") or []):
            published = row.get("published_at", row["at"])
            if row["at"] > at or not self.knows(published):
                continue
            if row["pair"] == currency + "USD":
                rates.append((row["at"], published, place, Fraction(str(row["rate"]))))
            if row["pair"] == "USD" + currency:
                rates.append((row["at"], published, place, 1 / Fraction(str(row["rate"]))))
        in_time = [rate for rate in rates if rate[1] <= at]
        if not in_time and rates:
            first = min(rate[1] for rate in rates)
            in_time = [rate for rate in rates if rate[1] == first]
        if not in_time:
            raise Missing("no_fx_rate")
        return max(in_time)[3]

    def convert(self, amount: Fraction, source: str, target: str, at: datetime) -> Fraction:
        if amount == 0 or source == target:
            return amount
        return amount * self.usd(source, at) / self.usd(target, at)
