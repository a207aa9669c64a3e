"""The broker of a scenario: server, symbols, groups, clients, network and plans, as they are from the start."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from access.types import Actor
from clients.models import Client
from clients.services import create_client
from commissions.models import Plan
from commissions.services import assign_plan, create_plan, publish_plan_version, validate_terms
from core.money import to_e8
from crm.scenarios.documents import Document
from ib.models import IB
from ib.services import create_ib, move_client, set_agreement
from ib.types import Terms
from mt4bridge.models import MtServer
from trading.models import MtGroup, Symbol, SymbolGroup, TradingAccount

ACTOR = Actor.system("scenario")
VERSION_KEYS = frozenset({"effective_from", "published_at"})
AGREEMENT_KEYS = ("keep_percent", "rank", "active")


@dataclass(slots=True)
class World:
    """What a scenario's events refer to."""

    document: Document
    start: datetime
    server: MtServer
    plans: dict[str, Plan] = field(default_factory=dict)
    ibs: dict[str, IB] = field(default_factory=dict)
    accounts: dict[int, TradingAccount] = field(default_factory=dict)
    groups: dict[str, MtGroup] = field(default_factory=dict)


def start_of(document: Document) -> datetime:
    """Return a moment before everything in the document."""
    return min(_times(document.plain)) - timedelta(days=1)


def _times(value: Any) -> list[datetime]:
    if isinstance(value, datetime):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for each in inner for found in _times(each)]


def build_world(document: Document) -> World:
    """Create everything that is known from the start.

    :raises PlanInvalid: a plan of the document is refused."""
    for versions in (document.plain.get("plans") or {}).values():
        for version in versions:
            validate_terms(terms_of(version))
    start = start_of(document)
    server = MtServer(name="Scenario", address="127.0.0.1:1", manager_login=1, history_from=start)
    server.set_manager_password("not used: deals come from the document")
    server.save()
    world = World(document, start, server)
    _markets(world)
    _plans(world)
    _people(world)
    return world


def terms_of(version: dict[str, Any]) -> dict[str, Any]:
    """Return a plan version of the document without its dates."""
    return {key: value for key, value in version.items() if key not in VERSION_KEYS}


def agreement_of(row: dict[str, Any], before: Terms | None = None) -> Terms:
    """Return the agreement that a row of the document says, for the rest as before."""
    before = before or Terms()
    keep = row.get("keep_percent", before.keep_percent)
    return Terms(
        keep_percent=None if keep is None else Decimal(keep),
        rank=row.get("rank", before.rank),
        active=row.get("active", before.active),
    )


def _markets(world: World) -> None:
    plain = world.document.plain
    groups: dict[str, SymbolGroup] = {}
    for name, row in (plain.get("symbols") or {}).items():
        code = row.get("group")
        if code and code not in groups:
            groups[code] = SymbolGroup.objects.create(code=code, name=code)
        Symbol.objects.create(
            server=world.server, name=name, group=groups.get(code),
            contract_size_e8=to_e8(Decimal(row["contract_size"])), digits=row["digits"], quote_currency=row["quote"],
        )  # fmt: skip
    for name, row in (plain.get("mt_groups") or {}).items():
        factor = row.get("lot_factor")
        world.groups[name] = MtGroup.objects.create(
            server=world.server,
            name=name,
            currency=row["currency"],
            lot_factor=None if factor is None else Decimal(factor),
        )


def _plans(world: World) -> None:
    """Create the plans and publish the versions that are known from the start."""
    for code, versions in (world.document.plain.get("plans") or {}).items():
        plan = create_plan(code=code, name=code, actor=ACTOR, now=world.start)
        world.plans[code] = plan
        for place, version in enumerate(versions):
            if "published_at" not in version:
                publish_plan_version(
                    plan=plan, terms=terms_of(version), effective_from=version["effective_from"], actor=ACTOR,
                    now=world.start + timedelta(microseconds=place),
                )  # fmt: skip


def _people(world: World) -> None:
    clients: dict[int, Client] = {}
    own: dict[str, Client] = {}
    for row in world.document.rows("clients"):
        login = row["login"]
        clients[login] = create_client(
            name=f"Client {login}", email=f"c{login}@example.org", actor=ACTOR, now=world.start
        )
        if row.get("is_ib"):
            own[row["is_ib"]] = clients[login]
        world.accounts[login] = TradingAccount.objects.create(
            server=world.server, login=login, client=clients[login], mt_group=world.groups[row["group"]],
            opened_at=world.start,
        )  # fmt: skip
    for row in _parents_first(world.document.rows("ibs")):
        _ib(world, row, own.get(row["code"]))
    for row in world.document.rows("clients"):
        if row.get("ib"):
            move_client(
                client=clients[row["login"]], ib=world.ibs[row["ib"]], at=world.start, actor=ACTOR, now=world.start
            )


def _ib(world: World, row: dict[str, Any], client: Client | None) -> None:
    ib = create_ib(
        code=row["code"], name=row["code"], currency=row["currency"], parent=world.ibs.get(row.get("parent", "")),
        at=world.start, actor=ACTOR, now=world.start, client=client,
    )  # fmt: skip
    world.ibs[row["code"]] = ib
    if row.get("plan"):
        assign_plan(ib=ib, plan=world.plans[row["plan"]], at=world.start, actor=ACTOR, now=world.start)
    if any(key in row for key in AGREEMENT_KEYS) and agreement_of(row) != Terms():
        set_agreement(ib=ib, terms=agreement_of(row), at=world.start, actor=ACTOR, now=world.start)


def _parents_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    waiting = list(rows)
    while waiting:
        codes = {row["code"] for row in done}
        ready = [row for row in waiting if not row.get("parent") or row["parent"] in codes]
        if not ready:
            raise ValueError("an IB's parent is missing, or IBs stand above each other")
        done += ready
        waiting = [row for row in waiting if row not in ready]
    return done
