"""Corrections at random, of what was judged and settled: each as its service or the walker would bring it, and written
into the document, so that the reference can compute the final history once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from commissions.services import assign_plan, publish_plan_version
from core.errors import DomainError
from crm.flows.deal_flow import judge_all
from crm.scenarios.documents import Document
from crm.scenarios.player import _record, deal_row, play
from crm.scenarios.settling import settle
from crm.scenarios.world import ACTOR, World
from ib.services import move_client, move_ib, set_agreement
from ib.types import Terms
from tests.commissions.random_documents import _terms
from tests.commissions.random_tiers import LAST_HOUR, document_with_tiers
from trading.services import publish_fx_rate, set_lot_factor
from trading.types import DealKey

FIRST = datetime(2026, 4, 5, tzinfo=UTC)  # the document's deals are of 31 March and 1 April


class Corrections:
    """A played document, and corrections of it. `step`: how far apart they are."""

    def __init__(self, random: Random, *, deals: int, step: timedelta) -> None:
        self.random, self.step, self.now = random, step, FIRST
        self.doc: dict[str, Any] = document_with_tiers(random, deals=deals)
        # An agreement is changed as a whole below; rows that change one key of it would mean another thing before it.
        self.doc["moves"] = [row for row in self.doc["moves"] if "active" not in row]
        self.doc["settle"] = [{"period": "2026-03", "at": FIRST}]
        self.world: World = play(Document("corrections", "", self.doc))
        self.rows = {deal["ticket"]: dict(deal) for deal in self.doc["deals"]}
        for change in self.doc["changes"]:
            if "ticket" in change:
                self.rows[change["ticket"]] |= {"deleted": False, **_without_at(change)}
        self.refused = 0
        self.kinds: dict[str, int] = {}

    def round(self, most: int) -> int:
        """Make some corrections, as many as `most`, before the walker judges; return how many."""
        count = self.random.randint(1, most)
        for _number in range(count):
            self._correct()
        judge_all(server_id=self.world.server.pk, now=self.now)
        return count

    def _correct(self) -> None:
        """Make one correction; settle each month that ends on the way."""
        before, self.now = self.now, self.now + self.step
        if before.month != self.now.month:
            midnight = self.now.replace(day=1, hour=0, minute=0, second=0)
            self.now = max(self.now, midnight + timedelta(seconds=1))
            row = {"period": f"{before:%Y-%m}", "at": midnight}
            judge_all(server_id=self.world.server.pk, now=before)  # what waits is booked in the month that ends
            settle(self.world, row)
            self.doc["settle"].append(row)
        kind = self.random.choices(list(_KINDS), [weight for weight, _make in _KINDS.values()])[0]
        try:
            _KINDS[kind][1](self)
        except DomainError:
            self.refused += 1
        else:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    # what may happen

    def edit(self) -> None:
        ticket = self._ticket()
        change = self.random.choice(
            (
                {"lots": self.random.choice(("0.5", "1", "1.5", "4"))},
                {"commission": self.random.choice(("-9.99", "0", "-1.01"))},
                {"profit": self.random.choice(("12.34", "-1.00"))},
                {"price": str(Decimal(self.rows[ticket]["price"]) + 1)},
                {"reason": self.random.choice(("client", "expert", "so"))},
                {"symbol": self.random.choice(("EURUSD", "USDJPY", "XAUUSD"))},
                {"position": self.random.choice(list(self.rows.values()))["position"]},
            )
        )
        self._change(ticket, {**change, "deleted": False})

    def delete(self) -> None:
        self._change(self._ticket(), {"deleted": True})

    def version(self) -> None:
        code = self.random.choice(list(self.doc["plans"]))
        terms, moment = _terms(self.random, lots_only=False), self._moment()
        publish_plan_version(plan=self.world.plans[code], terms=terms, effective_from=moment, actor=ACTOR, now=self.now)
        self.doc["plans"][code].append({"effective_from": moment, "published_at": self.now, **terms})

    def move_ib(self) -> None:
        code, parent = self._ib(), self.random.choice([None, *(row["code"] for row in self.doc["ibs"])])
        at = self._moment()
        above = self.world.ibs[parent] if parent else None
        move_ib(ib=self.world.ibs[code], parent=above, at=at, actor=ACTOR, now=self.now)
        self.doc["moves"].append({"at": at, "published_at": self.now, "ib": code, "parent": parent})

    def move_client(self) -> None:
        login, code, at = self.random.choice(self.doc["clients"])["login"], self._ib(), self._moment()
        client = self.world.accounts[login].client
        move_client(client=client, ib=self.world.ibs[code], at=at, actor=ACTOR, now=self.now)
        self.doc["moves"].append({"at": at, "published_at": self.now, "login": login, "ib": code})

    def assign(self) -> None:
        code, plan, at = self._ib(), self.random.choice(list(self.doc["plans"])), self._moment()
        assign_plan(ib=self.world.ibs[code], plan=self.world.plans[plan], at=at, actor=ACTOR, now=self.now)
        self.doc["moves"].append({"at": at, "published_at": self.now, "ib": code, "plan": plan})

    def agreement(self) -> None:
        code, at = self._ib(), self._moment()
        keep, rank = self.random.choice((None, "40", "100")), self.random.choice((None, 1, 2))
        active = self.random.random() < 0.7
        terms = Terms(keep_percent=None if keep is None else Decimal(keep), rank=rank, active=active)
        set_agreement(ib=self.world.ibs[code], terms=terms, at=at, actor=ACTOR, now=self.now)
        self.doc["moves"].append(
            {"at": at, "published_at": self.now, "ib": code, "keep_percent": keep, "rank": rank, "active": active}
        )

    def rate(self) -> None:
        base, quote, rate = self.random.choice((("EUR", "USD", "1.21"), ("USD", "JPY", "149.5")))
        at = self._moment()
        publish_fx_rate(base=base, quote=quote, rate=Decimal(rate), at=at, now=self.now)
        self.doc["fx"].append({"pair": base + quote, "rate": rate, "at": at, "published_at": self.now})

    def factor(self) -> None:
        set_lot_factor(mt_group=self.world.groups["new"], lot_factor=Decimal("0.2"), actor=ACTOR, now=self.now)
        self.doc["changes"].append({"at": self.now, "mt_group": "new", "lot_factor": "0.2"})

    # of what

    def _ticket(self) -> int:
        return self.random.choice(list(self.rows))

    def _ib(self) -> str:
        return str(self.random.choice(self.doc["ibs"])["code"])

    def _moment(self) -> datetime:
        return LAST_HOUR + timedelta(minutes=self.random.randint(-5, 60))

    def _change(self, ticket: int, change: dict[str, Any]) -> None:
        self.rows[ticket] |= change
        self.doc["changes"].append({"at": self.now, "ticket": ticket, **change})
        if change["deleted"]:
            _record(self.world, [], self.now, gone=[DealKey(ticket, 0)])
        else:
            _record(self.world, [deal_row(self.world, _plain(self.rows[ticket]))], self.now)


_KINDS: dict[str, tuple[int, Callable[[Corrections], None]]] = {
    "edit": (50, Corrections.edit),
    "delete": (12, Corrections.delete),
    "version": (3, Corrections.version),
    "move_ib": (6, Corrections.move_ib),
    "move_client": (6, Corrections.move_client),
    "assign": (8, Corrections.assign),
    "agreement": (9, Corrections.agreement),
    "rate": (4, Corrections.rate),
    "factor": (2, Corrections.factor),
}


def _without_at(change: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in change.items() if key != "at"}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "deleted"}
