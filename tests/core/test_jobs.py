"""The job queue of record: once per key, at its moment, with retries that end."""

from datetime import datetime, timedelta

import pytest

from core import jobs
from core.enums import JobState
from core.models import Job
from tenancy.models import Broker

pytestmark = pytest.mark.unit


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Register two jobs for the test: one notes its number, one always fails after writing."""
    numbers: list[int] = []
    monkeypatch.setattr(jobs, "_HANDLERS", {})

    @jobs.handler("test.note")
    def note(*, now: datetime, number: int) -> None:
        numbers.append(number)

    @jobs.handler("test.fail")
    def fail(*, now: datetime) -> None:
        Job.objects.create(name="half", key="half", run_at=now, created_at=now)
        raise LookupError("nobody there")

    return numbers


def test_a_job_runs_once_per_key(broker: Broker, done: list[int], now: datetime) -> None:
    jobs.enqueue("test.note", key="a", now=now, number=1)
    jobs.enqueue("test.note", key="a", now=now, number=2)

    tried = [jobs.run_due(now=now), jobs.run_due(now=now)]

    assert (tried, done) == ([1, 0], [1])
    assert list(Job.objects.values_list("state", "attempts", "finished_at")) == [(JobState.DONE, 1, now)]


def test_a_job_waits_for_its_moment(broker: Broker, done: list[int], now: datetime) -> None:
    jobs.enqueue("test.note", key="a", now=now, run_at=now + timedelta(hours=1), number=1)

    early, late = jobs.run_due(now=now), jobs.run_due(now=now + timedelta(hours=1))

    assert (early, late, done) == (0, 1, [1])


def test_a_failing_job_leaves_nothing_half_done_tries_again_and_is_given_up(
    broker: Broker, done: list[int], now: datetime
) -> None:
    jobs.enqueue("test.fail", key="a", now=now)

    first = jobs.run_due(now=now)
    at_once_again = jobs.run_due(now=now)
    for day in range(1, 10):
        jobs.run_due(now=now + timedelta(days=day))

    job = Job.objects.get()
    assert (first, at_once_again) == (1, 0)
    assert (job.state, job.attempts, job.last_error) == (JobState.DEAD, 8, "LookupError: nobody there")


def test_a_name_is_registered_once(done: list[int]) -> None:
    with pytest.raises(ValueError, match="registered twice"):

        @jobs.handler("test.note")
        def another(*, now: datetime) -> None:
            """Never runs."""


def test_a_run_begins_no_job_after_its_seconds(broker: Broker, done: list[int], now: datetime) -> None:
    for number in range(3):
        jobs.enqueue("test.note", key=str(number), now=now, number=number)

    first, left = jobs.run_due(now=now, seconds=0), jobs.has_due(now=now)
    rest = jobs.run_due(now=now, seconds=60)

    assert (first, left, rest, jobs.has_due(now=now), done) == (1, True, 2, False, [0, 1, 2])
