"""Queue work in the transaction that decided it; run what is due, once, with retries.

Design: the row is the truth, Celery rings the bell. A job runs in its own transaction together with
its row's change of state, so a crash repeats it and never half-does it."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core.enums import JobState
from core.models import Job

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
_HANDLERS: dict[str, Callable[..., None]] = {}


def handler(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the job `name`; it is called with `now` and the job's params."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if name in _HANDLERS and _HANDLERS[name] is not function:
            raise ValueError(f"job {name} is registered twice")
        _HANDLERS[name] = function
        return function

    return register


def enqueue(name: str, *, key: str, now: datetime, run_at: datetime | None = None, **params: Any) -> None:
    """Queue the job `name` once per key, in the caller's transaction.

    `params` are ids and short texts, never objects or secrets."""
    Job.objects.bulk_create(
        [Job(name=name, key=key, params=params, run_at=run_at or now, created_at=now)], ignore_conflicts=True
    )


def run_due(*, now: datetime, limit: int = 50, seconds: float | None = None) -> int:
    """Run up to `limit` due jobs of the current broker, none begun after so many seconds; return how many were tried.

    Several workers may run this at once: rows are taken with SKIP LOCKED."""
    tried, began = 0, time.monotonic()
    while tried < limit and _run_one(now=now):
        tried += 1
        if seconds is not None and time.monotonic() - began >= seconds:
            break
    return tried


def has_due(*, now: datetime) -> bool:
    """Return whether a job of the current broker is due, one that a worker runs right now included."""
    return Job.objects.filter(state=JobState.WAITING, run_at__lte=now).exists()


def _run_one(*, now: datetime) -> bool:
    with transaction.atomic():
        due = Job.objects.select_for_update(skip_locked=True, of=("self",))
        job = due.filter(state=JobState.WAITING, run_at__lte=now).order_by("run_at", "pk").first()
        if job is None:
            return False
        job.attempts += 1
        try:
            with transaction.atomic():
                _HANDLERS[job.name](now=now, **job.params)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the row keeps it and tries again
            _note_failure(job, error, now=now)
        else:
            job.state, job.finished_at, job.last_error = JobState.DONE, now, ""
        job.save(update_fields=["attempts", "state", "finished_at", "last_error", "run_at"])
    return True


def _note_failure(job: Job, error: Exception, *, now: datetime) -> None:
    logger.error("job failed", exc_info=error, extra={"job_id": job.pk, "job_name": job.name})
    job.last_error = f"{type(error).__name__}: {error}"[:1000]
    job.run_at = now + timedelta(seconds=5 * 2**job.attempts)
    if job.attempts >= MAX_ATTEMPTS:
        job.state = JobState.DEAD
