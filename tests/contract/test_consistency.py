"""The house rules that a reader would otherwise have to remember: names, sizes, floors, units, templates."""

import ast
import re
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from celery.schedules import crontab
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ProjectState

from crm.celery import app as celery_app

pytestmark = pytest.mark.unit

ROOT = Path(settings.BASE_DIR)
TEMPLATES = ROOT / "templates"
MONEY_ROOMS = ("access", "clients", "commissions", "core", "ib", "ledger", "trading")
MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_TEMPLATE, MOST_LINES_OF_A_TEST = 70, 500, 150, 800

# A child that means nothing without its parent goes with it; everything else is protected.
CASCADES = {"trading.AccountSnapshot.account", "tenancy.Host.tenant"}


def _floors() -> dict[str, int]:
    """Return the floor of each room as .importlinter has them, the highest first there."""
    linter = ConfigParser()
    linter.read(ROOT / ".importlinter")
    lines = linter["importlinter:contract:floors"]["layers"].split("\n")
    floors = [[room.strip() for room in line.split("|")] for line in lines if line.strip()]
    return {room: len(floors) - height for height, rooms in enumerate(floors) for room in rooms}


ROOMS = sorted(_floors())


@cache
def _sources(*rooms: str, tests: bool = False) -> dict[Path, str]:
    folders = [ROOT / room for room in rooms or ROOMS] + ([ROOT / "tests"] if tests else [])
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return {path.relative_to(ROOT): path.read_text() for path in paths}


def _own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.partition(".")[0] in ROOMS]


def _foreign_keys() -> Iterator[tuple[str, models.ForeignKey]]:
    for model in _own_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey) and field.model is model:
                yield f"{model._meta.label}.{field.name}", field


def test_foreign_keys_point_to_lower_floors_only() -> None:
    floors = _floors()
    upward = {}
    for name, field in _foreign_keys():
        here, there = field.model.__module__.partition(".")[0], field.related_model.__module__.partition(".")[0]
        if here != there and there in floors and floors[there] >= floors[here]:
            upward[name] = field.related_model._meta.label

    assert upward == {}


def test_foreign_keys_protect_what_they_point_to() -> None:
    unprotected = {name for name, field in _foreign_keys() if field.remote_field.on_delete is not models.PROTECT}

    assert unprotected == CASCADES


def test_no_foreign_key_leaves_the_brokers_schema() -> None:
    shared = {config.rpartition(".")[2] for config in settings.SHARED_APPS}
    leaving = {
        name
        for name, field in _foreign_keys()
        if (field.model._meta.app_label in shared) != (field.related_model._meta.app_label in shared)
    }

    assert leaving == set()


def test_no_table_of_a_broker_has_a_broker_column() -> None:
    columns = {f.name for model in _own_models() if model._meta.app_label != "tenancy" for f in model._meta.fields}

    assert columns & {"broker", "broker_id", "tenant", "tenant_id"} == set()


def test_models_have_a_name_of_their_own_and_no_ordering() -> None:
    assert [model._meta.label for model in _own_models() if model._meta.ordering] == []
    assert [model._meta.label for model in _own_models() if model.__str__ is models.Model.__str__] == []


def test_rules_of_the_database_say_what_they_mean() -> None:
    names = [constraint.name for model in _own_models() for constraint in model._meta.constraints]

    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", name)] == []
    assert len(names) == len(set(names))


def test_migrations_are_up_to_date() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    questioner = NonInteractiveMigrationQuestioner(specified_apps=set(ROOMS), dry_run=True)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps), questioner).changes(
        graph=loader.graph
    )

    assert sorted(changes) == []


def test_money_and_volume_columns_say_their_unit() -> None:
    silent = [
        f"{path}:{node.lineno} {ast.unparse(node.targets[0])}"
        for path, text in _sources().items()
        if path.name == "models.py" or path.parent.name == "models"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and _is_amount(node) and not _has_comment(text.splitlines(), node)
    ]

    assert silent == []


def _is_amount(node: ast.Assign) -> bool:
    name, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
    return value.startswith("models.") and ("DecimalField(" in value or name.endswith("_e8"))


def _has_comment(lines: list[str], node: ast.Assign) -> bool:
    """Say whether a comment stands on the column's lines or right above."""
    own = lines[node.lineno - 1 : node.end_lineno]
    return any("#" in line for line in own) or lines[node.lineno - 2].strip().startswith("#")


def test_no_float_column_anywhere() -> None:
    floats = [
        f"{m._meta.label}.{f.name}" for m in _own_models() for f in m._meta.fields if isinstance(f, models.FloatField)
    ]

    assert floats == []


@pytest.mark.parametrize("room", MONEY_ROOMS)
def test_money_never_passes_through_a_float(room: str) -> None:
    found = []
    for path, text in _sources(room).items():
        for node in ast.walk(ast.parse(text)):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
            literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
            if called or literal:
                found.append(f"{path}:{node.lineno}")

    assert found == []


def test_files_stay_small() -> None:
    large = {}
    for path, text in _sources(tests=True).items():
        limit = MOST_LINES_OF_A_TEST if path.parts[0] == "tests" else MOST_LINES_OF_A_FILE
        if (lines := text.count("\n")) > limit and "migrations" not in path.parts:
            large[str(path)] = lines

    assert large == {}


def test_functions_stay_small() -> None:
    sizes = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path, text in _sources(tests=True).items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }

    assert {name: size for name, size in sizes.items() if size > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py"}

    assert [str(path) for path in _sources() if path.name in drawers] == []


def test_services_take_keywords_only() -> None:
    writes = [
        (f"{path}: {node.name}", node)
        for path, text in _sources().items()
        if "services" in {path.stem, path.parent.name}
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and _is_write(node)
    ]

    assert len(writes) > 20
    assert [name for name, node in writes if node.args.args and not node.name.startswith("_")] == []


def _is_write(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Attribute) and d.attr == "atomic" for d in node.decorator_list)


def test_every_room_says_what_it_is() -> None:
    missing = [room for room in ROOMS if room not in {"core", "crm"} and not (ROOT / room / "README.md").exists()]

    assert missing == []


def test_celery_schedule_is_the_documented_one() -> None:
    text = (ROOT / "docs/structure.md").read_text()
    documented = re.findall(r"^\| `([\w-]+)` \| `(crm\.[\w.]+)` \| (.+?) \|", text, re.MULTILINE)
    scheduled = [
        (name, entry["task"], _when(entry["schedule"])) for name, entry in celery_app.conf.beat_schedule.items()
    ]

    assert sorted(documented) == sorted(scheduled)


def _when(schedule: crontab | float) -> str:
    if isinstance(schedule, crontab):
        at = f"{schedule._orig_hour:02}:{schedule._orig_minute:02} UTC"
        return at if schedule._orig_day_of_month == "*" else f"day {schedule._orig_day_of_month}, {at}"
    return f"every {schedule:g} s"


# Templates


@cache
def _templates() -> dict[str, str]:
    return {str(path.relative_to(TEMPLATES)): path.read_text() for path in sorted(TEMPLATES.rglob("*.html"))}


@cache
def _named_in_code() -> list[re.Pattern[str]]:
    """Return a pattern for each text in the code that ends in .html; what an f-string fills in matches anything."""
    patterns = set()
    for text in _sources().values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".html"):
                patterns.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [re.escape(v.value) if isinstance(v, ast.Constant) else "[^/]+" for v in node.values]
                if parts[-1].endswith(re.escape(".html")):
                    patterns.add("".join(parts))
    return [re.compile(f"(.*/)?{pattern}") for pattern in sorted(patterns)]


@cache
def _named_in_templates() -> dict[str, set[str]]:
    """Return what templates extend, include, and use as components."""
    whole = "\n".join(_templates().values())
    return {
        "extends": set(re.findall(r"{% extends ['\"]([^'\"]+)['\"]", whole)),
        "include": set(re.findall(r"{% include ['\"]([^'\"]+)['\"]", whole)),
        "component": {
            f"cotton/{tag.replace('.', '/').replace('-', '_')}.html" for tag in re.findall(r"<c-([a-z][\w.-]*)", whole)
        },
    }


def test_every_template_is_used() -> None:
    named = set().union(*_named_in_templates().values())
    unused = [
        name for name in _templates() if name not in named and not any(p.fullmatch(name) for p in _named_in_code())
    ]

    assert unused == []


def test_every_named_template_exists() -> None:
    named = set().union(*_named_in_templates().values())
    from_packages = {name for name in named if name.startswith(("django/", "admin/"))}

    assert named - from_packages - {"cotton/slot.html", "cotton/vars.html"} - _templates().keys() == set()
    wanted = [pattern for pattern in _named_in_code() if pattern.pattern != r"(.*/)?\.html"]
    assert [p.pattern for p in wanted if not any(p.fullmatch(name) for name in _templates())] == []


def test_parts_of_pages_have_an_underscore() -> None:
    included = _named_in_templates()["include"]
    part_names = {name for name in _templates() if Path(name).name.startswith("_")}

    assert {name for name in included if name not in part_names and not name.startswith("layouts/")} == set()
    assert {name for name in part_names if "{% extends" in _templates()[name]} == set()


def test_templates_stay_small() -> None:
    assert [name for name, text in _templates().items() if text.count("\n") > MOST_LINES_OF_A_TEMPLATE] == []


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("inline script", r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>"),
        ("inline style", r"<style\b|\sstyle="),
        ("event attribute", r"\son[a-z]+="),
        ("unescaped text", r"\|safe\b|{% autoescape off"),
        ("rights asked in a template", r"user\.has_perm|perms\."),
    ],
)
def test_templates_hold_nothing_inline(what: str, pattern: str) -> None:
    found = {name for name, text in _templates().items() if re.search(pattern, text)}

    # A mail brings its style sheet along: what reads it knows no other file, and no policy of ours.
    assert found - {"notifications/layout.html"} == set(), what


def test_every_table_says_what_it_lists() -> None:
    silent = {
        name
        for name, text in _templates().items()
        for table in re.finditer(r"<table\b[^>]*>\s*(<caption)?", text)
        if not table[1] and "role=" not in table[0] and "aria-label" not in table[0]
    }

    assert silent == set()


def test_text_in_templates_can_be_translated() -> None:
    plain = {}
    for name, text in _templates().items():
        rest = re.sub(r"(?s){% comment.*?endcomment %}|{% blocktrans.*?{% endblocktrans(?:late)? %}|{#.*?#}", " ", text)
        rest = re.sub(r"(?s)<svg.*?</svg>|<title>.*?</title>|<style>.*?</style>", " ", rest)
        rest = re.sub(r"{%.*?%}|{{.*?}}", " ", rest)
        rest = re.sub(r"(?s)<[^>]*>", "\n", rest)
        rest = re.sub(r"&\w+;|\b(UTC|Ctrl|Keel|PDF|CSV|Excel)\b", " ", rest)
        words = [line.strip() for line in rest.splitlines() if re.search(r"[A-Za-z]{3,}", line)]
        if words:
            plain[name] = words

    assert plain == {}
