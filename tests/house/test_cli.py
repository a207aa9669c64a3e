"""`./run` as a person starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from house.cli import PASSING, build_parser
from house.tasks import absolute_files, pytest_defaults

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "run", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | changes,
    )


def test_run_alone_lists_every_command() -> None:
    answer = run()

    assert answer.returncode == 0
    listed = {line.split()[0] for line in answer.stdout.splitlines() if line.startswith("    ") and line[4] != " "}
    assert listed - {"COMMAND"} == {"demo", "check", "services", *PASSING}


def test_unknown_command_is_refused_with_the_known_ones() -> None:
    answer = run("dmeo")

    assert answer.returncode == 2
    assert "invalid choice: 'dmeo'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_history_without_once_is_refused() -> None:
    answer = run("demo", "--json")

    assert answer.returncode == 2
    assert "--history and --json belong to demo --once" in answer.stderr


def test_missing_history_file_is_one_sentence(tmp_path: Path) -> None:
    answer = run("demo", "--once", "--history", "no-such.csv", KEEL_STATE_DIR=str(tmp_path / "state"))

    assert answer.returncode == 1
    assert answer.stderr == "There is no history file no-such.csv.\n"


def test_unknown_benchmark_is_one_sentence(tmp_path: Path) -> None:
    answer = run("bench", "nothing", KEEL_STATE_DIR=str(tmp_path / "state"))

    assert answer.returncode == 1
    assert answer.stderr.startswith("Name one of the benchmarks: ")
    assert answer.stderr.count("\n") == 1


def test_old_python_gets_a_sentence_instead_of_a_traceback(tmp_path: Path) -> None:
    shutil.copy(ROOT / "run", tmp_path / "run")
    source = "import sys, runpy; sys.version_info = (3, 9, 2); runpy.run_path('run', run_name='__main__')"

    answer = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": ""}
    )

    assert answer.returncode == 2
    assert answer.stderr.startswith("Keel needs Python 3.11 or newer, and this is Python 3.9. ")


def test_entry_file_has_no_syntax_that_an_old_python_would_refuse() -> None:
    compile((ROOT / "run").read_text(), "run", "exec", flags=0, dont_inherit=True)
    source = (ROOT / "run").read_text()

    assert not any(word in source for word in (":=", "match ", "f'", 'f"', "->", ": str"))


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([], ["-m", "not soak", "-n", "2"]),
        (["tests/ledger", "-k", "hold"], ["-m", "not soak", "-n", "2"]),
        (["-m", "soak"], ["-n", "2"]),
        (["-n0"], ["-m", "not soak"]),
        (["--pdb", "-msoak"], []),
    ],
)
def testpytest_defaults_give_way_to_what_the_caller_says(given: list[str], added: list[str]) -> None:
    assert pytest_defaults(given) == added


def test_file_names_are_meant_from_where_the_caller_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deals.csv").touch()
    monkeypatch.chdir(tmp_path)

    assert absolute_files(["--history", "deals.csv", "--port", "4430"]) == [
        "--history",
        str(tmp_path / "deals.csv"),
        "--port",
        "4430",
    ]


def test_passing_commands_are_in_the_help() -> None:
    help_text = build_parser().format_help()

    assert all(name in help_text for name in PASSING)


def test_interrupted_program_ends_by_itself_before_run_does(tmp_path: Path) -> None:
    """A SIGTERM to ./run reaches the program it runs as an interrupt, and its clean-up is waited for."""
    source = """
import json, sys
from pathlib import Path
from house.commands import run_in_foreground
from house.supervisor import signals_interrupt
from house.trouble import Interrupted
program = '''
import pathlib, sys, time
print("up", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    pathlib.Path(sys.argv[1]).write_text("cleaned up")
'''
try:
    with signals_interrupt():
        run_in_foreground([sys.executable, "-c", program, sys.argv[1]], environment={}, directory=Path.cwd())
except Interrupted as interrupted:
    print(json.dumps({"signal": interrupted.signal_number}))
"""
    done = tmp_path / "done"
    runner = subprocess.Popen(
        [sys.executable, "-c", source, done], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == "up\n"
    time.sleep(0.1)

    runner.send_signal(signal.SIGTERM)
    said, _ = runner.communicate(timeout=20)

    assert json.loads(said) == {"signal": signal.SIGTERM}
    assert done.read_text() == "cleaned up"
