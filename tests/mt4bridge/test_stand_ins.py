"""The stand-in for `mt5manager` has the names of the package's stub, and the agent uses no other.

`names.json` is our list of them, of release 5.0.6231. The long test fetches the package and compares the list with its
stub; the package itself is for Windows alone and is not installed."""

import ast
import inspect
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.agents.mt5manager import backend, rows
from tests.mt4bridge.stand_ins import mt5_manager

NAMES: dict[str, Any] = json.loads((Path(__file__).parent / "stand_ins" / "names.json").read_text())
RELEASE = "5.0.6231"


@pytest.mark.unit
def test_the_stand_in_has_the_listed_names() -> None:
    methods = {
        name: [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        for name, method in vars(mt5_manager.ManagerAPI).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    enums = {name: list(_found(mt5_manager, name).__members__) for name in NAMES["enums"]}
    attributes = {name: list(_found(mt5_manager, name).FIELDS) for name in NAMES["attributes"]}

    assert methods == NAMES["ManagerAPI"]
    assert enums == NAMES["enums"]
    assert attributes == NAMES["attributes"]


@pytest.mark.unit
def test_the_agent_uses_no_other_names() -> None:
    source = inspect.getsource(backend)
    asked = set(re.findall(r"manager\.([A-Z]\w+)", source))
    read = set(re.findall(r"\braw\.([A-Z]\w+)", inspect.getsource(rows) + source)) | set(backend._FIELDS.values())
    kinds = set(backend._KINDS.values())

    assert asked <= set(NAMES["ManagerAPI"])
    assert read <= {name for names in NAMES["attributes"].values() for name in names}
    assert kinds <= set(NAMES["enums"]["MTDeal.EnDealAction"])


@pytest.mark.soak
def test_the_list_is_what_the_package_has(tmp_path: Path) -> None:
    fetched = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform",
            "win_amd64", "--python-version", "3.11", "--dest", str(tmp_path), f"mt5manager=={RELEASE}",
        ],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if fetched.returncode:
        pytest.skip(f"the package cannot be fetched: {fetched.stderr[-200:]}")
    (wheel,) = tmp_path.glob("*.whl")
    stub = ast.parse(zipfile.ZipFile(wheel).read("MT5Manager/_core.pyi"))
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}

    manager = classes["ManagerAPI"]
    for name, parameters in NAMES["ManagerAPI"].items():
        assert parameters in _signatures(manager, name), name
    for name, members in NAMES["enums"].items():
        outer, _, inner = name.partition(".")
        found = _inner(classes[outer], inner) if inner else classes[outer]
        assert set(members) <= _attributes(found), name
    for name, attributes in NAMES["attributes"].items():
        assert set(attributes) <= _attributes(classes[name]), name
    assert any(isinstance(node, ast.FunctionDef) and node.name == "LastError" for node in stub.body)


def _found(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _signatures(found: ast.ClassDef, name: str) -> list[list[str]]:
    """Return the parameters of each overload of a method."""
    overloads = [node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return [[argument.arg for argument in node.args.args if argument.arg != "self"] for node in overloads]


def _inner(found: ast.ClassDef, name: str) -> ast.ClassDef:
    (inner,) = [node for node in found.body if isinstance(node, ast.ClassDef) and node.name == name]
    return inner


def _attributes(found: ast.ClassDef) -> set[str]:
    return {
        node.target.id for node in found.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
