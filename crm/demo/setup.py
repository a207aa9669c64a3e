"""Open a demo broker and fill it through the same services as a real one. Repeatable: what exists stays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from access.enums import UserKind
from access.models import Role, User
from access.services import create_user, grant_role, set_password
from access.types import Actor
from clients.models import Client
from clients.services import create_client
from commissions.models import Plan
from commissions.services import assign_plan, create_plan, publish_plan_version
from crm.demo.network import HISTORY_CHAIN, IBS, PLANS, SYMBOL_GROUPS, history_terms, symbol_group_of
from crm.demo.people import person
from crm.flows.account_flow import sync_configuration
from crm.flows.brokers import open_broker
from ib.models import IB
from ib.services import create_ib, move_client
from mt4bridge.enums import Platform, ServerKind
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.services import register_server
from mt4bridge.types import TradingServer, UserRow
from notifications.enums import MailTls
from notifications.queries import mail_settings
from notifications.services import MailSpec, save_mail_settings
from tenancy.context import public_context
from tenancy.models import Broker
from tenancy.services import BrokerSpec
from trading.accounts import register_account
from trading.models import MtGroup, Symbol, SymbolGroup
from trading.operations.account_models import AccountType
from trading.operations.account_types import TypeTerms, save_account_type
from trading.services import classify_symbol, publish_fx_rate, set_lot_factor

BEGINNING = datetime(2015, 1, 1, tzinfo=UTC)  # the demo's network and plans stand since before any history
STAFF = (
    ("dana.kim", "Dana Kim", "owner"),
    ("ines.duarte", "Ines Duarte", "finance"),
    ("ravi.menon", "Ravi Menon", "support"),
)
FX = {"USC": "0.01", "EUR": "1.08", "GBP": "1.27", "AUD": "0.66", "NZD": "0.61"}  # USD for one unit
FX_INVERSE = {"JPY": "149.5", "CHF": "0.88", "CAD": "1.36"}  # units for one USD
_PEOPLE_WITHOUT_IB = 6  # every sixth client of the demo came by itself
_ACTOR = Actor.system("demo")


@dataclass(frozen=True, slots=True)
class SimulatorAddress:
    """What a simulator's ready file says."""

    address: str
    pin: str
    login: int
    password: str = field(repr=False)
    clock_zone: str
    clock_shift_minutes: int
    control: str
    history_from: datetime

    @classmethod
    def from_json(cls, ready: Mapping[str, Any]) -> "SimulatorAddress":
        return cls(
            address=str(ready["address"]), pin=str(ready["pin"]), login=int(ready["login"]),
            password=str(ready["password"]), clock_zone=str(ready["clock_zone"]),
            clock_shift_minutes=int(ready["clock_shift_minutes"]), control=str(ready.get("control") or ""),
            history_from=datetime.fromisoformat(str(ready["history_from"])),
        )  # fmt: skip


def find_or_open_broker(spec: BrokerSpec, *, now: datetime) -> Broker:
    """Return the broker with this code; the first call opens it."""
    with public_context():
        found = Broker.objects.filter(code=spec.code).first()
    return found or open_broker(spec, now=now)


def fill_demo_broker(*, simulator: SimulatorAddress, domain: str, password: str, now: datetime) -> None:
    """Fill the broker in force: staff, server, network, plans, clients with the server's accounts."""
    add_staff(domain=domain, password=password, now=now)
    gateway = connect_server(simulator=simulator, now=now)
    add_account_types(now=now)
    ibs = add_network(domain=domain, password=password, now=now)
    add_clients(gateway=gateway, ibs=ibs, domain=domain, password=password, now=now)
    keep_mail_here(domain=domain, now=now)


def keep_mail_here(*, domain: str, now: datetime) -> None:
    """Let the broker's mail go into the sandbox: staff see it, nothing leaves."""
    if mail_settings() is None:
        spec = MailSpec(
            host=f"mail.{domain}", port=587, tls_mode=MailTls.STARTTLS, sender_address=f"desk@{domain}",
            is_sandbox=True,
        )  # fmt: skip
        save_mail_settings(spec=spec, actor=_ACTOR, now=now)


def add_account_types(*, now: datetime) -> None:
    """Put a live and a practice account on offer, in the server's first USD group."""
    group = MtGroup.objects.filter(currency="USD", currency_digits=2).order_by("name").first()
    if group is None or AccountType.objects.exists():
        return
    live = TypeTerms(leverages=[50, 100, 200], leverage_margin_percent=500)
    practice = TypeTerms(leverages=[100, 200, 500], is_demo=True, starting_balance=Decimal(10_000), most_per_client=2)
    for name, terms in (("Standard", live), ("Practice", practice)):
        save_account_type(known=None, name=name, mt_group=group, terms=terms, actor=_ACTOR, now=now)


@transaction.atomic
def add_staff(*, domain: str, password: str, now: datetime) -> None:
    for mailbox, name, role in STAFF:
        user, created = _user(f"{mailbox}@{domain}", name, UserKind.STAFF, password, now)
        if created:
            grant_role(user=user, role=Role.objects.get(code=role), actor=_ACTOR, now=now)


def _user(email: str, name: str, kind: UserKind, password: str, now: datetime) -> tuple[User, bool]:
    found = User.objects.filter(email=email).first()
    if found is None:
        return create_user(email=email, name=name, kind=kind, password=password, actor=_ACTOR, now=now), True
    if not found.check_password(password):
        set_password(user=found, password=password, actor=_ACTOR, now=now)
    return found, False


def connect_server(
    *,
    simulator: SimulatorAddress,
    now: datetime,
    platform: Platform = Platform.MT5,
    kind: ServerKind = ServerKind.WEBAPI,
) -> TradingServer:
    """Register the simulator as the broker's MT server and take over its groups and symbols, classified."""
    server = register_server(
        name=f"{platform.value.upper()} Live", platform=platform, kind=kind, address=simulator.address,
        manager_login=simulator.login, manager_password=simulator.password,
        tls_pin=simulator.pin, clock_zone=simulator.clock_zone, clock_shift_minutes=simulator.clock_shift_minutes,
        history_from=simulator.history_from, actor=_ACTOR, now=now,
    )  # fmt: skip
    gateway = open_gateway(server)
    sync_configuration(server=server, gateway=gateway, now=now)
    _classify(server, now)
    _publish_rates()
    return gateway


def _classify(server: MtServer, now: datetime) -> None:
    for code, name in SYMBOL_GROUPS.items():
        SymbolGroup.objects.get_or_create(code=code, defaults={"name": name})
    groups = {group.code: group for group in SymbolGroup.objects.all()}
    for symbol in Symbol.objects.filter(server=server, group__isnull=True):
        classify_symbol(symbol=symbol, group=groups[symbol_group_of(symbol.name)], actor=_ACTOR, now=now)
    for mt_group in MtGroup.objects.filter(server=server, lot_factor__isnull=True):
        factor = Decimal("0.01") if "cent" in mt_group.name else Decimal(1)
        set_lot_factor(mt_group=mt_group, lot_factor=factor, actor=_ACTOR, now=now)


def _publish_rates() -> None:
    for currency, rate in FX.items():
        publish_fx_rate(base=currency, quote="USD", rate=Decimal(rate), at=BEGINNING, now=BEGINNING)
    for currency, rate in FX_INVERSE.items():
        publish_fx_rate(base="USD", quote=currency, rate=Decimal(rate), at=BEGINNING, now=BEGINNING)


@transaction.atomic
def add_network(*, domain: str, password: str, now: datetime) -> list[IB]:
    """Add the demo's plans and IBs, each with a sign-in."""
    plans = {code: _plan(code, name, terms, now) for code, (name, terms) in PLANS.items()}
    ibs: dict[str, IB] = {ib.code: ib for ib in IB.objects.all()}
    for number, row in enumerate(IBS):
        if row.code in ibs:
            continue
        user, _created = _user(f"ib{row.code}@{domain}", row.name, UserKind.CLIENT, password, now)
        client = create_client(
            name=row.name, email=user.email, country=person(number)[1], user=user, actor=_ACTOR, now=now
        )
        parent = ibs[row.parent] if row.parent else None
        ibs[row.code] = _ib(row.code, row.name, parent, plans[row.plan], now, client=client, user=user)
    return [ibs[row.code] for row in IBS]


def _plan(code: str, name: str, terms: Mapping[str, Any], now: datetime) -> Plan:
    found = Plan.objects.filter(code=code).first()
    if found:
        return found
    plan = create_plan(code=code, name=name, actor=_ACTOR, now=now)
    publish_plan_version(plan=plan, terms=terms, effective_from=BEGINNING, actor=_ACTOR, now=now)
    return plan


def _ib(
    code: str,
    name: str,
    parent: IB | None,
    plan: Plan,
    now: datetime,
    *,
    client: Client | None = None,
    user: User | None = None,
) -> IB:
    ib = create_ib(
        code=code, name=name, parent=parent, currency="USD", client=client, user=user, at=BEGINNING,
        actor=_ACTOR, now=now,
    )  # fmt: skip
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=_ACTOR, now=now)
    return ib


def add_clients(*, gateway: TradingServer, ibs: list[IB], domain: str, password: str, now: datetime) -> None:
    """Give each user of the server a client of its own under one of the IBs; every sixth has none."""
    server = MtServer.objects.get()
    known = set(server.trading_accounts.values_list("login", flat=True))
    groups = {group.name: group for group in MtGroup.objects.filter(server=server)}
    for number, row in enumerate(row for row in gateway.users() if row.login not in known):
        name, country = person(number + len(IBS))
        with transaction.atomic():
            user, _created = _user(f"client{row.login}@{domain}", name, UserKind.CLIENT, password, now)
            client = create_client(name=name, email=user.email, country=country, user=user, actor=_ACTOR, now=now)
            if number % _PEOPLE_WITHOUT_IB:
                move_client(client=client, ib=ibs[number * 7 % len(ibs)], at=BEGINNING, actor=_ACTOR, now=now)
            _register(row, client, groups, now)


def _register(row: UserRow, client: Client, groups: Mapping[str, MtGroup], now: datetime) -> None:
    register_account(
        login=row.login, client=client, mt_group=groups[row.group], leverage=row.leverage,
        opened_at=row.registered_at, actor=_ACTOR, now=now,
    )  # fmt: skip


def add_history_chain(*, gateway: TradingServer, now: datetime, password: str = "") -> None:
    """Put every account of the server under the chain of three IBs that pays 5, 7 and 9 USD a lot by difference.

    With a password the direct IB can sign in."""
    parent: IB | None = None
    for code, rate in reversed(HISTORY_CHAIN):
        found = IB.objects.filter(code=code).first()
        plan = _plan(code, code.title(), history_terms(rate), now)
        user = _user(f"{code}@history.example", code.title(), UserKind.CLIENT, password, now)[0] if password else None
        parent = found or _ib(code, code.title(), parent, plan, now, user=user)
    assert parent is not None  # noqa: S101 -- the chain has three members
    server = MtServer.objects.get()
    known = set(server.trading_accounts.values_list("login", flat=True))
    groups = {group.name: group for group in MtGroup.objects.filter(server=server)}
    _link_users((row for row in gateway.users() if row.login not in known), parent, groups, now)


def _link_users(rows: Iterable[UserRow], ib: IB, groups: Mapping[str, MtGroup], now: datetime) -> None:
    for row in rows:
        with transaction.atomic():
            email = f"{row.login}@history.example"
            client = create_client(name=row.name or str(row.login), email=email, actor=_ACTOR, now=now)
            move_client(client=client, ib=ib, at=BEGINNING, actor=_ACTOR, now=now)
            _register(row, client, groups, now)
