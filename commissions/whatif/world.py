"""The state of the world that a preview saw, and whether it has moved since in a way that touches the preview."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _

from commissions.currencies import JOB as REPRICE_JOB
from commissions.enums import BatchKind
from commissions.judging.plans import plan_version
from commissions.judging.queueing import Touched
from commissions.models import EngineCursor, JudgeBatch, Rejudge
from commissions.whatif.affected import EVERY_ID, touched_by
from commissions.whatif.changes import Change
from core.enums import JobState
from core.errors import DomainError
from core.models import Job
from ib.queries import network_version
from ib.services.state import lock_network
from trading.models import DealCursor, FxRate, MtGroup, Symbol

_QUEUEING = ("commissions.queue_symbol_deals", REPRICE_JOB)


class EngineBusy(DomainError):
    """Earlier changes are still being judged: what stands now is about to move."""

    code = "engine_busy"
    message = _("Earlier changes are still being judged. The preview starts when that is done.")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one MT server's deals were when the preview began. Deals that trade on later are not part of it."""

    server_id: int
    judged_id: int
    high_at: str  # latest deal time judged, ISO 8601; empty: none


@dataclass(frozen=True, slots=True)
class World:
    """Versions, digests and edges. Equal worlds give equal previews."""

    network: int
    plans: int
    groups: str  # digest of what a lot of each MT group counts
    symbols: str  # digest of the symbols' groups
    last_group: int
    last_symbol: int
    last_rate: int
    last_batch: int
    servers: tuple[Seen, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON stores it."""
        return asdict(self)

    @property
    def judged(self) -> dict[int, int]:
        """Return {server id: deals up to this id belong to the preview}."""
        return {seen.server_id: seen.judged_id for seen in self.servers}


def world_from_plain(plain: dict[str, Any]) -> World:
    """Return the world that `to_plain` wrote."""
    servers = tuple(Seen(**seen) for seen in plain["servers"])
    return World(**{**plain, "servers": servers})


def read_world() -> World:
    """Return the world as it is.

    :raises EngineBusy: judged deals are about to be judged again."""
    _refuse_busy()
    last_group = MtGroup.objects.aggregate(last=Max("pk"))["last"] or 0
    last_symbol = Symbol.objects.aggregate(last=Max("pk"))["last"] or 0
    cursors = DealCursor.objects.order_by("pk").values_list("server_id", "judged_id", "judged_high_at")
    return World(
        network=network_version(),
        plans=plan_version(),
        groups=_digest(_factors(last_group)),
        symbols=_digest(_symbol_groups(last_symbol)),
        last_group=last_group,
        last_symbol=last_symbol,
        last_rate=FxRate.objects.aggregate(last=Max("pk"))["last"] or 0,
        last_batch=JudgeBatch.objects.aggregate(last=Max("pk"))["last"] or 0,
        servers=tuple(Seen(pk, judged_id, high.isoformat() if high else "") for pk, judged_id, high in cursors),
    )


def hold_world() -> None:
    """Keep other changes of network and plans waiting until the caller's transaction ends; judging does not wait."""
    lock_network()
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM commissions_planstate WHERE id = 1 FOR UPDATE")


def has_moved(seen: World, changes: Sequence[Change], *, waits: Sequence[str]) -> bool:
    """Whether anything has changed that the preview of these changes depends on.

    Deals that were simply made since do not count: they are judged by whatever is in force, like any later deal.
    Edited, deleted and late deals count when the changes touch them. `waits`: currencies whose rate deals lacked."""
    return (
        (seen.network, seen.plans) != (network_version(), plan_version())
        or seen.groups != _digest(_factors(seen.last_group))
        or seen.symbols != _digest(_symbol_groups(seen.last_symbol))
        or JudgeBatch.objects.filter(pk__gt=seen.last_batch, kind=BatchKind.AGAIN, judged__gt=0).exists()
        or _rate_arrived(seen, waits)
        or any(_deals_moved(server, changes) for server in seen.servers)
    )


def _refuse_busy() -> None:
    behind = EngineCursor.objects.exclude(network_version=network_version(), plan_version=plan_version())
    queueing = Job.objects.filter(name__in=_QUEUEING, state=JobState.WAITING)
    if behind.exists() or Rejudge.objects.filter(is_ready=True).exists() or queueing.exists():
        raise EngineBusy


def _rate_arrived(seen: World, waits: Sequence[str]) -> bool:
    if not waits:
        return False
    pairs = Q(base="USD", quote__in=list(waits)) | Q(quote="USD", base__in=list(waits))
    highs = [datetime.fromisoformat(server.high_at) for server in seen.servers if server.high_at]
    return bool(highs) and FxRate.objects.filter(pairs, pk__gt=seen.last_rate, at__lte=max(highs)).exists()


# Deals recorded since: revisions of older ones, and those that are earlier than what was judged.
_NEWS = """SELECT r.id FROM trading_deal d
    JOIN trading_deal r ON r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0
    WHERE d.server_id = %(server)s AND d.id > %(judged)s AND (d.revision > 0 OR d.deal_at < %(high)s)"""


def _deals_moved(server: Seen, changes: Sequence[Change]) -> bool:
    """Whether a deal that the changes touch was edited, deleted or came late; or depends on one by its position."""
    if not server.high_at:
        return False
    params: dict[str, int | str] = {
        "server": server.server_id,
        "judged": server.judged_id,
        "high": server.high_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, params)
        news = [root for (root,) in cursor.fetchall()]
    if not news:
        return False
    return any(
        _shares_account(touched, news)
        for touched in touched_by(changes, server_id=server.server_id, judged_id=EVERY_ID)
    )


def _shares_account(touched: Touched, news: list[int]) -> bool:
    """Whether a touched deal is of a trading account that has news: a position's deals depend on each other."""
    statement = f"""SELECT EXISTS (SELECT 1 FROM ({touched.statement}) t JOIN trading_deal d ON d.id = t.id
        WHERE d.account_id IN (SELECT n.account_id FROM trading_deal n WHERE n.id = ANY(%(news)s)))"""  # noqa: S608 -- own text
    with connection.cursor() as cursor:
        cursor.execute(statement, {**touched.params, "news": news})
        (there,) = cursor.fetchone()
    return bool(there)


def _factors(last: int) -> list[tuple[Any, ...]]:
    return list(MtGroup.objects.filter(pk__lte=last).order_by("pk").values_list("pk", "lot_factor"))


def _symbol_groups(last: int) -> list[tuple[Any, ...]]:
    return list(Symbol.objects.filter(pk__lte=last).order_by("pk").values_list("pk", "group_id"))


def _digest(rows: list[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:32]
