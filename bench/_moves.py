"""Moving a branch with thousands of clients: the service call with its commit, what it makes the walker judge again,
and whom it keeps waiting."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.urls import reverse

from bench._load import Loaded, say
from bench._network import ACTOR, IB_EMAIL, MOVED, MOVED_FROM, MOVED_TO, TOP
from bench._pages import look, quantile, sign_in
from crm.flows.deal_flow import judge_all
from ib.models import IB
from ib.queries.staff import below
from ib.services import move_ib
from tenancy.context import broker_context

ROUNDS = 10
BACKDATED_DAYS = 10
_SAMPLE_S = 0.002
# Sessions of this database that wait for a lock, and for which transaction.
_WAITING = """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


@dataclass(slots=True)
class Watch:
    """What others met meanwhile."""

    page_ms: list[float] = field(default_factory=list)
    walks_s: list[float] = field(default_factory=list)
    longest_wait_s: float = 0.0
    failures: list[str] = field(default_factory=list)


def measure_moves(loaded: Loaded, *, port: int) -> dict[str, Any]:
    """Move the branch there and back, first into the past, then now; return seconds and what others met."""
    branch = IB.objects.get(code=MOVED)
    inside = below(ib_id=branch.pk, at=loaded.end)
    result: dict[str, Any] = {"ibs": inside.ibs, "clients": inside.clients}
    result |= _backdated(loaded, branch)
    with _watched(loaded, port) as watch:
        seconds = [_move(branch, code, datetime.now(UTC)) for code in (MOVED_TO, MOVED_FROM) * (ROUNDS // 2)]
    if watch.failures:
        raise RuntimeError(watch.failures[0])
    seconds.sort()
    result |= {
        "p50_s": round(seconds[len(seconds) // 2], 3),
        "max_s": round(seconds[-1], 3),
        "page_meanwhile_p95_ms": quantile(sorted(watch.page_ms), 0.95),
        "walk_meanwhile_max_s": round(max(watch.walks_s), 3),
        "longest_lock_wait_s": round(watch.longest_wait_s, 3),
    }
    say(f"moving now: {result}")
    return result


def _move(branch: IB, code: str, at: datetime) -> float:
    """Return the seconds of one move, its commit included."""
    parent = IB.objects.get(code=code)
    began = time.perf_counter()
    move_ib(ib=branch, parent=parent, at=at, actor=ACTOR, now=datetime.now(UTC), reason="bench")
    return time.perf_counter() - began


def _backdated(loaded: Loaded, branch: IB) -> dict[str, Any]:
    """Move some days back, let the walker judge again, and undo both."""
    at = loaded.end - timedelta(days=BACKDATED_DAYS)
    judge_all(server_id=loaded.server_id, now=datetime.now(UTC))
    seconds, judged, judging_s = 0.0, 0, 0.0
    for code in (MOVED_TO, MOVED_FROM):
        seconds = max(seconds, _move(branch, code, at))
        began = time.perf_counter()
        judged += judge_all(server_id=loaded.server_id, now=datetime.now(UTC))
        judging_s += time.perf_counter() - began
    say(f"moving {BACKDATED_DAYS} days back: {seconds:.3f} s, {judged} judged again in {judging_s:.1f} s")
    return {
        "backdated_max_s": round(seconds, 3),
        "judged_again": judged,
        "judged_again_per_s": round(judged / judging_s) if judging_s else 0,
    }


@contextmanager
def _watched(loaded: Loaded, port: int) -> Iterator[Watch]:
    """Look at the page of the IB above, walk, and watch for sessions that wait, as long as the block runs."""
    watch, stop = Watch(), threading.Event()
    page = reverse("portal:network", args=[IB.objects.get(code=TOP).pk])
    person = sign_in(loaded, port, IB_EMAIL)

    def looking() -> None:
        watch.page_ms.append(look(person, page))

    def walking() -> None:
        began = time.perf_counter()
        judge_all(server_id=loaded.server_id, now=datetime.now(UTC))
        watch.walks_s.append(time.perf_counter() - began)
        time.sleep(0.05)

    waiting_since: dict[int, float] = {}

    def sampling() -> None:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            pids = {pid for (pid,) in cursor.fetchall()}
        now = time.perf_counter()
        for pid in pids:
            watch.longest_wait_s = max(watch.longest_wait_s, now - waiting_since.setdefault(pid, now))
        for pid in waiting_since.keys() - pids:
            del waiting_since[pid]
        time.sleep(_SAMPLE_S)

    threads = [
        threading.Thread(target=_repeat, args=(work, stop, loaded, watch)) for work in (looking, walking, sampling)
    ]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        yield watch
    finally:
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()


def _repeat(work: Any, stop: threading.Event, loaded: Loaded, watch: Watch) -> None:
    """Run the work over and over on a connection of its own."""
    try:
        with broker_context(loaded.broker):
            while not stop.is_set():
                work()
    except Exception as error:  # noqa: BLE001 -- told by the caller's thread
        watch.failures.append(f"{type(error).__name__}: {error}")
    finally:
        connection.close()
