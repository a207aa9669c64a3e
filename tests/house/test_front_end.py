"""What is built is built again when, and only when, its sources change."""

import os
import stat
from pathlib import Path

import pytest

from house.checkout import Checkout
from house.commands import tool_environment
from house.front_end import ensure_front_end
from house.python_env import ensure_packages
from house.records import hash_of_files, write_stamp
from house.trouble import Trouble

pytestmark = pytest.mark.unit

# Stands in for pip, npm, node and manage.py: each call adds its arguments to a file.
RECORDER = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$(dirname "$0")/../../calls"
exit $(cat "$(dirname "$0")/../../exit" 2>/dev/null || echo 0)
"""


@pytest.fixture
def recording_checkout(tmp_path: Path) -> Checkout:
    """Return a checkout whose programs only record how they are called."""
    root = tmp_path / "recording"
    for directory in (
        ".run/logs",
        ".venv/bin",
        "assets",
        "templates",
        "crm",
        "locale/zh_Hans/LC_MESSAGES",
        ".run/static",
    ):
        (root / directory).mkdir(parents=True)
    for name in ("python", "npm", "node"):
        program = root / ".venv/bin" / name
        program.write_text(RECORDER)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for name in ("package.json", "package-lock.json", "requirements.txt", "constraints.txt", "assets/app.css"):
        (root / name).write_text(name)
    catalogue = root / "locale/zh_Hans/LC_MESSAGES/django.po"
    catalogue.write_text('msgid ""\n')
    catalogue.with_suffix(".mo").touch()
    return Checkout(root=root, state=root / ".run")


def calls(checkout: Checkout) -> list[str]:
    """Return the first words of each program call since the last look."""
    record = checkout.root / "calls"
    lines = record.read_text().splitlines() if record.exists() else []
    record.unlink(missing_ok=True)
    return [" ".join(line.replace(str(checkout.root) + "/", "").split()[:3]) for line in lines]


def test_everything_runs_once_and_then_only_what_has_changed(recording_checkout: Checkout) -> None:
    root = recording_checkout.root
    build = [
        "npm ci --no-audit",
        "node assets/build.mjs",
        "python -m house.translations",
        "python manage.py collectstatic",
    ]

    ensure_front_end(recording_checkout, os.environ)
    first = calls(recording_checkout)
    (root / ".run/static/app.css").touch()
    ensure_front_end(recording_checkout, os.environ)
    second = calls(recording_checkout)
    (root / "templates/home.html").write_text('<p class="text-muted">')
    ensure_front_end(recording_checkout, os.environ)
    after_template = calls(recording_checkout)
    (root / "locale/zh_Hans/LC_MESSAGES/django.po").write_text('msgid "Home"\n')
    ensure_front_end(recording_checkout, os.environ)
    after_translation = calls(recording_checkout)

    assert first == build
    assert second == []
    assert after_template == ["node assets/build.mjs", "python manage.py collectstatic"]
    assert after_translation == ["python -m house.translations"]


def test_packages_for_tests_are_added_once_and_stay(recording_checkout: Checkout) -> None:
    ensure_front_end(recording_checkout, os.environ)
    without_tests = calls(recording_checkout)
    ensure_front_end(recording_checkout, os.environ, with_test_packages=True)
    with_tests = calls(recording_checkout)
    ensure_front_end(recording_checkout, os.environ)

    assert "npm ci --no-audit" in without_tests
    assert with_tests == ["npm ci --no-audit"]
    assert calls(recording_checkout) == []


def test_failed_step_is_tried_again_and_shows_what_it_said(recording_checkout: Checkout) -> None:
    (recording_checkout.root / "exit").write_text("7")
    with pytest.raises(Trouble, match=r"npm ci failed \(code 7\)"):
        ensure_front_end(recording_checkout, os.environ)
    calls(recording_checkout)

    (recording_checkout.root / "exit").write_text("0")
    ensure_front_end(recording_checkout, os.environ)

    assert calls(recording_checkout)[0] == "npm ci --no-audit"


def test_packages_are_installed_again_when_a_pin_changes(recording_checkout: Checkout) -> None:
    ensure_packages(recording_checkout)
    first = calls(recording_checkout)
    ensure_packages(recording_checkout)
    second = calls(recording_checkout)
    (recording_checkout.root / "constraints.txt").write_text("vine==5.1.1")
    ensure_packages(recording_checkout)

    assert (first, second) == (["python -m pip"], [])
    assert calls(recording_checkout) == ["python -m pip"]


def test_certificates_and_proxies_of_the_caller_reach_node(
    recording_checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own-ca.pem")
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)

    without_own_word = tool_environment(recording_checkout)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/etc/node-ca.pem")
    with_own_word = tool_environment(recording_checkout)

    assert without_own_word["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert without_own_word["NODE_EXTRA_CA_CERTS"] == "/etc/own-ca.pem"
    assert with_own_word["NODE_EXTRA_CA_CERTS"] == "/etc/node-ca.pem"


def test_bytecode_is_kept_for_all_processes_whatever_the_callers_python_does(
    recording_checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    environment = tool_environment(recording_checkout)
    of_tests = tool_environment(recording_checkout.for_tests)

    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["PYTHONPYCACHEPREFIX"] == str(recording_checkout.root / ".run" / "pycache")
    assert of_tests["PYTHONPYCACHEPREFIX"] == environment["PYTHONPYCACHEPREFIX"]


def test_stamp_of_a_deleted_directory_does_not_count(recording_checkout: Checkout) -> None:
    lock_hash = hash_of_files([recording_checkout.root / name for name in ("package.json", "package-lock.json")])
    stamp = recording_checkout.root / "node_modules/.lock-hash"
    write_stamp(stamp, f"{lock_hash} without tests")
    ensure_front_end(recording_checkout, os.environ)
    with_stamp = calls(recording_checkout)

    stamp.unlink()
    ensure_front_end(recording_checkout, os.environ)

    assert "npm ci --no-audit" not in with_stamp
    assert calls(recording_checkout) == ["npm ci --no-audit"]
