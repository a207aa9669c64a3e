"""A small broker with judged deals, what can be changed about it, and staff who may."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db import connection

from access.enums import UserKind
from access.queries import actor_for
from access.services import create_role, create_user, grant_role
from access.types import Actor
from commissions.models import IbDay, Payee
from commissions.services import judge_next_batch, rejudge_next_batch
from commissions.whatif.changes import (
    AssignPlan,
    Change,
    MoveClient,
    MoveIb,
    PublishRate,
    PublishVersion,
    SetAgreement,
    SetLotFactor,
)
from commissions.whatif.models import Correction, CorrectionLine
from core import jobs
from crm.scenarios.documents import Document
from crm.scenarios.player import play
from crm.scenarios.world import World
from tests.commissions.random_documents import START, _terms, random_document
from tests.commissions.random_tiers import LAST_HOUR, _tiers
from tests.reference.random_plays import _cpa, random_play

NOW = datetime.fromisoformat("2026-03-10T00:00:00+00:00")
LATER = datetime.fromisoformat("2026-06-01T00:00:00+00:00")
SYSTEM = Actor.system("test")
RIGHTS = (
    "commissions.edit_plan", "commissions.assign_plan", "ib.edit_agreement", "ib.move_ib", "trading.set_lot_factor",
    "trading.publish_rate", "trading.classify_symbol", "commissions.view_correction", "commissions.approve_correction",
)  # fmt: skip
Totals = dict[tuple[str, str, str], Decimal]  # {(payee, currency, month): amount}


def staff(name: str, rights: tuple[str, ...] = RIGHTS) -> Actor:
    """Return somebody who works at the broker and holds these rights."""
    user = create_user(email=f"{name}@example.com", name=name, kind=UserKind.STAFF, actor=SYSTEM, now=NOW)
    role = create_role(code=name, name=name, rights=list(rights), actor=SYSTEM, now=NOW)
    grant_role(user=user, role=role, actor=SYSTEM, now=NOW)
    return actor_for(user)


def random_world(random: Random, *, deals: int = 10) -> World:
    """Return a broker whose deals are all judged; its late lot factors have not arrived."""
    doc = random_document(random, deals=deals)
    doc["changes"] = [change for change in doc["changes"] if "mt_group" not in change]
    return play(Document("random", "", doc))


def world_with_everything(random: Random, *, deals: int = 14) -> World:
    """Return a broker with tiers, CPA, advances and deposits around a month's end, all judged by LATER."""
    doc = random_play(random, deals=deals)
    doc["settle"] = []
    doc["changes"] = [change for change in doc["changes"] if "mt_group" not in change]
    for rows in (doc["fx"], *doc["plans"].values()):
        for row in rows:
            row.pop("published_at", None)
    return play(Document("everything", "", doc))


def random_changes(random: Random, world: World, *, start: datetime = START) -> list[Change]:
    """Return one to three changes dated into the time of the deals; some may be refused by the services. From
    LAST_HOUR on plans have tiers and CPA."""
    return [random.choice(_MAKERS)(random, world, start) for _count in range(random.choice((1, 1, 2, 3)))]


def _moment(random: Random, start: datetime) -> datetime:
    return start + timedelta(minutes=random.randint(-30, 40))


def full_terms(random: Random) -> dict[str, Any]:
    """Return terms of a plan, most with tiers or CPA."""
    terms = _terms(random, False)
    if random.random() < 0.6:
        terms["tiers"] = _tiers(random)
    if random.random() < 0.5:
        terms["cpa"] = _cpa(random)
    return terms


def _version(random: Random, world: World, start: datetime) -> Change:
    plan = random.choice(list(world.plans.values()))
    terms = full_terms(random) if start == LAST_HOUR else _terms(random, False)
    return PublishVersion(plan.pk, terms, _moment(random, start))


def _assign(random: Random, world: World, start: datetime) -> Change:
    plan = random.choice([None, *world.plans.values()])
    return AssignPlan(_ib(random, world), plan.pk if plan else None, _moment(random, start))


def _agree(random: Random, world: World, start: datetime) -> Change:
    keep = random.choice((None, Decimal("40"), Decimal("12.5")))
    return SetAgreement(
        _ib(random, world), keep, random.choice((None, 1, 2)), random.random() < 0.7, _moment(random, start)
    )


def _move_ib(random: Random, world: World, start: datetime) -> Change:
    parent = random.choice([None, *world.ibs.values()])
    return MoveIb(_ib(random, world), parent.pk if parent else None, _moment(random, start))


def _move_client(random: Random, world: World, start: datetime) -> Change:
    account = random.choice(list(world.accounts.values()))
    ib = random.choice([None, *world.ibs.values()])
    return MoveClient(account.client_id, ib.pk if ib else None, _moment(random, start))


def _factor(random: Random, world: World, start: datetime) -> Change:
    return SetLotFactor(world.groups["new"].pk, random.choice((Decimal("1"), Decimal("0.1"))))


def _rate(random: Random, world: World, start: datetime) -> Change:
    base, quote, rate = random.choice((("EUR", "USD", "1.3"), ("USD", "JPY", "130")))
    return PublishRate(base, quote, Decimal(rate), _moment(random, start))


_MAKERS = (_version, _version, _assign, _agree, _move_ib, _move_client, _factor, _rate)


def _ib(random: Random, world: World) -> int:
    return int(random.choice(list(world.ibs.values())).pk)


def run_jobs(now: datetime = NOW) -> None:
    while jobs.run_due(now=now):
        pass


def drain(world: World, now: datetime = NOW) -> None:
    """Let the walker judge everything that waits."""
    while judge_next_batch(server_id=world.server.pk, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=world.server.pk, limit=100, now=now):
        pass


def stands() -> Totals:
    """Return what every payee has in the roll-up by month, zeros left out."""
    found: Totals = {}
    payees = {payee.pk: payee for payee in Payee.objects.all()}
    for payee_id, day, amount in IbDay.objects.values_list("payee_id", "day", "amount"):
        payee = payees[payee_id]
        key = (f"{payee.kind}:{payee.ib_id or payee.client_id}", payee.currency, f"{day:%Y-%m}")
        found[key] = found.get(key, Decimal(0)) + amount
    return {key: amount for key, amount in found.items() if amount}


def by_payee(totals: Totals) -> dict[tuple[str, str], Decimal]:
    """Return the totals of all months together, zeros left out."""
    found: dict[tuple[str, str], Decimal] = {}
    for (payee, currency, _month), amount in totals.items():
        found[payee, currency] = found.get((payee, currency), Decimal(0)) + amount
    return {key: amount for key, amount in found.items() if amount}


def previewed(correction: Correction) -> Totals:
    """Return the difference that a preview shows, with the keys of `stands`, zeros left out."""
    found: Totals = {}
    for line in CorrectionLine.objects.filter(correction=correction):
        kind = "ib" if line.ib_id else "client"
        key = (f"{kind}:{line.ib_id or line.client_id}", line.currency, f"{line.month:%Y-%m}")
        found[key] = found.get(key, Decimal(0)) + line.after - line.before
    return {key: amount for key, amount in found.items() if amount}


def difference(before: Totals, after: Totals) -> Totals:
    keys = before.keys() | after.keys()
    moved = {key: after.get(key, Decimal(0)) - before.get(key, Decimal(0)) for key in keys}
    return {key: amount for key, amount in moved.items() if amount}


def row_counts() -> dict[str, int]:
    """Return how many rows every table of the broker has."""
    counts = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            (counts[name],) = cursor.fetchone()
    return counts
