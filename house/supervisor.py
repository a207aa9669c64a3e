"""Start processes, wait until they are ready, and stop all of them again, last started first."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from house.checkout import Checkout
from house.commands import last_lines
from house.identity import ProcessIdentity, end, identify, identity_from_json, is_alive
from house.progress import say
from house.records import read_json, write_json
from house.trouble import Interrupted, Trouble

POLL_S = 0.05
READY_WITHIN_S = 60
STOP_WITHIN_S = 10
ReadyCheck = Callable[[Path], bool]  # gets the path of the log, which holds this start's output only
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Process:
    """One program of Keel's: how to start it and how to see that it works."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: ReadyCheck
    removed_before_start: Path | None = None  # what an earlier start left and would look like readiness


@dataclass
class Running:
    """A started process and where its output goes."""

    process: Process
    child: subprocess.Popen[bytes]
    identity: ProcessIdentity | None
    log: Path
    is_ready: bool = False


@dataclass
class Supervisor:
    """Owns the processes it started; ends those and no others."""

    checkout: Checkout
    running: list[Running] = field(default_factory=list)

    def start(self, processes: Sequence[Process], *, wait_for: Collection[str] | None = None) -> None:
        """Start them all at once, then wait until each is ready, or only until those named in `wait_for` are.

        :raises Trouble: one ended or did not get ready; carries the end of its log."""
        for process in processes:
            self._spawn(process)
        self.wait_until_ready(wait_for)

    def wait_until_ready(self, names: Collection[str] | None = None) -> None:
        """Wait until the named processes, or all, are ready.

        :raises Trouble: one ended or did not get ready; carries the end of its log."""
        for running in self.running:
            if not running.is_ready and (names is None or running.process.name in names):
                self._wait_until_ready(running)
                running.is_ready = True

    def wait(self) -> None:
        """Block until a process ends by itself.

        :raises Trouble: always then: none of them is meant to end."""
        while True:
            for running in self.running:
                self._check_alive(running)
            time.sleep(POLL_S * 4)

    def stop(self) -> None:
        """Stop all, last started first: SIGTERM, some time, then kill -9 for it and its children."""
        for running in reversed(self.running):
            if running.identity is not None:
                end(running.identity, signals=(signal.SIGTERM,), within_s=STOP_WITHIN_S, group=True)
            running.child.wait()
        self.running.clear()
        self._record.unlink(missing_ok=True)

    def _spawn(self, process: Process) -> None:
        log = self.checkout.logs / f"{process.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        if process.removed_before_start is not None:
            process.removed_before_start.unlink(missing_ok=True)
        with log.open("wb") as output:
            child = subprocess.Popen(
                list(process.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(process.environment),
                cwd=self.checkout.root,
                start_new_session=True,
            )
        running = Running(process, child, identify(child.pid), log)
        self.running.append(running)
        self._remember()

    def _wait_until_ready(self, running: Running) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not running.process.is_ready(running.log):
            self._check_alive(running)
            if time.monotonic() > deadline:
                raise Trouble(
                    f"The process {running.process.name} was not ready within {READY_WITHIN_S} s. "
                    f"It said:\n{last_lines(running.log)}"
                )
            time.sleep(POLL_S)

    @staticmethod
    def _check_alive(running: Running) -> None:
        code = running.child.poll()
        if code is not None:
            raise Trouble(
                f"The process {running.process.name} ended by itself (code {code}). It said:\n{last_lines(running.log)}"
            )

    @property
    def _record(self) -> Path:
        return self.checkout.state / "supervisors" / f"{os.getpid()}.json"

    def _remember(self) -> None:
        self._record.parent.mkdir(exist_ok=True)
        ourselves = identify(os.getpid())
        write_json(
            self._record,
            {
                "supervisor": ourselves.as_json() if ourselves else None,
                "children": [r.identity.as_json() for r in self.running if r.identity is not None],
            },
        )


@contextmanager
def supervisor(checkout: Checkout) -> Iterator[Supervisor]:
    """Yield a supervisor whose processes are all stopped at the end of the block, whatever happens inside."""
    end_leftovers(checkout)
    ours = Supervisor(checkout)
    try:
        yield ours
    finally:
        ours.stop()


def end_leftovers(checkout: Checkout) -> None:
    """End processes whose supervisor was killed before it could stop them."""
    for record in sorted((checkout.state / "supervisors").glob("*.json")):
        known = read_json(record)
        owner = identity_from_json(known.get("supervisor"))
        if owner is not None and is_alive(owner):
            continue
        left = [process for found in known.get("children", []) if (process := identity_from_json(found))]
        alive = [process for process in left if is_alive(process)]
        if alive:
            say(f"  An earlier run was killed; ending the {len(alive)} processes it left.")
        for process in reversed(alive):
            end(process, signals=(signal.SIGTERM,), within_s=STOP_WITHIN_S, group=True)
        record.unlink(missing_ok=True)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn the signals that ask us to stop into `Interrupted`, so that `finally` blocks run."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:  # a second Ctrl-C must not tear a shutdown apart
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
