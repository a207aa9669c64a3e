"""A checkout of the test's own: the installed packages of this one, and nothing else in common."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from house.checkout import Checkout
from house.postgres import SHARED

MakeCheckout = Callable[[str], Checkout]


@pytest.fixture
def make_checkout(tmp_path: Path) -> Iterator[MakeCheckout]:
    """Make empty checkouts by name, each borrowing this one's virtual environment."""
    made: list[Checkout] = []

    def make(name: str) -> Checkout:
        root = tmp_path / name
        (root / ".run" / "logs").mkdir(parents=True)
        (root / ".venv").symlink_to(Path(__file__).resolve().parents[2] / ".venv")
        made.append(Checkout(root=root, state=root / ".run"))
        return made[-1]

    yield make
    for checkout in made:
        shutil.rmtree(SHARED / f"keel-{checkout.key}", ignore_errors=True)


@pytest.fixture
def own_checkout(make_checkout: MakeCheckout) -> Checkout:
    return make_checkout("checkout")
