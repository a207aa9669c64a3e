"""An agent as it is started on the Windows machine: settings file, certificate of its own, a process that serves."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mt4bridge.agents.settings import InvalidSettings, read_settings
from mt4bridge.clock import ServerClock
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.webapi.connection import Endpoint
from tests.mt4bridge.bridges import ROOT

SECRET = "a-secret-of-more-than-24-letters"
SETTINGS = """
[bridge]
listen = 127.0.0.1:0
certificate = {folder}/bridge.pem
operations = {folder}/operations.sqlite
key = 1001
secret = {secret}

[mt5manager]
server = mt5.test:443
login = 1000
password = 100%;not#a comment
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.ini"
    path.write_text(SETTINGS.format(folder=tmp_path, secret=SECRET))
    return path


@pytest.mark.unit
def test_settings_are_read_and_the_environment_wins(file: Path) -> None:
    settings = read_settings(file, "mt5manager", {})
    other = read_settings(file, "mt5manager", {"KEEL_BRIDGE_SECRET": "e" * 30, "KEEL_MT_PASSWORD": "else"})

    assert (settings.host, settings.port, settings.key, settings.secret) == ("127.0.0.1", 0, "1001", SECRET)
    assert (settings.server, settings.login, settings.password) == ("mt5.test:443", 1000, "100%;not#a comment")
    assert (other.secret, other.password) == ("e" * 30, "else")
    assert SECRET not in repr(settings)
    assert "100%" not in repr(settings)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (SECRET, "short", "the secret must have 24 characters"),
        ("login = 1000", "login = one", "invalid literal"),
        ("listen = 127.0.0.1:0", "", "listen is missing"),
        ("[mt5manager]", "[other]", "mt5manager is missing"),
        ("password = 100%;not#a comment", "", "the password is missing"),
    ],
)
def test_settings_that_make_no_sense_are_said_in_words(file: Path, old: str, new: str, sentence: str) -> None:
    file.write_text(file.read_text().replace(old, new))

    with pytest.raises(InvalidSettings, match=sentence):
        read_settings(file, "mt5manager", {})


@pytest.mark.unit
def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="No such file"):
        read_settings(tmp_path / "none.ini", "mt5manager", {})


@pytest.mark.integration
def test_the_process_serves_with_a_certificate_that_it_made(file: Path, tmp_path: Path) -> None:
    (tmp_path / "MT5Manager.py").write_text("from tests.mt4bridge.stand_ins.mt5_manager import *\n")
    log = tmp_path / "agent.log"
    process = start(file, log, {"PYTHONPATH": f"{tmp_path}:{ROOT}", "KEEL_MT_PASSWORD": "manager-pass"})
    try:
        text = wait_for(log, "listening on", process)
        port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", text)[1])  # type: ignore[index]  # waited for
        pin = re.search(r"pin \(SHA-256\): ([0-9a-f]{64})", text)[1]  # type: ignore[index]
        server = HttpBridgeServer(
            Endpoint(f"127.0.0.1:{port}", "pin", tls_pin=pin), key_id="1001", secret=SECRET, clock=ServerClock()
        )
        server.connect()
        platform = server.hello().platform
        server.close()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert (platform, code) == ("mt5", 0)
    assert (tmp_path / "bridge.pem").stat().st_mode & 0o077 == 0
    assert not any(word in log.read_text() for word in (SECRET, "manager-pass"))


@pytest.mark.integration
def test_without_the_vendors_package_it_says_what_is_missing(file: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mt4bridge.agents.mt5manager", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ended.returncode == 2
    assert ended.stderr == "The agent cannot start: No module named 'MT5Manager'\n"


def start(file: Path, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mt4bridge.agents.mt5manager", str(file), "--log", str(log)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})


def wait_for(log: Path, words: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while not (log.exists() and words in log.read_text()):
        assert process.poll() is None, "the agent ended"
        assert time.monotonic() < deadline, "the agent does not listen"
        time.sleep(0.05)
    return log.read_text()
