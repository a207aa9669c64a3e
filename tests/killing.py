"""Processes that are killed before one of their statements."""

import os
import signal
import time
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
    wait_until_its_session_ended()
    return os.WIFSIGNALED(status)


def wait_until_its_session_ended() -> None:
    """Wait until no other session of this database holds an advisory lock: the database notices after a moment that a
    process is gone, and whoever works alone gives way until then."""
    deadline = time.monotonic() + 60
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if not cursor.fetchone()[0]:
                return
        assert time.monotonic() < deadline, "the killed process still has a session"
        time.sleep(0.01)
