"""Processes that are killed before one of their statements."""

import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

from mt4bridge.gateways import close_gateways
from tenancy.context import current_broker


def statements_of(work: Callable[[], object], dies_at: int | None = None) -> int:
    """Do the work; return how many statements it took. Before statement `dies_at` the process is killed."""
    count = 0

    def watch(execute: Callable[..., Any], *call: Any) -> Any:
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*call)

    with connection.execute_wrapper(watch):
        work()
    return count


def dies_in_a_child(work: Callable[[], object], *, enter: Callable[[], object] | None = None) -> bool:
    """Do the work in a child; return whether that was killed. `enter` puts database and broker in force in both
    processes, which must not share a connection; without it the broker stays the one in force."""
    if enter is None:
        broker = current_broker()

        def enter() -> None:
            connection.set_tenant(broker)

    connections.close_all()
    close_gateways()
    child = os.fork()
    if child == 0:
        enter()
        work()
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    enter()
    return os.WIFSIGNALED(status)
