"""What each command of `./run` does."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from house.browser import find_browser
from house.checkout import Checkout
from house.checks import run_checks
from house.commands import run_in_foreground, tool_environment
from house.prepare import prepared
from house.progress import say
from house.python_env import ensure_packages
from house.services import are_kept, keep_services, services
from house.trouble import Trouble

TEST_PROCESSES = "2"


def manage(checkout: Checkout, arguments: Sequence[str]) -> int:
    """Run manage.py with the services up and the database migrated."""
    # The two commands that bring the database up must be able to run before it is.
    database = not (arguments and arguments[0] in {"bootstrap_database", "migrate_schemas", "makemigrations"})
    with prepared(checkout, front_end=False, database=database) as environment:
        return _manage(checkout, environment, arguments)


def scenarios(checkout: Checkout, arguments: Sequence[str]) -> int:
    """Play rebate scenarios."""
    return manage(checkout, ["scenarios", *arguments])


def bench(checkout: Checkout, arguments: Sequence[str]) -> int:
    """Run one benchmark: bench/NAME.py as a program, with everything up."""
    names = sorted(p.stem for p in (checkout.root / "bench").glob("*.py") if not p.stem.startswith("_"))
    if not arguments or arguments[0] not in names:
        raise Trouble(f"Name one of the benchmarks: {', '.join(names) or 'there is none yet'}.")
    with prepared(checkout) as environment:
        command: list[str | Path] = [checkout.python, "-m", f"bench.{arguments[0]}", *arguments[1:]]
        return run_in_foreground(command, environment=environment, directory=checkout.root)


def simulator(checkout: Checkout, arguments: Sequence[str]) -> int:
    """Run the MT5 server simulator alone; it needs neither database nor Valkey."""
    ensure_packages(checkout)
    command: list[str | Path] = [checkout.python, "-m", "mt4bridge.simulator", *absolute_files(arguments)]
    return run_in_foreground(command, environment=tool_environment(checkout), directory=checkout.root)


def check(checkout: Checkout) -> int:
    """Run all checks."""
    with prepared(checkout) as environment:
        return run_checks(checkout, environment)


def test(checkout: Checkout, arguments: Sequence[str]) -> int:
    """Run pytest; with CI=true the checks first, and a missing browser is a failure."""
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    browser = find_browser()
    if browser is None and in_ci:
        raise Trouble("Chromium is missing, and with CI=true the browser tests must run. Debian: apt install chromium")
    if browser is None:
        say("  Chromium is missing: browser tests are skipped. Debian: apt install chromium")
    with prepared(checkout, tests=True, database=False) as environment:
        checked = run_checks(checkout, environment) if in_ci else 0
        test_environment = environment | ({"KEEL_CHROMIUM": browser} if browser else {})
        command: list[str | Path] = [checkout.python, "-m", "pytest", *pytest_defaults(arguments), *arguments]
        tested = run_in_foreground(command, environment=test_environment, directory=checkout.root)
    if checked:
        say("The tests are done; the checks above failed.")
    return tested or checked


def keep_up(checkout: Checkout, *, action: str) -> int:
    """Start, stop or show the servers of this checkout."""
    ensure_packages(checkout)
    if action != "show":
        keep_services(checkout, up=action == "start")
    if action == "stop" and are_kept(checkout.for_tests):  # by plain pytest
        keep_services(checkout.for_tests, up=False)
        with services(checkout.for_tests):
            pass
    with services(checkout) as addresses:
        for name, value in addresses.items() if action == "show" else ():
            print(f"{name}={value}")
    return 0


def pytest_defaults(arguments: Sequence[str]) -> list[str]:
    """Leave the soak tests out and use two processes, unless the caller says otherwise."""
    marks = [] if any(a.startswith("-m") for a in arguments) else ["-m", "not soak"]
    count = any(a.startswith(("-n", "--numprocesses", "-p no:xdist", "--pdb")) for a in arguments)
    return marks + ([] if count else ["-n", TEST_PROCESSES])


def absolute_files(arguments: Sequence[str]) -> list[str]:
    """Make file names absolute: the programs run in the checkout, the names are meant from where the caller stands."""
    return [str(Path(a).resolve()) if not a.startswith("-") and Path(a).exists() else a for a in arguments]


def _manage(checkout: Checkout, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    command: list[str | Path] = [checkout.python, "manage.py", *absolute_files(arguments)]
    return run_in_foreground(command, environment=environment, directory=checkout.root)
