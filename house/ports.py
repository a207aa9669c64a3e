"""Free TCP ports on loopback, below the range from which the kernel hands out ports by itself."""

import random
import socket
from collections.abc import Collection

from house.trouble import Trouble

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20000, 32767  # Linux takes ephemeral ports from 32768 on, macOS from 49152
ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(*, prefer: int | None = None, avoid: Collection[int] = ()) -> int:
    """Return the preferred port when it is free, else a free one by chance.

    :raises Trouble: none of many was free."""
    if prefer is not None and prefer not in avoid and is_free(prefer):
        return prefer
    for _ in range(ATTEMPTS):
        port = random.randint(LOWEST, HIGHEST)
        if port not in avoid and is_free(port):
            return port
    raise Trouble(f"No free port was found between {LOWEST} and {HIGHEST}. Something holds most of them.")
