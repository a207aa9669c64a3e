"""A server of this checkout's own: started once, found again by later runs."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from house.commands import last_lines
from house.identity import ProcessIdentity, identify, identity_from_json, is_alive
from house.ports import free_port
from house.records import read_json, write_json
from house.trouble import Trouble

POLL_S = 0.02
_started: list["subprocess.Popen[bytes]"] = []  # held, since Python warns of a child that is forgotten while it runs


def running_service(record: Path) -> ProcessIdentity | None:
    """Return the process that the record names, if it still is that process."""
    process = identity_from_json(read_json(record).get("process"))
    return process if process is not None and is_alive(process) else None


def remembered_port(record: Path) -> int:
    """Return the port used last time when it is still free, else a new one."""
    return free_port(prefer=read_json(record).get("port"))


def start_service(
    *,
    name: str,
    command: Sequence[str | Path],
    log: Path,
    record: Path,
    port: int,
    is_ready: Callable[[int], bool],
    within_s: float,
    user: int | None = None,
    group: int | None = None,
) -> None:
    """Start a server in its own session, wait until it is ready, and record it for later runs.

    :raises Trouble: it ended or did not get ready; carries the end of its log."""
    for earlier in _started:
        earlier.poll()  # a killed server of ours stays a zombie until asked, and PostgreSQL takes that for alive
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            cwd="/",
        )
    _started.append(child)
    process = identify(child.pid)
    known: dict[str, Any] = {"port": port}
    if process is not None:
        known["process"] = process.as_json()
    write_json(record, known)
    deadline = time.monotonic() + within_s
    while not is_ready(child.pid):
        if child.poll() is not None:
            raise Trouble(f"{name} did not start. It said:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise Trouble(f"{name} was not ready within {within_s:.0f} s. It said:\n{last_lines(log)}")
        time.sleep(POLL_S)
