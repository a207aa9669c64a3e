"""From a stored server to a live `TradingServer`, kept open between tasks of one process.

A session costs a TLS handshake and a sign-in, and servers count sessions per manager; so each process keeps one for
each server. Keyed by schema, so that equal ids of two brokers never meet, and by a digest of the settings, so that an
edited server gets a new session. A session idle for more than 100 s signs in again by itself."""

import hashlib
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from core.money import minor_digits
from mt4bridge.clock import ServerClock
from mt4bridge.enums import Platform, ServerKind
from mt4bridge.errors import UnsupportedServer
from mt4bridge.file_server import FileServer
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.mirror.database import MirrorDatabase, MirrorPlace
from mt4bridge.mirror.mt4 import Mt4Mirror
from mt4bridge.mirror.mt5 import Mt5Mirror
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from mt4bridge.webapi.adapter import WebApiServer
from mt4bridge.webapi.connection import Endpoint
from tenancy.context import current_broker


class Gateway(TradingServer, Protocol):
    """An adapter as it is kept here."""

    def drop(self) -> None:
        """Forget the connection without telling the server (after a fork)."""


_Key = tuple[str, int]
_pool: dict[_Key, tuple[str, Gateway]] = {}
_lock = threading.Lock()


def open_gateway(server: MtServer) -> TradingServer:
    """Return this process's gateway to a server of the broker in force; it connects when first used.

    :raises UnsupportedServer: no adapter for the server's kind."""
    key, digest = (current_broker().schema_name, server.pk), _digest(server)
    with _lock:
        kept = _pool.get(key)
        if kept is not None and kept[0] == digest:
            return kept[1]
        gateway = _gateway(server)
        _pool[key] = (digest, gateway)
    if kept is not None:
        kept[1].close()
    return gateway


def one_time_gateway(server: MtServer) -> TradingServer:
    """Return a gateway that nobody else gets; the caller closes it.

    :raises UnsupportedServer: no adapter for the server's kind."""
    return _gateway(server)


def close_gateways() -> None:
    """End all sessions of this process."""
    for gateway in _emptied():
        gateway.close()


def _gateway(server: MtServer) -> Gateway:
    build = _ADAPTERS.get(server.kind)
    if build is None:
        raise UnsupportedServer(kind=server.kind)
    return build(server)


def _web_api(server: MtServer) -> WebApiServer:
    return WebApiServer(
        Endpoint(server.address, server.tls_mode, server.tls_ca, server.tls_pin),
        login=server.manager_login,
        password=server.manager_password(),
        clock=ServerClock(server.clock_zone, server.clock_shift_minutes),
        group_mask=server.group_mask,
    )


def _http_bridge(server: MtServer) -> HttpBridgeServer:
    """The manager login is the key's id, the manager password its secret."""
    return HttpBridgeServer(
        Endpoint(server.address, server.tls_mode, server.tls_ca, server.tls_pin),
        key_id=str(server.manager_login),
        secret=server.manager_password(),
        clock=ServerClock(server.clock_zone, server.clock_shift_minutes),
        group_mask=server.group_mask,
    )


def _mirror(server: MtServer) -> Mt4Mirror | Mt5Mirror:
    options = server.options
    place = MirrorPlace(
        options["engine"], server.address, options["database"], options["user"], server.manager_password(),
        options.get("schema", ""), server.tls_mode, server.tls_ca,
    )  # fmt: skip
    common: dict[str, Any] = {
        "clock": ServerClock(server.clock_zone, server.clock_shift_minutes),
        "history_from": server.history_from,
        "group_mask": server.group_mask,
    }
    if server.platform == Platform.MT4:
        return Mt4Mirror(MirrorDatabase(place), currency_digits=minor_digits, **common)
    return Mt5Mirror(MirrorDatabase(place), **common)


_ADAPTERS: dict[str, Callable[[MtServer], Gateway]] = {
    ServerKind.WEBAPI.value: _web_api,
    ServerKind.HTTPBRIDGE.value: _http_bridge,
    ServerKind.MIRROR.value: _mirror,
    ServerKind.FILES.value: FileServer,
}


def _digest(server: MtServer) -> str:
    """Return what stands for all settings that a session depends on."""
    parts = (
        server.kind, server.address, server.manager_login, server.manager_password_sealed, server.group_mask,
        server.tls_mode, server.tls_ca, server.tls_pin, server.clock_zone, server.clock_shift_minutes,
        sorted(server.options.items()), server.platform, server.history_from,
    )  # fmt: skip
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def _emptied() -> list[Gateway]:
    with _lock:
        gateways = [gateway for _, gateway in _pool.values()]
        _pool.clear()
    return gateways


def _forget_after_fork() -> None:
    """Leave the parent's sessions to the parent: two processes on one TLS stream would corrupt it."""
    global _lock  # noqa: PLW0603 -- the parent may have held it
    _lock = threading.Lock()
    for gateway in _emptied():
        gateway.drop()


os.register_at_fork(after_in_child=_forget_after_fork)
