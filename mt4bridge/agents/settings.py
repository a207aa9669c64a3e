"""An agent's settings file (ini) and how an agent runs. Standard library only, but for a certificate it makes itself.

```ini
[bridge]
listen = 0.0.0.0:8443
# certificate and private key; made at the first start when the file is missing
certificate = C:\\keel\\bridge.pem
operations = C:\\keel\\operations.sqlite
key = 1001
# at least 24 characters; the environment variable KEEL_BRIDGE_SECRET wins
secret = …

# or [terminal], with path = …\\terminal64.exe when there is more than one
[mt5manager]
server = 198.51.100.7:443
login = 1000
# the environment variable KEEL_MT_PASSWORD wins
password = …
```"""

import argparse
import configparser
import hashlib
import logging
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mt4bridge.agents.app import App
from mt4bridge.agents.backend import Backend
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate
from mt4bridge.agents.operations import Operations
from mt4bridge.agents.server import BridgeServer

log = logging.getLogger("mt4bridge.agents")
SECRET_LENGTH = 24


class InvalidSettings(Exception):
    """The settings file cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    host: str
    port: int
    certificate: Path
    operations: Path
    key: str
    secret: str = field(repr=False)
    server: str
    login: int
    password: str = field(repr=False)
    path: str


def read_settings(file: Path, section: str, environment: Mapping[str, str]) -> Settings:
    """Read a settings file.

    :raises InvalidSettings: a value is missing or has no sense."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with file.open(encoding="utf-8") as lines:
            parser.read_file(lines)
        bridge, server = parser["bridge"], parser[section]
        host, _, port = bridge["listen"].rpartition(":")
        settings = Settings(
            host=host.strip("[]"),
            port=int(port),
            certificate=Path(bridge["certificate"]),
            operations=Path(bridge["operations"]),
            key=bridge["key"],
            secret=environment.get("KEEL_BRIDGE_SECRET") or bridge.get("secret") or "",
            server=server["server"],
            login=int(server["login"]),
            password=environment.get("KEEL_MT_PASSWORD") or server.get("password") or "",
            path=server.get("path", ""),
        )
    except (OSError, ValueError, configparser.Error) as error:
        raise InvalidSettings(f"{file}: {error}") from None
    except KeyError as error:
        raise InvalidSettings(f"{file}: {error.args[0]} is missing") from None
    if len(settings.secret) < SECRET_LENGTH:
        raise InvalidSettings(f"{file}: the secret must have {SECRET_LENGTH} characters or more")
    if not settings.password:
        raise InvalidSettings(f"{file}: the password is missing")
    return settings


def server_of(settings: Settings, backend: Backend, events: Events) -> tuple[BridgeServer, Operations]:
    """Return a server that listens but does not serve yet, and the memory of writes to close after it."""
    writes = Operations(settings.operations)
    app = App(backend, gate=Gate({settings.key: settings.secret}), writes=writes, events=events)
    return BridgeServer((settings.host, settings.port), app, _context(settings.certificate)), writes


def run(section: str, open_backend: Callable[[Settings, Events], Backend], arguments: list[str] | None = None) -> int:
    """Run an agent until it is told to stop. Ends 2 with one sentence when it cannot start."""
    parser = argparse.ArgumentParser(prog=f"python -m mt4bridge.agents.{section}")
    parser.add_argument("settings", type=Path, help="ini file")
    parser.add_argument("--log", type=Path, default=None, help="file; default: the console")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, filename=options.log, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings, events = read_settings(options.settings, section, os.environ), Events()
        server, writes = server_of(settings, open_backend(settings, events), events)
    except (InvalidSettings, OSError, ImportError, ValueError) as error:
        print(f"The agent cannot start: {error}", file=sys.stderr)
        return 2
    log.info("listening on %s:%s", settings.host, server.server_address[1])
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not stop.wait(1.0):  # on Windows a wait without an end would not see Ctrl-C
        pass
    server.shutdown()
    server.server_close()
    writes.close()
    return 0


def _context(file: Path) -> ssl.SSLContext:
    """Return the server's TLS settings and log the pin that Keel is to be given."""
    if not file.exists():
        _make_certificate(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file)
    text = file.read_text(encoding="ascii")
    start, end = text.index("-----BEGIN CERTIFICATE-----"), text.index("-----END CERTIFICATE-----")
    der = ssl.PEM_cert_to_DER_cert(text[start : end + len("-----END CERTIFICATE-----")])
    log.info("certificate pin (SHA-256): %s", hashlib.sha256(der).hexdigest())
    return context


def _make_certificate(file: Path) -> None:
    try:
        from mt4bridge.simulator.certificate import load_or_create  # noqa: PLC0415 -- optional dependency
    except ImportError:
        raise InvalidSettings(
            f"{file} is missing; make it with openssl, or install the package cryptography and start again"
        ) from None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(load_or_create(None).pem)
