"""`./run demo`: all of Keel's processes with demo brokers, and the main job once without a browser."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from house.checkout import Checkout
from house.commands import run_in_foreground
from house.keel_processes import Simulator, keel_processes
from house.ports import LOOPBACK, free_port, is_free
from house.prepare import prepared
from house.progress import say, step
from house.records import generated_secret, read_json, write_json
from house.supervisor import supervisor
from house.trouble import Trouble

FIRST_WEB_PORT = 8000
DEMO_BROKERS = ("aurora", "borealis")
LIVE = ("--live",)
CONTROLLED = ("--control",)


def demo(checkout: Checkout, *, port: int | None) -> int:
    """Run the demo until a signal ends it."""
    with _only_demo(checkout), prepared(checkout) as environment, supervisor(checkout) as running:
        ports = _demo_ports(checkout, port)
        environment |= _demo_environment(checkout, ports["web"])
        simulators = [_simulator(checkout, f"simulator-{broker}", ports[broker], LIVE) for broker in DEMO_BROKERS]
        available = keel_processes(checkout, environment, web_port=ports["web"], simulators=simulators)
        with step("MT5 server simulators and web server"):
            running.start([available[name] for name in (*(s.name for s in simulators), "web")])
        ready_files = [str(s.ready_file) for s in simulators]
        if _manage(checkout, environment, ["demo", "--simulator", *ready_files]):
            raise Trouble("The demo data could not be made; the reason is above.")
        with step("Worker and clock"):
            running.start([available["worker"], available["beat"]])
        say(f"Keel runs on port {ports['web']}. Logs are in {checkout.logs}. Ctrl-C stops everything.")
        running.wait()
    return 0


def demo_once(checkout: Checkout, *, as_json: bool, histories: Sequence[str], port: int | None) -> int:
    """Run the main job once; `manage.py demo_once` waits for the workers, reads what came out, and prints it."""
    history = ["--history", *(_history_file(name) for name in histories)] if histories else []
    with prepared(checkout) as environment, supervisor(checkout) as running:
        web_port = _given_port(port) or free_port()
        served = _simulator(checkout, f"simulator-{web_port}", free_port(avoid=[web_port]), history)
        live = _simulator(checkout, f"simulator-live-{web_port}", free_port(avoid=[web_port, served.port]), CONTROLLED)
        environment |= _demo_environment(checkout, web_port)
        available = keel_processes(checkout, environment, web_port=web_port, simulators=[served, live])
        with step("MT5 server simulators, web server, worker and clock"):
            running.start(list(available.values()))
        arguments = ["--simulator", str(served.ready_file), "--live-simulator", str(live.ready_file)]
        arguments += ["--web-port", str(web_port), *(["--json"] if as_json else []), *history]
        return _manage(checkout, environment, ["demo_once", *arguments])


def _manage(checkout: Checkout, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    command = [str(checkout.python), "manage.py", *arguments]
    return run_in_foreground(command, environment=environment, directory=checkout.root)


def _demo_environment(checkout: Checkout, web_port: int) -> dict[str, str]:
    password = os.environ.get("KEEL_DEMO_PASSWORD") or generated_secret(checkout, "demo")
    return {"KEEL_PORT": str(web_port), "KEEL_DEMO_PASSWORD": password}


def _simulator(checkout: Checkout, name: str, port: int, options: Sequence[str]) -> Simulator:
    return Simulator(name=name, port=port, options=tuple(options), ready_file=checkout.state / f"{name}.json")


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
def _only_demo(checkout: Checkout) -> Iterator[None]:
    with (checkout.state / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            port = read_json(checkout.state / "demo.json").get("web")
            raise Trouble(
                f"The demo of this checkout already runs: http://{LOOPBACK}:{port}/. Stop that one first."
            ) from None
        yield
