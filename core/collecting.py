"""Python's collector of cycles, kept out of work that makes millions of objects and no cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Let counted references alone free what is made inside.

    The collector looks at every object of the process each time their number has grown by a quarter: beside a network
    of 20,000 IBs in memory that costs more than the work itself."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
