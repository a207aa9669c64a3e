"""`./run demo`: all of Keel's processes with demo brokers, and the main job once without a browser."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from house.checkout import Checkout
from house.commands import run_in_foreground
from house.keel_processes import CLOCKWORK, Simulator, keel_processes
from house.ports import LOOPBACK, free_port, is_free
from house.prepare import prepared
from house.progress import say, step
from house.records import generated_secret, read_json, write_json
from house.supervisor import supervisor
from house.trouble import Trouble

FIRST_WEB_PORT = 8000
FILLED = "demo-filled"  # a stamp of the database, see house.database
DEMO_BROKERS = {"aurora": "1", "borealis": "2"}  # seeds: equal logins and tickets, different trades
LIVE_BOOK = ("--generate", "--live", "12")
FIXED_BOOK = ("--generate", "--until", "2026-06-01T00:00:00+00:00")
CONTROLLED_BOOK = ("--generate", "--accounts", "12", "--days", "2", "--control")


def demo(checkout: Checkout, *, port: int | None) -> int:
    """Run the demo until a signal ends it."""
    with _only_one(checkout, "demo"), prepared(checkout) as base, supervisor(checkout) as running:
        ports = _demo_ports(checkout, port)
        environment = base | _demo_environment(checkout, ports["web"])
        simulators = [
            _simulator(checkout, f"simulator-{broker}", ports[broker], [*LIVE_BOOK, "--seed", seed])
            for broker, seed in DEMO_BROKERS.items()
        ]
        available = keel_processes(checkout, environment, web_port=ports["web"], simulators=simulators)
        names = [simulator.name for simulator in simulators]
        filled = checkout.state / FILLED
        with step("Web server"):
            running.start([available["web"]])
        # The workers wait for the first data: a deal of an account that is about to be registered would be held.
        second = [*names, *CLOCKWORK] if filled.exists() else names
        with step("MT5 server simulators"):
            running.start([available[name] for name in second], wait_for=names)
        if _manage(checkout, environment, ["demo", "--simulator", *(str(s.ready_file) for s in simulators)]):
            raise Trouble("The demo data could not be made; the reason is above.")
        filled.touch()
        with step("Workers and clock"):
            running.start([available[name] for name in CLOCKWORK if name not in second])
            running.wait_until_ready()
        say(f"Keel runs on port {ports['web']}. Logs are in {checkout.logs}. Ctrl-C stops everything.")
        _manage(checkout, environment, ["demo_office"])  # waits for the first deals; what it lacks, it tells
        running.wait()
    return 0


def demo_once(checkout: Checkout, *, as_json: bool, histories: Sequence[str], port: int | None) -> int:
    """Run the main job once; `manage.py demo_once` waits for the workers, reads what came out, and prints it."""
    history = ["--history", *(_history_file(name) for name in histories)] if histories else []
    with _only_one(checkout, "once"), prepared(checkout) as base, supervisor(checkout) as running:
        web_port = _given_port(port) or free_port()
        served_port = free_port(avoid=[web_port])
        served = _simulator(checkout, "once", served_port, history or FIXED_BOOK)
        live = _simulator(checkout, "once-live", free_port(avoid=[web_port, served_port]), CONTROLLED_BOOK)
        environment = base | _demo_environment(checkout, web_port)
        available = keel_processes(checkout, environment, web_port=web_port, simulators=[served, live])
        with step("MT5 server simulators, web server, workers and clock"):
            running.start(list(available.values()))
        arguments = ["--simulator", str(served.ready_file), "--live-simulator", str(live.ready_file)]
        arguments += ["--web-port", str(web_port), *(["--json"] if as_json else []), *history]
        return _manage(checkout, environment, ["demo_once", *arguments])


def _manage(checkout: Checkout, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    command = [str(checkout.python), "manage.py", *arguments]
    return run_in_foreground(command, environment=environment, directory=checkout.root)


def _demo_environment(checkout: Checkout, web_port: int) -> dict[str, str]:
    """Return what the demo's processes need beside the services: passwords are made once for each checkout."""
    return {
        "KEEL_PORT": str(web_port),
        "KEEL_RELAY_NETWORKS": os.environ.get("KEEL_RELAY_NETWORKS", "127.0.0.0/8"),
        "KEEL_DEMO_PASSWORD": os.environ.get("KEEL_DEMO_PASSWORD") or generated_secret(checkout, "demo"),
        "KEEL_SIM_PASSWORD": generated_secret(checkout, "simulator"),
    }


def _simulator(checkout: Checkout, name: str, port: int, options: Sequence[str]) -> Simulator:
    """Describe a simulator whose certificate, and whose journal if it keeps one, lie in a directory of its own."""
    home = checkout.state / "simulators" / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = ("--state", str(home / "journal")) if "--live" in options else ()
    return Simulator(name, port, ready_file=home / "ready.json", options=(*options, *journal, "--cert-dir", str(home)))


def _history_file(name: str) -> str:
    path = Path(name).resolve()
    if not path.is_file():
        raise Trouble(f"There is no history file {name}.")
    return str(path)


def _given_port(port: int | None) -> int | None:
    if port is not None and not is_free(port):
        raise Trouble(f"Port {port} is taken. Leave --port out and a free one is found.")
    return port


def _demo_ports(checkout: Checkout, port: int | None) -> dict[str, int]:
    """Return the ports, the same as last time where they are free: addresses that people opened keep working."""
    record = checkout.state / "demo.json"
    last = read_json(record)
    web = _given_port(port) or free_port(prefer=last.get("web") or FIRST_WEB_PORT)
    ports = {"web": web}
    for broker in DEMO_BROKERS:
        ports[broker] = free_port(prefer=last.get(broker), avoid=ports.values())
    write_json(record, ports)
    return ports


@contextmanager
def _only_one(checkout: Checkout, name: str) -> Iterator[None]:
    """Refuse a second one at a time: both would use the same simulators' state."""
    with (checkout.state / f"{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            port = read_json(checkout.state / "demo.json").get("web")
            where = f" at http://{LOOPBACK}:{port}/" if name == "demo" else ""
            raise Trouble(f"This already runs in this checkout{where}. End that one first.") from None
        yield
