"""Progress for people, on standard error: standard output belongs to results."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(sentence: str) -> None:
    """Print one line of progress."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, then how long it took; on a terminal both in one line."""
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    if terminal:
        print(f"  {title} …", end="", file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        if terminal:
            print(file=sys.stderr, flush=True)
        raise
    done = f"  {title}: {time.monotonic() - started:.1f} s"
    print(f"\r\033[K{done}" if terminal else done, file=sys.stderr, flush=True)
