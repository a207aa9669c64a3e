"""Keel's own processes: the command, the environment and the sign of readiness of each. docs/structure.md tells more.

docker-compose.yml starts the same programs; tests/house/test_compose.py keeps both equal.
"""

import http.client
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from house.checkout import Checkout, find_checkout
from house.commands import tool_environment
from house.ports import LOOPBACK
from house.supervisor import Process, ReadyCheck, Supervisor, supervisor

WEB_WORKERS, WEB_THREADS = 2, 4
WALKER_PROCESSES, WORKER_PROCESSES = 2, 2
# Live deals have workers of their own, which never do anything long; docs/structure.md says what goes where.
WALKER_QUEUES = ("walk",)
WORKER_QUEUES = ("default", "mt5")
CLOCKWORK = ("walker", "worker", "beat")  # what works without being asked


@dataclass(frozen=True)
class Simulator:
    """What an MT5 server simulator is started with. Once it listens it writes address and logins to `ready_file`."""

    name: str
    port: int
    ready_file: Path
    options: tuple[str, ...] = ()


def web_command(*, bind: str) -> list[str]:
    """Return the command of the web server. The application is loaded once, before the fork: half the start-up time."""
    sizes = ["--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)]
    return ["gunicorn", "crm.wsgi", "--bind", bind, *sizes, "--preload", "--access-logfile", "-", "--no-control-socket"]


def walker_command() -> list[str]:
    """Return the command of the Celery worker that walks servers which are up to date, and does nothing else."""
    return _celery_worker(WALKER_QUEUES, WALKER_PROCESSES)


def worker_command() -> list[str]:
    """Return the command of the Celery worker for all the rest."""
    return _celery_worker(WORKER_QUEUES, WORKER_PROCESSES)


def _celery_worker(queues: Sequence[str], size: int) -> list[str]:
    """Return the command of a Celery worker: prefork, since a broker must not be shared by threads."""
    options = ["--queues", ",".join(queues), "--concurrency", str(size), "--loglevel", "INFO"]
    return ["celery", "-A", "crm", "worker", *options]


def beat_command(*, schedule: str) -> list[str]:
    """Return the command of the one clock that wakes the workers."""
    return ["celery", "-A", "crm", "beat", "--schedule", schedule, "--loglevel", "INFO"]


def simulator_command(*, port: int, options: Sequence[str] = ()) -> list[str]:
    """Return the command of the MT5 server simulator."""
    return ["python", "-m", "mt4bridge.simulator", "--port", str(port), *options]


def keel_processes(
    checkout: Checkout, environment: Mapping[str, str], *, web_port: int, simulators: Sequence[Simulator] = ()
) -> dict[str, Process]:
    """Return all of Keel's processes by name: the simulators (by their own names), web, walker, worker, beat."""

    def process(name: str, command: list[str], is_ready: ReadyCheck) -> Process:
        return Process(name, [str(checkout.program(command[0])), *command[1:]], environment, is_ready)

    schedule = checkout.state / f"beat-schedule-{web_port}"
    walker = [*walker_command(), "--hostname", f"keel-walk-{web_port}@%h"]
    worker = [*worker_command(), "--hostname", f"keel-{web_port}@%h"]
    found = [
        process("web", web_command(bind=f"{LOOPBACK}:{web_port}"), _web_answers(web_port)),
        process("walker", walker, _log_says(" ready.")),
        process("worker", worker, _log_says(" ready.")),
        process("beat", beat_command(schedule=str(schedule)), _log_says("beat: Starting...")),
    ]
    listening = [_simulator_process(checkout, environment, simulator) for simulator in simulators]
    return {process.name: process for process in (*listening, *found)}


@contextmanager
def processes(
    names: Sequence[str], environment: Mapping[str, str], *, web_port: int, simulators: Sequence[Simulator] = ()
) -> Iterator[Supervisor]:
    """Run the named processes of this checkout inside the block, ready from its first line on, stopped at its end.

    `environment` is added to the caller's own; PostgreSQL and Valkey must be up. More can be started inside by
    `supervisor.start([keel_processes(…)["beat"]])`.
    :raises Trouble: one does not start."""
    checkout = find_checkout()
    available = keel_processes(
        checkout, tool_environment(checkout) | dict(environment), web_port=web_port, simulators=simulators
    )
    with supervisor(checkout) as running:
        running.start([available[name] for name in names])
        yield running


def _simulator_process(checkout: Checkout, environment: Mapping[str, str], simulator: Simulator) -> Process:
    options = [*simulator.options, "--ready-file", str(simulator.ready_file)]
    program, *arguments = simulator_command(port=simulator.port, options=options)
    return Process(
        name=simulator.name,
        command=[str(checkout.program(program)), *arguments],
        environment=environment,
        is_ready=lambda _log: simulator.ready_file.exists(),
        removed_before_start=simulator.ready_file,
    )


def _web_answers(port: int) -> ReadyCheck:
    """Ready once a worker of the web server answers a request, with whatever status."""

    def is_ready(_log: Path) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
        try:
            connection.request("GET", "/", headers={"Host": LOOPBACK})
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()

    return is_ready


def _log_says(words: str) -> ReadyCheck:
    return lambda log: words.encode() in log.read_bytes()
