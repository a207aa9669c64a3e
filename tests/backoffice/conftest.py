"""Staff who sign in at the back office, and a small broker to look at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client as Browser

from access.enums import UserKind
from access.models import User
from access.services import create_role, create_user, grant_role
from access.types import Actor
from clients.models import Client
from clients.services import create_client
from ib.models import IB
from ib.services import create_ib, move_client
from mt4bridge.models import MtServer
from tenancy.models import Broker
from tests.portal.conftest import PASSWORD, BrokersBrowser
from trading.accounts import register_account
from trading.models import MtGroup, TradingAccount

SYSTEM = Actor.system("test")
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
ALL_RIGHTS = (
    "backoffice.view_overview", "trading.view_trading_account", "trading.view_held_deal", "trading.release_held_deal",
    "trading.view_symbol", "trading.classify_symbol", "trading.add_symbol", "trading.set_lot_factor",
    "clients.view_client", "ib.view_ib", "ib.move_ib", "commissions.view_plan", "commissions.edit_plan",
    "commissions.assign_plan", "ledger.view_entry", "access.view_audit",
    "commissions.view_rebate", "ib.edit_agreement", "commissions.view_acceptance",
)  # fmt: skip


@pytest.fixture
def new_staff(broker: Broker) -> Callable[..., User]:
    """Return a maker of staff with just these rights."""

    def make(name: str = "Dana Kim", *, rights: tuple[str, ...] = ALL_RIGHTS) -> User:
        mailbox = name.lower().replace(" ", ".")
        user = create_user(
            email=f"{mailbox}@aurora.example",
            name=name,
            kind=UserKind.STAFF,
            password=PASSWORD,
            actor=SYSTEM,
            now=OPENED,
        )
        role = create_role(code=mailbox.replace(".", "-"), name=name, rights=rights, actor=SYSTEM, now=OPENED)
        grant_role(user=user, role=role, actor=SYSTEM, now=OPENED)
        return user

    return make


@pytest.fixture
def as_staff(broker: Broker) -> Callable[[User], Browser]:
    """Return a maker of signed-in browsers."""

    def sign_in(user: User) -> Browser:
        browser = BrokersBrowser(broker)
        browser.force_login(user, backend="access.backends.SessionBackend")
        return browser

    return sign_in


@pytest.fixture
def office(new_staff: Callable[..., User], as_staff: Callable[[User], Browser]) -> Browser:
    """Return the browser of somebody with every right of the back office."""
    return as_staff(new_staff())


@dataclass(frozen=True)
class Network:
    """Grace stands at the top, Omar under her, Elena beside her; Maria is Omar's client and has one account."""

    grace: IB
    omar: IB
    elena: IB
    maria: Client
    account: TradingAccount


def make_ib(code: str, name: str, parent: IB | None = None) -> IB:
    return create_ib(code=code, name=name, currency="USD", parent=parent, at=OPENED, actor=SYSTEM, now=OPENED)


def make_client(name: str = "Maria Lopez", *, ib: IB | None = None) -> Client:
    email = f"{name.lower().replace(' ', '.')}@example.com"
    client = create_client(name=name, email=email, country="ES", actor=SYSTEM, now=OPENED)
    if ib:
        move_client(client=client, ib=ib, at=OPENED, actor=SYSTEM, now=OPENED)
    return client


@pytest.fixture
def server(broker: Broker) -> MtServer:
    return MtServer.objects.create(
        name="Aurora-Live", address="mt.aurora.example:443", manager_login=1, history_from=OPENED
    )


@pytest.fixture
def mt_group(server: MtServer) -> MtGroup:
    return MtGroup.objects.create(server=server, name="real\\standard", currency="USD", lot_factor=Decimal(1))


def make_account(client: Client, group: MtGroup, login: int) -> TradingAccount:
    return register_account(
        login=login, client=client, mt_group=group, leverage=200, opened_at=OPENED, actor=SYSTEM, now=OPENED
    )


@pytest.fixture
def network(mt_group: MtGroup) -> Network:
    grace = make_ib("7013", "Grace Tan")
    omar = make_ib("7230", "Omar Farouk", grace)
    elena = make_ib("7020", "Elena Popescu")
    maria = make_client(ib=omar)
    return Network(grace, omar, elena, maria, make_account(maria, mt_group, 50101))
