"""Small facts kept on disk: content hashes, JSON files, generated passwords."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from house.checkout import Checkout


def hash_of_files(paths: Iterable[Path], *, extra: str = "") -> str:
    """Return one hash over names and contents; directories count with all their files."""
    digest = hashlib.sha256(extra.encode())
    for path in sorted(_files_below(paths)):
        digest.update(str(path).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files_below(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        elif path.is_file():
            yield path


def is_stamped(stamp: Path, value: str) -> bool:
    """Say whether the work that the stamp stands for was done for exactly this hash."""
    return stamp.is_file() and stamp.read_text() == value


def write_stamp(stamp: Path, value: str) -> None:
    """Record that the work is done for this hash. The stamp lies inside what was made, so both go together."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in the file, or {} when it is absent or was cut off in writing."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, readable by its owner only."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(content, indent=1, sort_keys=True))
    beside.replace(path)


def generated_secret(checkout: Checkout, name: str) -> str:
    """Return this checkout's secret of that name, made once and kept in `.run/secrets.json`."""
    path = checkout.state / "secrets.json"
    known = read_json(path)
    if name not in known:
        known[name] = secrets.token_urlsafe(32)
        write_json(path, known)
    return str(known[name])
