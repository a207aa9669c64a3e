"""Which process a number means: a pid alone may belong to somebody else by now."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_S = 0.02


@dataclass(frozen=True)
class ProcessIdentity:
    """A pid together with when that process began, in the system's own words."""

    pid: int
    began: str

    def as_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "began": self.began}


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a living process, None when there is none (a zombie counts as gone)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()  # the name before may hold spaces and brackets
        except OSError:
            return None
        state, began = fields[0], fields[19]
        return None if state in {"Z", "X"} else ProcessIdentity(pid, began)
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return ProcessIdentity(pid, answer[1].strip()) if len(answer) == 2 and answer[0][0] != "Z" else None


def identity_from_json(found: Any) -> ProcessIdentity | None:
    """Read what `as_json` wrote; None for anything else."""
    if not isinstance(found, dict) or not isinstance(found.get("pid"), int) or "began" not in found:
        return None
    return ProcessIdentity(found["pid"], str(found["began"]))


def is_alive(process: ProcessIdentity) -> bool:
    """Say whether exactly this process still runs."""
    return identify(process.pid) == process


def wait_until_gone(process: ProcessIdentity, *, within_s: float) -> bool:
    """Wait for the process to end. False when it still runs after that time."""
    deadline = time.monotonic() + within_s
    while is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def end(process: ProcessIdentity, *, signals: tuple[signal.Signals, ...], within_s: float, group: bool) -> None:
    """End a process by one signal after the other, giving it `within_s` after each, then kill -9.

    With `group` the last kill goes to its process group: workers that outlived their master go with it."""
    for number in signals:
        if not is_alive(process):
            break
        _signal(process.pid, number)
        if wait_until_gone(process, within_s=within_s):
            break
    if is_alive(process):
        _signal(process.pid, signal.SIGKILL)
    if group:
        _signal_group(process.pid, signal.SIGKILL)
    wait_until_gone(process, within_s=within_s)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
