"""The network of a large broker, from one seed: many trees of uneven size, one IB with a quarter of all IBs below it,
and a branch with 5,000 clients to move. Clients stand where activity is uneven too."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from access.enums import UserKind
from access.models import Role
from access.services import create_user, grant_role
from access.types import Actor
from clients.models import Client
from commissions.models import Plan, PlanAssignment
from commissions.services import create_plan, publish_plan_version
from ib.models import IB
from ib.services import create_network, place_clients
from ib.types import IbSpec
from mt4bridge.models import MtServer
from mt4bridge.simulator.generate import FIRST_LOGIN
from trading.models import MtGroup, Symbol, SymbolGroup, TradingAccount

ACTOR = Actor.system("bench")
E8 = 10**8
GROUPS = ("forex-majors", "forex-minors", "metals", "indices")
SYMBOLS_PER_GROUP = (7, 14, 3, 8)
TOP, MOVED, MOVED_FROM, MOVED_TO = "BIG", "BRANCH", "T1", "T2"  # codes of IBs that figures are about
PASSWORD = "a long bench password"  # noqa: S105 -- of people in a scratch broker
IB_EMAIL, STAFF_EMAIL = "ib@bench.example", "staff@bench.example"
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Size:
    """How large the broker is. `moved_clients` stand in the branch that is moved."""

    deals: int
    ibs: int = 20_000
    trees: int = 150
    depth: int = 12
    clients: int = 52_000
    moved_clients: int = 5_000
    days: int = 365

    @property
    def code(self) -> str:
        """Return the broker's code: equal sizes share a kept broker."""
        return f"bench-reports-{self.deals}-{self.ibs}-{self.clients}"


class Node(NamedTuple):
    """An IB to be: its code, the one above, its level from 0."""

    code: str
    parent: str | None
    level: int


def grow(root: Node, count: int, *, depth: int, prefix: str, random: Random) -> list[Node]:
    """Return the root and `count` IBs below it, each under one drawn from all that are not at the last level."""
    nodes, open_nodes = [root], [root]
    for number in range(count):
        above = random.choice(open_nodes)
        node = Node(f"{prefix}-{number}", above.code, above.level + 1)
        nodes.append(node)
        if node.level < depth - 1:
            open_nodes.append(node)
    return nodes


def all_nodes(size: Size, random: Random) -> tuple[list[Node], list[Node]]:
    """Return (all IBs, those of the branch that is moved, its root first)."""
    big = grow(Node(TOP, None, 0), size.ibs // 4, depth=size.depth, prefix="B", random=random)
    branch = grow(Node(MOVED, MOVED_FROM, 1), size.ibs // 10, depth=size.depth, prefix="M", random=random)
    left = size.ibs - len(big) - len(branch)
    weights = [1 / (place + 1) ** 0.7 for place in range(size.trees - 1)]
    nodes = big + branch
    for place, weight in enumerate(weights, 1):
        count = max(0, int(left * weight / sum(weights)) - 1)
        nodes += grow(Node(f"T{place}", None, 0), count, depth=size.depth, prefix=f"T{place}", random=random)
    return nodes, branch


def build_network(size: Size, *, start: datetime, seed: int) -> MtServer:
    """Create server, symbols, network, plans, clients, accounts and two people who sign in; return the server."""
    random = Random(seed)
    server = MtServer(name="Bench", address="127.0.0.1:1", manager_login=1, history_from=start, is_active=False)
    server.set_manager_password("not used")
    server.save()
    nodes, branch = all_nodes(size, random)
    specs = [IbSpec(code=node.code, name=f"IB {node.code}", currency="USD", parent=node.parent) for node in nodes]
    ibs = create_network(specs=specs, at=start, actor=ACTOR, now=start)
    _plans(nodes, ibs, size, start)
    places = _client_places(nodes, branch, size, random)
    _clients(server, [ibs[code].pk if code else None for code in places], start, random)
    _symbols(server)
    _people(ibs[TOP], start)
    return server


def _plans(nodes: list[Node], ibs: dict[str, IB], size: Size, start: datetime) -> None:
    """A plan per level, by difference; both sides of a trade count; a raw group shares its commission."""
    plans = [_plan(level, size.depth, start) for level in range(size.depth)]
    PlanAssignment.objects.bulk_create(
        [PlanAssignment(ib=ibs[node.code], plan=plans[node.level], active_from=start) for node in nodes],
        batch_size=_BATCH,
    )


def _plan(level: int, depth: int, start: datetime) -> Plan:
    plan = create_plan(code=f"level-{level}", name=f"Level {level}", actor=ACTOR, now=start)
    rate = Decimal(5) - Decimal(4 * level) / depth
    rates: list[dict[str, object]] = [
        {"symbol_group": group, "base": "per_lot", "rate": str(round(rate + step, 2)), "currency": "USD"}
        for step, group in enumerate(GROUPS)
    ]
    rates += [
        {"symbol_group": group, "mt_group": "raw", "base": "commission", "percent": str(40 - 2 * level)}
        for group in GROUPS
    ]
    rates.append({"any": True, "base": "per_lot", "rate": str(round(rate / 2, 2)), "currency": "USD"})
    terms = {"rates": rates, "count_on": "both", "upline": {"mode": "difference"}}
    publish_plan_version(plan=plan, terms=terms, effective_from=start, actor=ACTOR, now=start)
    return plan


def _client_places(nodes: list[Node], branch: list[Node], size: Size, random: Random) -> list[str | None]:
    """Return each client's IB: the branch's share, one in twenty without an IB, the others where IBs are busy."""
    moved = [random.choice(branch).code for _client in range(size.moved_clients)]
    inside = {node.code for node in branch}
    outside = [node.code for node in nodes if node.code not in inside]
    weights = [random.gammavariate(0.7, 1.0) for _ib in outside]
    others = random.choices(outside, weights=weights, k=size.clients - size.moved_clients)
    free: list[str | None] = [None if random.random() < 0.05 else code for code in others]
    places = free + moved
    random.shuffle(places)
    return places


def _clients(server: MtServer, places: list[int | None], start: datetime, random: Random) -> None:
    clients = Client.objects.bulk_create(
        [
            Client(code=f"C{200_000 + n}", name=f"Client {n}", email=f"b{n}@example.org", created_at=start)
            for n in range(len(places))
        ],
        batch_size=_BATCH,
    )
    where = {client.pk: ib_id for client, ib_id in zip(clients, places, strict=True) if ib_id is not None}
    place_clients(places=where, at=start, actor=ACTOR, now=start)
    groups = [
        MtGroup.objects.create(server=server, name=name, currency="USD", lot_factor=Decimal(factor))
        for name, factor in (("standard", "1"), ("cent", "0.01"), ("raw", "1"))
    ]
    owners = clients + random.sample(clients, len(clients) // 20)  # one in twenty has a second account
    TradingAccount.objects.bulk_create(
        [
            TradingAccount(
                server=server, login=FIRST_LOGIN + n, client=client, mt_group=random.choices(groups, (6, 1, 3))[0],
                opened_at=start,
            )
            for n, client in enumerate(owners)
        ],
        batch_size=_BATCH,
    )  # fmt: skip


def _symbols(server: MtServer) -> None:
    for code, count in zip(GROUPS, SYMBOLS_PER_GROUP, strict=True):
        group = SymbolGroup.objects.create(code=code, name=code)
        Symbol.objects.bulk_create(
            Symbol(
                server=server, name=f"{code.upper()}{number}", group=group, contract_size_e8=100_000 * E8, digits=5,
                quote_currency="USD",
            )
            for number in range(count)
        )  # fmt: skip


def _people(top: IB, start: datetime) -> None:
    user = create_user(email=IB_EMAIL, name="Bench IB", kind=UserKind.CLIENT, password=PASSWORD, actor=ACTOR, now=start)
    IB.objects.filter(pk=top.pk).update(user=user)
    staff = create_user(
        email=STAFF_EMAIL, name="Bench staff", kind=UserKind.STAFF, password=PASSWORD, actor=ACTOR, now=start
    )
    grant_role(user=staff, role=Role.objects.get(code="owner"), actor=ACTOR, now=start)
