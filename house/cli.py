"""The command line of `./run`."""

import argparse
import signal
from collections.abc import Callable, Sequence

from house import demo as demos
from house import tasks
from house.checkout import Checkout, find_checkout
from house.progress import say
from house.supervisor import signals_interrupt
from house.trouble import Interrupted, Trouble

# Commands whose arguments belong to the program they start, and pass as they are.
PASSING: dict[str, tuple[Callable[[Checkout, Sequence[str]], int], str]] = {
    "test": (tasks.test, "the tests; arguments go to pytest (default: all but soak, two at a time)"),
    "scenarios": (tasks.scenarios, "PATH… [--json]: play rebate scenarios through the real engine"),
    "simulator": (tasks.simulator, "the MT5 server simulator alone: [--port N] [--history FILE…] [--faults NAME…]"),
    "bench": (tasks.bench, "NAME [--json]: a benchmark"),
    "manage": (tasks.manage, "COMMAND …: manage.py with the services up"),
}
ENDED_BY_HAND = {"demo", "simulator"}


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what cannot go on is one plain sentence, never a traceback."""
    if not arguments:
        build_parser().print_help()
        return 0
    try:
        with signals_interrupt():
            return _dispatch(arguments)
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except Interrupted as interrupted:
        say("Stopped.")
        by_hand = interrupted.signal_number == signal.SIGINT and arguments[0] in ENDED_BY_HAND
        return 0 if by_hand else 128 + interrupted.signal_number


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="./run", description="Keel: everything from nothing, by one command.")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    demo_help = "a running Keel: two brokers, an MT5 server, live trades; Ctrl-C stops all of it"
    demo = commands.add_parser("demo", help=demo_help, description=demo_help)
    demo.add_argument("--port", type=int, help="port of the web server (default: 8000, or a free one)")
    demo.add_argument("--once", action="store_true", help="the main job without a browser, then exit")
    demo.add_argument("--json", action="store_true", help="with --once: one JSON object as the last line")
    demo.add_argument(
        "--history", nargs="+", metavar="FILE", default=[], help="with --once: MT statements or deal files"
    )
    commands.add_parser("check", help="ruff, format, templates, types, floors, migrations, translations")
    services_help = "keep PostgreSQL and Valkey up between runs, let them stop again, or print where they are"
    services = commands.add_parser("services", help=services_help, description=services_help)
    services.add_argument("action", choices=["start", "stop", "show"])
    for name, (_command, about) in PASSING.items():
        commands.add_parser(name, help=about)
    return parser


def _dispatch(arguments: Sequence[str]) -> int:
    if arguments[0] in PASSING:
        return PASSING[arguments[0]][0](find_checkout(), arguments[1:])
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    checkout = find_checkout()
    if chosen.command == "check":
        return tasks.check(checkout)
    if chosen.command == "services":
        return tasks.keep_up(checkout, action=chosen.action)
    if (chosen.history or chosen.json) and not chosen.once:
        parser.error("--history and --json belong to demo --once")
    if chosen.once:
        return demos.demo_once(checkout, as_json=chosen.json, histories=chosen.history, port=chosen.port)
    return demos.demo(checkout, port=chosen.port)
