"""Starting and stopping real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from house.checkout import Checkout
from house.identity import identify, is_alive, wait_until_gone
from house.records import read_json, write_json
from house.supervisor import Process, end_leftovers, signals_interrupt, supervisor
from house.trouble import Interrupted, Trouble

pytestmark = pytest.mark.unit

STUBBORN_WITH_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, "ready", flush=True)
time.sleep(600)
"""


def script(name: str, source: str, *, ready: str = "ready") -> Process:
    return Process(
        name=name,
        command=[sys.executable, "-c", source],
        environment=dict(os.environ),
        is_ready=lambda log: ready.encode() in log.read_bytes(),
    )


def test_start_waits_until_the_process_says_it_is_ready(own_checkout: Checkout) -> None:
    slow = script("slow", "import time; time.sleep(0.4); print('ready', flush=True); time.sleep(600)")

    with supervisor(own_checkout) as running:
        running.start([slow])
        said = (own_checkout.logs / "slow.log").read_text()

    assert said == "ready\n"


def test_start_waits_only_for_the_named_ones_and_the_rest_can_be_waited_for_later(own_checkout: Checkout) -> None:
    slow = script("slow", "import time; time.sleep(0.6); print('ready', flush=True); time.sleep(600)")
    quick = script("quick", "import time; print('ready', flush=True); time.sleep(600)")

    with supervisor(own_checkout) as running:
        running.start([slow, quick], wait_for=["quick"])
        ready_first = {each.process.name for each in running.running if each.is_ready}
        running.wait_until_ready()
        ready_then = {each.process.name for each in running.running if each.is_ready}

    assert ready_first == {"quick"}
    assert ready_then == {"slow", "quick"}


def test_a_process_that_ends_early_is_reported_with_its_last_words(own_checkout: Checkout) -> None:
    failing = script("web", "import sys; sys.exit('the port is taken')")

    with (
        supervisor(own_checkout) as running,
        pytest.raises(Trouble, match=r"(?s)web ended by itself \(code 1\).*the port is taken"),
    ):
        running.start([failing])


def test_wait_reports_a_process_that_ends_later(own_checkout: Checkout) -> None:
    short = script("beat", "import time; print('ready', flush=True); time.sleep(0.3); raise SystemExit(3)")

    with supervisor(own_checkout) as running:
        running.start([short])
        with pytest.raises(Trouble, match=r"beat ended by itself \(code 3\)"):
            running.wait()


def test_stop_goes_backwards(own_checkout: Checkout, tmp_path: Path) -> None:
    order = tmp_path / "order"
    source = f"""
import signal, sys, time
def stop(*_):
    open({str(order)!r}, "a").write(sys.argv[1])
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""
    started = [
        Process(name, [sys.executable, "-c", source, name], dict(os.environ), lambda log: b"ready" in log.read_bytes())
        for name in ("simulator ", "web ", "worker ")
    ]

    with supervisor(own_checkout) as running:
        running.start(started)

    assert order.read_text() == "worker web simulator "


def test_stop_kills_what_does_not_stop_and_its_children(
    own_checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("house.supervisor.STOP_WITHIN_S", 0.3)

    with supervisor(own_checkout) as running:
        running.start([script("stubborn", STUBBORN_WITH_CHILD)])
        parent = running.running[0].identity
        child = identify(int((own_checkout.logs / "stubborn.log").read_text().split()[1]))

    assert parent is not None
    assert child is not None
    assert not is_alive(parent)
    assert wait_until_gone(child, within_s=5)


def test_leftovers_of_a_killed_run_are_ended_and_no_other_process_is(own_checkout: Checkout) -> None:
    def sleeper() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)

    left_over, reused_pid, of_a_living_run = sleeper(), sleeper(), sleeper()
    identities = [identify(child.pid) for child in (left_over, reused_pid, of_a_living_run)]
    ourselves = identify(os.getpid())
    assert None not in identities
    assert ourselves is not None
    records = own_checkout.state / "supervisors"
    records.mkdir()
    children = [identities[0].as_json(), {"pid": reused_pid.pid, "began": "long ago"}]  # type: ignore[union-attr]
    write_json(records / "1.json", {"supervisor": {"pid": 1, "began": "never"}, "children": children})
    write_json(records / "2.json", {"supervisor": ourselves.as_json(), "children": [identities[2].as_json()]})  # type: ignore[union-attr]

    try:
        end_leftovers(own_checkout)

        assert left_over.wait(timeout=5) == -signal.SIGTERM
        assert reused_pid.poll() is None
        assert of_a_living_run.poll() is None
        assert [path.name for path in records.iterdir()] == ["2.json"]
        assert read_json(records / "2.json")["children"] == [identities[2].as_json()]  # type: ignore[union-attr]
    finally:
        for child in (left_over, reused_pid, of_a_living_run):
            child.kill()
            child.wait()


def test_a_signal_stops_everything_on_its_way_out(own_checkout: Checkout) -> None:
    pids: list[int] = []

    def run_until_signalled() -> None:
        with signals_interrupt(), supervisor(own_checkout) as running:
            running.start([script("worker", "import time; print('ready', flush=True); time.sleep(600)")])
            pids.append(running.running[0].child.pid)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(Interrupted):
        run_until_signalled()

    assert identify(pids[0]) is None
    assert list((own_checkout.state / "supervisors").iterdir()) == []
