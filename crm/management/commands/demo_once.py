"""The main job once: wait for the workers, measure, print what is stored."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from crm.demo.once import GaveUp, history_code, measure_latency, read_ready_file, run_history
from mt4bridge.errors import BridgeError


class Command(BaseCommand):
    help = "Walk a history through bridge, workers, judge and ledger, and print the stored figures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--simulator", type=Path, required=True, metavar="READY_FILE")
        parser.add_argument("--live-simulator", type=Path, required=True, metavar="READY_FILE")
        parser.add_argument("--web-port", type=int, required=True)
        parser.add_argument("--history", nargs="+", type=Path, default=[], metavar="FILE")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        started = time.monotonic()
        password = os.environ.get("KEEL_DEMO_PASSWORD", "")
        if len(password) < 12:
            raise CommandError("KEEL_DEMO_PASSWORD must be set, with 12 characters or more.")
        try:
            self._say("  walking the history …")
            history = read_ready_file(options["simulator"])
            figures = run_history(simulator=history, code=history_code(options["history"]), clock=timezone.now)
            self._say("  trading live and watching the IB's page …")
            latency = measure_latency(
                simulator=read_ready_file(options["live_simulator"]), web_port=options["web_port"], password=password,
                clock=timezone.now,
            )  # fmt: skip
        except (GaveUp, DomainError, BridgeError) as error:
            raise CommandError(str(error)) from error
        result = {
            **asdict(figures), "trade_to_visible_ms": latency, "seconds": round(time.monotonic() - started, 2),
        }  # fmt: skip
        self.stdout.write(json.dumps(result) if options["json"] else _as_text(result))

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")


def _as_text(result: dict[str, Any]) -> str:
    """Return the figures for a person: one line each."""
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in result.items() if name != "books"]
    lines += [
        f"  login {book['login']}: balance {book['balance']} {book['currency']}, "
        f"closed profit {book['closed_profit']}, swap {book['swap']}, {book['open']} open"
        for book in result["books"]
    ]
    return "\n".join(lines)
