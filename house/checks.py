"""The checks that review for us. All of them run before anything is reported."""

import os
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from house.checkout import Checkout

SHOWN_CHARACTERS = 20_000
CHECKS: dict[str, list[str]] = {  # the longest first: they run side by side
    "types": ["mypy"],
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "templates": ["djlint", "templates", "--lint", "--quiet"],
    "floors": ["lint-imports"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "translations": ["python", "manage.py", "check_translations"],
}


def run_checks(checkout: Checkout, environment: Mapping[str, str]) -> int:
    """Run every check, then print one line for each, with the output of those that failed. Returns 1 if any did."""

    def timed(command: list[str]) -> tuple[str | None, float]:
        started = time.monotonic()
        return _run(checkout, environment, command), time.monotonic() - started

    failures: list[tuple[str, str]] = []
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, len(CHECKS))) as pool:
        for name, (output, seconds) in zip(CHECKS, pool.map(timed, CHECKS.values()), strict=True):
            print(f"  {name:<13}{'ok' if output is None else 'FAILED':<8}{seconds:5.1f} s", flush=True)
            if output is not None:
                failures.append((name, output))
    for name, output in failures:
        print(f"\n--- {name} ---\n{output[-SHOWN_CHARACTERS:]}", flush=True)
    return 1 if failures else 0


def _run(checkout: Checkout, environment: Mapping[str, str], command: list[str]) -> str | None:
    """Return None when the check passes, else what it said."""
    program: list[str | Path] = [checkout.program(command[0]), *command[1:]]
    finished = subprocess.run(
        program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(environment),
        cwd=checkout.root,
        check=False,
    )
    return None if finished.returncode == 0 else finished.stdout
