"""The doorbells: what beat and the doors ring. Thin: find what to do, one call each."""

import logging
import time
import traceback
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from access.services import expire_approvals, sweep_sign_in_attempts
from commissions.settlement.round import settle_round
from core import jobs
from crm.flows import account_flow, comparing_flow, deal_flow, level_flow, proof_flow, upload_flow
from crm.flows.alone import alone_at, the_only_walker
from ib.queries import verify_network
from ledger.verify import verify_ledger
from mt4bridge.enums import ServerKind
from mt4bridge.errors import BridgeError, RoundFailed
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.queries import servers_to_contact
from mt4bridge.services import note_contact, note_error
from mt4bridge.types import TradingServer
from tenancy.context import each_broker
from tenancy.tasks import BrokerTask, PlatformTask
from trading.errors import CursorBusy, CursorMoved
from trading.sync.enums import RunKind
from trading.sync.queries import servers_behind, unfinished_runs, was_read
from trading.sync.requests import begin_comparison

logger = logging.getLogger(__name__)

PROOF_SECONDS = 3 * 3600
FOLLOW_S = 0.8  # so long a task stays with a server that brings new deals; then others get their turn
PAUSE_S = 0.1
_EXPIRES_S = 5
HISTORY_QUEUE = "mt5"  # where a first read goes: servers that are up to date have the queue of walks for themselves
# Work that may be long goes step by step: a task does one, and rings for the next, so that others get their turn.
# It does so until the clock rings again: however often that is, one chain of rings is under way.
STEP_S = 2.0
SETTLEMENT_EVERY_S, JOBS_EVERY_S = 30.0, 10.0


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_walkers")
def wake_walkers(**_: Any) -> None:
    """Ring for every active MT server of every broker; servers in back-off are left alone.

    A server whose deals are far behind is walked by the workers of long reading."""
    now = timezone.now()
    for _broker in each_broker(reason="each broker's servers are walked every second"):
        behind = servers_behind(now=now, by=deal_flow.BACKFILL_FROM)
        for server_id in servers_to_contact(now=now):
            _ring_walk(server_id, behind)
            refresh_accounts.apply_async(kwargs={"server_id": server_id}, expires=_EXPIRES_S)


@shared_task(base=BrokerTask, name="crm.flows.tasks.walk_server")
def walk_server(*, server_id: int, **_: Any) -> None:
    """Walk one server for a second while it brings new deals, and then ring for the next: nobody waits for the clock.

    Whoever finds another walking gives way, so that one chain of rings follows a server's deals."""
    if _with_gateway(server_id, _follow):
        _ring_walk(server_id, servers_behind(now=timezone.now(), by=deal_flow.BACKFILL_FROM))


def _ring_walk(server_id: int, behind: Collection[int]) -> None:
    queue = {"queue": HISTORY_QUEUE} if server_id in behind else {}
    walk_server.apply_async(kwargs={"server_id": server_id}, expires=_EXPIRES_S, **queue)


@shared_task(base=BrokerTask, name="crm.flows.tasks.refresh_accounts")
def refresh_accounts(*, server_id: int, **_: Any) -> None:
    """Look at the accounts of one server whose state is oldest; deals do not wait for it."""
    server = MtServer.objects.get(pk=server_id)
    with alone_at(f"accounts:{server_id}") as alone:
        if alone:
            try:
                account_flow.refresh(server=server, gateway=open_gateway(server), now=timezone.now())
            except BridgeError:  # the walker meets the same trouble, and notes it
                logger.info("the accounts could not be read", extra={"server_id": server_id})


@shared_task(base=BrokerTask, name="crm.flows.tasks.sync_structure")
def sync_structure(*, server_id: int, **_: Any) -> None:
    """Read groups, symbols and accounts of one server when it is time to, and check its clock."""
    server = MtServer.objects.get(pk=server_id)
    try:
        account_flow.sync_when_due(server=server, gateway=open_gateway(server), now=timezone.now())
    except BridgeError as error:
        logger.info("the structure could not be read", extra={"server_id": server_id})
        if not was_read(server_id):  # later the walker meets the same trouble, and notes it
            note_error(server=server, error=error, now=timezone.now())


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_structure")
def wake_structure(**_: Any) -> None:
    """Ring for what changes seldom on every server, and for the comparisons that are under way."""
    now = timezone.now()
    for _broker in each_broker(reason="each broker's servers change their groups, symbols and accounts"):
        for server_id in servers_to_contact(now=now):
            sync_structure.apply_async(kwargs={"server_id": server_id}, expires=30)
            if unfinished_runs(server_id):
                compare_server.apply_async(kwargs={"server_id": server_id}, expires=30)


@shared_task(base=BrokerTask, name="crm.flows.tasks.compare_server")
def compare_server(*, server_id: int, **_: Any) -> None:
    """Do a piece of the comparisons of one server that are under way; deals do not wait for it."""
    server = MtServer.objects.get(pk=server_id)
    with alone_at(f"compare:{server_id}") as alone:
        if alone:
            try:
                comparing_flow.go_on(server=server, gateway=open_gateway(server), clock=timezone.now)
            except BridgeError:  # the next piece begins where this one broke off
                logger.info("a comparison broke off", extra={"server_id": server_id})
            except (CursorBusy, CursorMoved):
                logger.info("the walker was faster than a comparison", extra={"server_id": server_id})


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_rescans")
def wake_rescans(**_: Any) -> None:
    """Begin the nightly comparison of every server: the last days by count and sums, and the balances."""
    _begin(RunKind.NIGHTLY, RunKind.BALANCES)


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_months")
def wake_months(**_: Any) -> None:
    """Begin the monthly comparison of every server: its whole history by tickets."""
    _begin(RunKind.MONTHLY)


def _begin(*kinds: RunKind) -> None:
    now = timezone.now()
    for _broker in each_broker(reason="each broker's servers are compared with the store"):
        for server in MtServer.objects.filter(is_active=True).exclude(kind=ServerKind.FILES).order_by("pk"):
            for kind in kinds:
                begin_comparison(server=server, kind=kind, now=now)


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_proofs")
def wake_proofs(**_: Any) -> None:
    """Ring for the nightly proof of every broker, after the second look at its servers."""
    for _broker in each_broker(reason="each broker's judgements are proved every night"):
        prove.apply_async()


@shared_task(
    base=BrokerTask,
    name="crm.flows.tasks.prove",
    acks_late=False,  # it may last longer than a task stays invisible; one that breaks off is told on the overview
    time_limit=PROOF_SECONDS,
    soft_time_limit=PROOF_SECONDS - 60,
)
def prove(**_: Any) -> None:
    """Prove one broker and keep what was found; a difference is a line of the overview, and of the log."""
    run, _report = proof_flow.prove_broker(cause="night", now=timezone.now())
    if run.differences:
        logger.error("the proof found differences", extra={"run": run.pk, "differences": run.differences})


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_jobs")
def wake_jobs(**_: Any) -> None:
    """Ring for the due rows of every broker's job queue."""
    for _broker in each_broker(reason="each broker has a job queue"):
        run_jobs.apply_async(expires=60)


@shared_task(base=BrokerTask, name="crm.flows.tasks.run_jobs")
def run_jobs(*, until: float | None = None, **_: Any) -> None:
    """Run what is due in one broker's job queue, for some seconds; what is left gets its turn after others."""
    now = timezone.now()
    if jobs.run_due(now=now, seconds=STEP_S) and jobs.has_due(now=now):
        _ring_again(run_jobs, until=until, every_s=JOBS_EVERY_S)


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_levels")
def wake_levels(**_: Any) -> None:
    """Ring for the levels of every broker's IBs."""
    for _broker in each_broker(reason="each broker has ladders of its own"):
        walk_levels.apply_async(expires=600)


@shared_task(base=BrokerTask, name="crm.flows.tasks.walk_levels")
def walk_levels(**_: Any) -> None:
    """Evaluate what is over, apply what may apply by itself, measure what is running."""
    level_flow.walk(clock=timezone.now)


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_settlement")
def wake_settlement(**_: Any) -> None:
    """Ring for the settlement of every broker."""
    for _broker in each_broker(reason="each broker settles by its own agreements and zone"):
        settle.apply_async(expires=60)


@shared_task(base=BrokerTask, name="crm.flows.tasks.settle")
def settle(*, until: float | None = None, **_: Any) -> None:
    """Close what has ended in one broker, make its statements and pay what is approved, for some seconds at a time."""
    with alone_at("settle") as alone:
        if not alone or not settle_round(now=timezone.now(), seconds=STEP_S).is_done:
            _ring_again(settle, until=until, every_s=SETTLEMENT_EVERY_S, after_s=0 if alone else STEP_S)


@shared_task(base=PlatformTask, name="crm.flows.tasks.wake_upkeep")
def wake_upkeep(**_: Any) -> None:
    """Ring for the nightly upkeep of every broker."""
    for _broker in each_broker(reason="each broker is checked and swept every night"):
        upkeep.apply_async()


@shared_task(base=BrokerTask, name="crm.flows.tasks.upkeep")
def upkeep(**_: Any) -> None:
    """Close what nobody decided, sweep what nobody needs, and report what must not be.

    A finding is logged as an error: somebody has to look at it."""
    now = timezone.now()
    expire_approvals(now=now)
    sweep_sign_in_attempts(now=now)
    for finding in verify_network(now=now):
        logger.error("the network is not whole: %s", finding)
    for difference in verify_ledger():
        logger.error("the ledger does not add up: %s", difference)


def _ring_again(task: BrokerTask, *, until: float | None, every_s: float, after_s: float = 0) -> None:
    """Ring for the next step of the broker in force, unless the clock rings as soon; `until` is when it does."""
    ends = until or time.time() + every_s
    if time.time() + STEP_S < ends:
        task.apply_async(kwargs={"until": ends}, countdown=after_s, expires=every_s)


def _failed(error: Exception, reference: str) -> RoundFailed:
    """Return an unexpected failure for the health page: its kind and our line of code, never its text."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if str(settings.BASE_DIR) in frame.filename]
    frame = next((each for each in reversed(ours) if "site-packages" not in each.filename), None)
    place = f"{Path(frame.filename).relative_to(settings.BASE_DIR)}:{frame.lineno}" if frame else "?"
    return RoundFailed(kind=type(error).__name__, place=place, reference=reference)


def _follow(*, server: MtServer, gateway: TradingServer, **_: Any) -> bool:
    """Walk again and again while deals come in; return whether they still do.

    Others' servers get their turn after some tenths of a second."""
    if account_flow.introduce(server=server, gateway=gateway, now=timezone.now()):
        sync_structure.apply_async(kwargs={"server_id": server.pk}, expires=30)
    upload_flow.take_uploads(server=server, gateway=gateway, now=timezone.now())
    stop_at = time.monotonic() + FOLLOW_S
    while deal_flow.walk(server=server, gateway=gateway, now=timezone.now()).new:
        if time.monotonic() >= stop_at:
            return True
        time.sleep(PAUSE_S)
    return False


def _with_gateway(server_id: int, step: Callable[..., object]) -> bool:
    """Run the step on the server as its only walker and return its answer; False when it is not the only one or fails.

    What goes wrong on the wire is noted for the health page."""
    server = MtServer.objects.get(pk=server_id)
    with the_only_walker(server_id) as alone:
        if not alone:
            return False
        try:
            goes_on = step(server=server, gateway=open_gateway(server), now=timezone.now())
        except BridgeError as error:
            note_error(server=server, error=error, now=timezone.now())
        except (CursorBusy, CursorMoved):
            logger.info("another walker was faster", extra={"server_id": server_id})
        except Exception as error:  # whatever stops a round must be seen on the overview
            reference = uuid.uuid4().hex[:12]
            logger.exception("a round failed", extra={"server_id": server_id, "reference": reference})
            note_error(server=server, error=_failed(error, reference), now=timezone.now())
        else:
            note_contact(server=server, now=timezone.now())
            return bool(goes_on)
    return False
