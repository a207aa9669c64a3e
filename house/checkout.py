"""Where things lie in one checkout. All state is below `.run`, so two checkouts never meet."""

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from house.trouble import Trouble


@dataclass(frozen=True)
class Checkout:
    """The source tree and its own state directory."""

    root: Path
    state: Path
    throwaway: bool = False  # its servers hold nothing that must outlive the machine: they don't wait for the disk

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def bytecode(self) -> Path:
        """Return where Python keeps what it compiled: one place for all processes of these sources."""
        return self.root / ".run" / "pycache"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def for_tests(self) -> "Checkout":
        """Return the same sources with servers that only tests use, beside those of the demo."""
        place = self.state / "test"
        place.mkdir(mode=0o711, exist_ok=True)
        (place / "logs").mkdir(mode=0o700, exist_ok=True)
        return Checkout(root=self.root, state=place, throwaway=True)

    @property
    def key(self) -> str:
        """Twelve characters that name this checkout where its own directory cannot be used."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:12]

    def program(self, name: str) -> Path:
        """Return the path of a program that a package put into the virtual environment."""
        return self.venv / "bin" / name

    def package_directory(self, package: str) -> Path:
        """Return where an installed package lies; this interpreter cannot import it.

        :raises Trouble: the package is not installed."""
        for candidate in sorted(self.venv.glob(f"lib/python*/site-packages/{package}")):
            return candidate
        raise Trouble(f"The package {package} is missing from .venv. Delete .venv and start again.")


def find_checkout(environment: Mapping[str, str] | None = None) -> Checkout:
    """Return the checkout this package belongs to, with its state directory made.

    :raises Trouble: on Windows, where the services have no packages."""
    if sys.platform == "win32":
        raise Trouble("./run needs Linux or macOS. On Windows use WSL, or `docker compose up`.")
    settings = os.environ if environment is None else environment
    root = Path(__file__).resolve().parent.parent
    state = Path(root, settings.get("KEEL_STATE_DIR") or ".run").resolve()
    state.mkdir(mode=0o711, parents=True, exist_ok=True)
    (state / "logs").mkdir(mode=0o700, exist_ok=True)
    return Checkout(root=root, state=state)
