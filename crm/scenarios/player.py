"""Play one scenario: its events in time order, each through the service that people and walkers use."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from commissions.services import PlanSame, assign_plan, publish_plan_version
from core.money import to_e8
from crm.flows.deal_flow import judge_all
from crm.scenarios.documents import Document
from crm.scenarios.settling import settle
from crm.scenarios.world import ACTOR, AGREEMENT_KEYS, World, agreement_of, build_world, terms_of
from ib.queries import agreement_at
from ib.services import AlreadyThere, move_client, move_ib, set_agreement
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.types import DealRow
from trading.cursor import get_cursor
from trading.services import Reading, publish_fx_rate, record_deals, set_lot_factor
from trading.types import DealKey

_DEPOSIT_TICKETS = 1_000_000_000  # balance operations get tickets far from the document's own
_SETTLE = 9
_ACTIONS = {"buy": DealAction.BUY, "sell": DealAction.SELL}
_ENTRIES = {"in": DealEntry.IN, "out": DealEntry.OUT, "inout": DealEntry.INOUT, "out_by": DealEntry.OUT_BY}


class Event(NamedTuple):
    """Something that happens at a moment. Of one moment: rates, groups, plans, moves, deposits, deals, edits."""

    at: datetime
    order: int
    run: Callable[[], object]


def play(document: Document) -> World:
    """Let everything happen, judging after each moment; the broker in force is the scenario's own.

    :raises DomainError: the document asks for something that a service refuses."""
    world = build_world(document)
    for at, together in groupby(_events(world), key=lambda event: event.at):
        events = list(together)
        for event in events:
            if event.order < _SETTLE:
                event.run()
        judge_all(server_id=world.server.pk, now=at)
        for event in events:
            if event.order == _SETTLE:  # what happens in the second of a settlement is before it
                event.run()
    return world


def _events(world: World) -> list[Event]:
    document = world.document
    events = [_fx(row) for row in document.rows("fx")]
    for code, versions in (document.plain.get("plans") or {}).items():
        late = (version for version in versions if "published_at" in version)
        events += [Event(version["published_at"], 2, partial(_publish, world, code, version)) for version in late]
    leaving_first = sorted(document.rows("moves"), key=lambda row: bool(row.get("parent")))  # swaps make no circle
    events += [Event(row["at"], 3, partial(_move, world, row)) for row in leaving_first]
    for place, row in enumerate(document.rows("deposits")):
        events.append(Event(row["at"], 4, partial(_record, world, [_deposit(place, row)], row["at"])))
    deals = {row["ticket"]: row for row in document.rows("deals")}
    for row in document.rows("deals"):
        events.append(Event(row["at"], 5, partial(_record, world, [deal_row(world, row)], row["at"])))
    for row in sorted(document.rows("changes"), key=lambda change: change["at"]):
        events.append(_change(world, row, deals))
    events += [Event(row["at"], _SETTLE, partial(settle, world, row)) for row in document.rows("settle")]
    return sorted(events, key=lambda event: event[:2])


def _fx(row: dict[str, Any]) -> Event:
    pair, published = row["pair"], row.get("published_at", row["at"])
    base, quote = ("USD", pair[3:]) if pair.startswith("USD") else (pair[:-3], pair[-3:])
    publish = partial(publish_fx_rate, base=base, quote=quote, rate=Decimal(row["rate"]), at=row["at"], now=published)
    return Event(published, 0, publish)


def _publish(world: World, code: str, version: dict[str, Any]) -> None:
    publish_plan_version(
        plan=world.plans[code], terms=terms_of(version), effective_from=version["effective_from"], actor=ACTOR,
        now=version["published_at"],
    )  # fmt: skip


def _move(world: World, row: dict[str, Any]) -> None:
    """Change what the row names; what is so already stays as it is."""
    when = {"at": row["at"], "actor": ACTOR, "now": row["at"]}
    if "login" in row:
        ib = world.ibs[row["ib"]] if row.get("ib") else None
        with suppress(AlreadyThere):
            move_client(client=world.accounts[row["login"]].client, ib=ib, **when)
        return
    ib = world.ibs[row["ib"]]
    if "parent" in row:
        with suppress(AlreadyThere):
            move_ib(ib=ib, parent=world.ibs[row["parent"]] if row["parent"] else None, **when)
    if "plan" in row:
        with suppress(PlanSame):
            assign_plan(ib=ib, plan=world.plans[row["plan"]] if row["plan"] else None, **when)
    if any(key in row for key in AGREEMENT_KEYS):
        with suppress(AlreadyThere):
            set_agreement(ib=ib, terms=agreement_of(row, agreement_at(ib=ib, at=row["at"])), **when)


def _change(world: World, row: dict[str, Any], deals: dict[int, dict[str, Any]]) -> Event:
    if "mt_group" in row:
        group = world.groups[row["mt_group"]]
        factor = partial(
            set_lot_factor, mt_group=group, lot_factor=Decimal(row["lot_factor"]), actor=ACTOR, now=row["at"]
        )
        return Event(row["at"], 1, factor)
    if row.get("deleted"):
        return Event(row["at"], 6, partial(_record, world, [], row["at"], gone=[DealKey(row["ticket"], 0)]))
    edited = {**deals[row["ticket"]], **{key: value for key, value in row.items() if key != "at"}}
    deals[row["ticket"]] = edited
    return Event(row["at"], 6, partial(_record, world, [deal_row(world, edited)], row["at"]))


def _record(world: World, rows: list[DealRow], now: datetime, gone: list[DealKey] | None = None) -> None:
    """Store deals the way the walker does."""
    version = get_cursor(world.server.pk).version
    record_deals(server_id=world.server.pk, version=version, reading=Reading(rows=rows, gone=gone or []), now=now)


def deal_row(world: World, row: dict[str, Any]) -> DealRow:
    """Return a deal of the document as the bridge would bring it; a null says as much as a missing key."""
    row = {key: value for key, value in row.items() if value is not None}
    entry, lots = _ENTRIES[row["entry"]], _e8(row["lots"])
    symbol = world.document.plain["symbols"][row["symbol"]]
    return DealRow(
        ticket=row["ticket"], leg=0, login=row["login"], symbol=row["symbol"], action=_ACTIONS[row["action"]],
        entry=entry, reason=DealReason[row.get("reason", "client").upper()], position=row["position"],
        position_by=row.get("by", 0), order=row["ticket"], volume_e8=lots,
        volume_closed_e8=lots if entry in (DealEntry.OUT, DealEntry.OUT_BY) else 0, price_e8=_e8(row["price"]),
        bid_e8=_e8(row["bid"]) if "bid" in row else None, ask_e8=_e8(row["ask"]) if "ask" in row else None,
        contract_size_e8=_e8(symbol["contract_size"]), digits=symbol["digits"], currency_digits=2,
        profit_e8=_e8(row.get("profit", 0)), swap_e8=_e8(row.get("swap", 0)),
        commission_e8=_e8(row.get("commission", 0)), fee_e8=0, deal_at=row["at"],
        comment="",
    )  # fmt: skip


def _deposit(place: int, row: dict[str, Any]) -> DealRow:
    return DealRow(
        ticket=_DEPOSIT_TICKETS + place, leg=0, login=row["login"], symbol="", action=DealAction.BALANCE,
        entry=DealEntry.IN, reason=DealReason.DEALER, position=0, position_by=0, order=0, volume_e8=0,
        volume_closed_e8=0, price_e8=0, bid_e8=None, ask_e8=None, contract_size_e8=0, digits=2, currency_digits=2,
        profit_e8=_e8(row["amount"]), swap_e8=0, commission_e8=0, fee_e8=0, deal_at=row["at"], comment="",
    )  # fmt: skip


def _e8(number: Any) -> int:
    return to_e8(Decimal(str(number)))
