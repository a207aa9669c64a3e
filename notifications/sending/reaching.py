"""Connect to a server that a broker's staff named: only where the operator lets mail and SMS go.

Staff of one broker must not look around in the network behind this installation (KEEL_RELAY_NETWORKS)."""

import ipaddress
import socket
import ssl
from collections.abc import Sequence

from django.conf import settings

from notifications.errors import ServerTrouble

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def connect(host: str, port: int, *, timeout: int) -> socket.socket:
    """Return a connection to the first address of the host that answers; each is tried so many seconds.

    :raises ServerTrouble: the name is not known, all its addresses are off limits, or none answers."""
    allowed = [each for each in _addresses(host, port) if _may_reach(each)]
    if not allowed:
        raise ServerTrouble("forbidden_host")
    last: OSError | None = None
    for address in allowed:
        try:
            return socket.create_connection((str(address), port), timeout=timeout)
        except OSError as error:
            last = error
    raise ServerTrouble("timeout" if isinstance(last, TimeoutError) else "unreachable")


def tls_context(ca: str) -> ssl.SSLContext:
    """Return what checks the server's certificate: against these authorities (PEM), or else the system's."""
    try:
        return ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise ServerTrouble("bad_certificate") from error


def _addresses(host: str, port: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ServerTrouble("unknown_host") from error
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def _may_reach(address: Address) -> bool:
    plain = getattr(address, "ipv4_mapped", None) or address
    if any(plain in ipaddress.ip_network(network) for network in settings.KEEL_RELAY_NETWORKS):
        return True
    return bool(plain.is_global and not plain.is_multicast)
