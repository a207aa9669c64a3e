"""Other people's clients, unmodified, as processes of their own against the simulator."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.types import DealRow
from tests.mt4bridge.conftest import ROOT, Simulator, all_deals

pytestmark = pytest.mark.integration
CLIENTS = Path(__file__).parent / "clients"
NODE = Path(sys.executable).with_name("node")


def seen_by(command: list[str], **environment: str) -> dict[str, Any]:
    """Run a client and return the JSON of its last line."""
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def port_of(simulator: Simulator) -> str:
    return simulator.address.rpartition(":")[2]


def test_the_npm_package_mt5_sdk_works(small: Simulator) -> None:
    server = small.server()

    seen = seen_by(
        [str(NODE), str(CLIENTS / "mt5_sdk.cjs"), port_of(small), "1000", small.ready["password"], "real\\cent"],
        NODE_PATH=str(ROOT / "node_modules"),
    )

    login = int(seen["login"])
    deals = [deal for deal in all_deals(server) if deal.login == login]
    assert seen == {
        "created": ["Sdk Client", "real\\cent", "200", "SDK1"],
        "tickets": [str(deal.ticket) for deal in deals],
        "got": "100.25",
        "right": True,
        "changed": True,
        "stale": True,
        "updated": "50",
        "batch": [str(user.login) for user in server.users("real\\cent")],
        "login": str(login),
    }
    assert [(deal.profit_e8, deal.comment) for deal in deals] == [
        (15_025_000_000, "sdk deposit"),
        (-5_000_000_000, "sdk"),
    ]


@pytest.mark.parametrize("mode", ["plain", "encrypted"])
def test_the_package_pymt5pure_works(small: Simulator, mode: str) -> None:
    server = small.server()
    login = server.users()[0].login
    before = [deal for deal in all_deals(server) if deal.login == login]
    (state,) = server.account_states([login])

    script = str(CLIENTS / "pymt5pure_client.py")
    seen = seen_by([sys.executable, script, port_of(small), "1000", small.ready["password"], str(login), mode])

    (booked,) = [deal for deal in all_deals(server) if deal.login == login and deal not in before]
    assert seen == {
        "versions": ["3661", "3661"],
        "symbols": len(server.symbols()),
        "symbol": "USD",
        "groups": len(server.groups()),
        "logins": [user.login for user in server.users()],
        "user": str(login),
        "total": len(before),
        "deals": [str(deal.ticket) for deal in before],
        "comment": "a|b=c",
        "balance": f"{state.balance + Decimal('12.50'):.2f}",
        "ticks": ["EURUSD", "XAUUSD"],
        "time": len("1572518788 2019.10.31 10:46:28"),
    }
    assert isinstance(booked, DealRow)
    assert (booked.profit_e8, booked.comment) == (1_250_000_000, "a|b=c")


def test_pymt5pure_with_a_wrong_password_gets_no_session(small: Simulator) -> None:
    script = str(CLIENTS / "pymt5pure_client.py")

    ended = subprocess.run(
        [sys.executable, script, port_of(small), "1000", "wrong", "1", "plain"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode != 0
    assert not ended.stdout
