"""Read scenario files: YAML documents, numbers as text, times in UTC."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput


class ScenarioFileInvalid(InvalidInput):
    """A path that cannot be played."""

    code = "scenario_file_invalid"
    message = _("%(path)s cannot be played: %(problem)s")


class _Loader(yaml.CSafeLoader):  # libyaml: seven times as fast
    """Safe YAML whose floats stay the text they were written as: money has no floats."""


_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True, slots=True)
class Document:
    """One scenario. `plain` is as the specification describes it, all times with a zone."""

    name: str
    title: str
    plain: dict[str, Any]

    def rows(self, key: str) -> list[dict[str, Any]]:
        return self.plain.get(key) or []

    @property
    def expect(self) -> dict[str, Any]:
        return self.plain.get("expect") or {}


def read_documents(paths: Iterable[str]) -> list[Document]:
    """Return the documents of all files; a directory stands for the YAML files in it.

    :raises ScenarioFileInvalid: a path does not exist, is not YAML, or holds no scenarios or something else."""
    return [document for path in paths for file in _files(Path(path)) for document in _documents(file)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern))
        if not files:
            raise ScenarioFileInvalid(path=path, problem=_("no scenario file is in it."))
        return files
    if not path.is_file():
        raise ScenarioFileInvalid(path=path, problem=_("there is no such file."))
    return [path]


def _documents(file: Path) -> Iterator[Document]:
    try:
        plains = [plain for plain in yaml.load_all(file.read_text(), Loader=_Loader) if plain is not None]
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise ScenarioFileInvalid(path=file, problem=_("it is not YAML.")) from error
    except OSError as error:
        raise ScenarioFileInvalid(path=file, problem=_("it cannot be read.")) from error
    if not plains:
        raise ScenarioFileInvalid(path=file, problem=_("no scenario is in it."))
    for plain in plains:
        if not isinstance(plain, dict) or "scenario" not in plain:
            raise ScenarioFileInvalid(path=file, problem=_("a document has no key “scenario”."))
        try:
            yield Document(str(plain["scenario"]), str(plain.get("title", "")), _with_zones(plain))
        except ValueError as error:
            raise ScenarioFileInvalid(path=file, problem=f"{plain['scenario']}: {error}.") from error


_TIMES = frozenset({"at", "effective_from", "published_at"})  # a rate row's `at` is a word


def _with_zones(value: Any, key: object = None) -> Any:
    """Return the same data with every time in UTC: a day alone is its midnight, and times may be quoted."""
    if isinstance(value, dict):
        return {inner: _with_zones(each, inner) for inner, each in value.items()}
    if isinstance(value, list):
        return [_with_zones(inner) for inner in value]
    if key in _TIMES and isinstance(value, str) and value[:1].isdigit():
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value
