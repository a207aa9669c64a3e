"""The virtual environment and its pinned packages."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from house.checkout import Checkout
from house.commands import run_quietly, tool_environment
from house.progress import say, step
from house.records import hash_of_files, is_stamped, write_stamp
from house.trouble import Trouble


def ensure_packages(checkout: Checkout) -> None:
    """Make `.venv` hold exactly what requirements.txt names. Does nothing when it already does."""
    files = [checkout.root / "requirements.txt", checkout.root / "constraints.txt"]
    wanted = hash_of_files(files, extra=f"{sys.version_info[:2]}")
    stamp = checkout.venv / ".keel-packages"
    if checkout.python.exists() and is_stamped(stamp, wanted):
        return
    if not checkout.python.exists():
        _make_venv(checkout)
    _install(checkout, files[0])
    write_stamp(stamp, wanted)


def _make_venv(checkout: Checkout) -> None:
    with step("Python environment"):
        try:
            run_quietly(
                [sys.executable, "-m", "venv", "--clear", checkout.venv],
                doing="Making the Python environment",
                log=checkout.logs / "venv.log",
            )
        except Trouble as trouble:
            raise Trouble(f"{trouble}\nOn Debian and Ubuntu the package python3-venv is needed for this.") from None


def _install(checkout: Checkout, requirements: Path) -> None:
    command: list[str | Path] = [
        checkout.python,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--no-compile",
        "-r",
        requirements,
    ]
    if sys.stderr.isatty():
        say("  Python packages …")
        _run_visibly(command, checkout)
        return
    with step("Python packages"):
        run_quietly(
            [*command, "--progress-bar", "off"],
            doing="Installing the Python packages",
            log=checkout.logs / "pip.log",
            environment=tool_environment(checkout),
            directory=checkout.root,
            within_s=1800,
        )


def _run_visibly(command: Sequence[str | Path], checkout: Checkout) -> None:
    """Let pip show its own progress bars, on standard error."""
    finished = subprocess.run(
        [str(part) for part in command],
        stdout=sys.stderr,
        env=tool_environment(checkout),
        cwd=checkout.root,
        check=False,
    )
    if finished.returncode != 0:
        raise Trouble("Installing the Python packages failed; pip's reason is above.")
