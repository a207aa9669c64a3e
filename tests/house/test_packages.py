"""What is installed is pinned, explained, and the same everywhere."""

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-c"))]


def test_every_requirement_is_pinned_exactly_and_once() -> None:
    every = requirements("requirements.txt") + requirements("constraints.txt")
    names = [canonicalize_name(requirement.name) for requirement in every]

    assert [r.name for r in every if [s.operator for s in r.specifier] != ["=="]] == []
    assert sorted(names) == sorted(set(names))


def test_everything_that_the_requirements_bring_along_is_pinned() -> None:
    pinned = {canonicalize_name(r.name) for r in requirements("requirements.txt") + requirements("constraints.txt")}
    direct = [r for r in requirements("requirements.txt") if r.marker is None or r.marker.evaluate()]

    assert _needed_by(direct) - pinned == set()


def test_every_direct_requirement_has_its_reason() -> None:
    explained = re.findall(r"^- \*\*([\w-]+)\*\*: \w", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)

    assert [r.name for r in requirements("requirements.txt") if r.name not in explained] == []


def test_terminal_package_is_for_windows_only() -> None:
    (terminal,) = [r for r in requirements("requirements.txt") if r.name == "MetaTrader5"]

    assert str(terminal.marker) == 'sys_platform == "win32"'


def test_front_end_packages_are_pinned_and_the_lock_names_no_registry() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]

    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, found in lock["packages"].items() if "resolved" in found] == []
    assert [
        name
        for name, found in lock["packages"].items()
        if name and not found.get("inBundle") and "integrity" not in found
    ] == []


def _needed_by(direct: list[Requirement]) -> set[str]:
    """Return the names of all packages that these need, all levels down, as the installed metadata says."""
    found: set[str] = set()
    waiting = [(canonicalize_name(r.name), frozenset(r.extras)) for r in direct]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                next_one = (canonicalize_name(needed.name), frozenset(needed.extras))
                if next_one not in seen:
                    seen.add(next_one)
                    waiting.append(next_one)
    return found
