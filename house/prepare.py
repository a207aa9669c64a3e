"""Everything from nothing: what a command needs before its own work begins."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from house.checkout import Checkout
from house.commands import tool_environment
from house.database import ensure_database
from house.front_end import ensure_front_end
from house.progress import say
from house.python_env import ensure_packages
from house.services import services


@contextmanager
def prepared(
    checkout: Checkout, *, front_end: bool = True, database: bool = True, tests: bool = False
) -> Iterator[dict[str, str]]:
    """Have packages, servers, the front end and the database ready; yields the environment of Keel's processes.

    `tests` takes servers of their own, and adds the front-end packages that only tests need. Two runs at once prepare
    one after the other."""
    with _one_at_a_time(checkout):
        ensure_packages(checkout)
    with services(checkout.for_tests if tests else checkout) as addresses:
        environment = tool_environment(checkout) | {"DJANGO_SETTINGS_MODULE": "crm.settings"} | addresses
        with _one_at_a_time(checkout):
            if front_end:
                ensure_front_end(checkout, environment, with_test_packages=tests)
            if database:
                ensure_database(checkout, environment)
        yield environment


@contextmanager
def _one_at_a_time(checkout: Checkout) -> Iterator[None]:
    with (checkout.state / "prepare.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  Waiting for another ./run of this checkout, which is preparing the same …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
