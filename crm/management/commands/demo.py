"""Fill the two demo brokers from their simulators and say who can sign in."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from crm.demo.network import IBS
from crm.demo.once import read_ready_file
from crm.demo.setup import STAFF, fill_demo_broker, find_or_open_broker
from mt4bridge.errors import BridgeError
from tenancy.context import broker_context
from tenancy.services import BrokerSpec

BROKERS = (
    BrokerSpec(code="aurora", name="Aurora Markets", hosts=("aurora.localhost",), mark="A", primary_color="#4f46e5"),
    BrokerSpec(
        code="borealis", name="Borealis FX", hosts=("borealis.localhost",), mark="B", primary_color="#0f766e",
        settlement_zone="Asia/Singapore", default_language="zh-hans",
    ),
)  # fmt: skip


class Command(BaseCommand):
    help = "Fill the demo brokers. The simulators must answer; `./run demo` starts them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--simulator", nargs=2, type=Path, required=True, metavar="READY_FILE")

    def handle(self, *_args: Any, **options: Any) -> None:
        password, port = os.environ.get("KEEL_DEMO_PASSWORD", ""), os.environ.get("KEEL_PORT", "8000")
        if len(password) < 12:
            raise CommandError("KEEL_DEMO_PASSWORD must be set, with 12 characters or more.")
        try:
            for spec, ready_file in zip(BROKERS, options["simulator"], strict=True):
                self._fill(spec, ready_file, password)
        except (DomainError, BridgeError) as error:
            raise CommandError(str(error)) from error
        self._tell(password, port)

    def _fill(self, spec: BrokerSpec, ready_file: Path, password: str) -> None:
        now = timezone.now()
        broker = find_or_open_broker(spec, now=now)
        with broker_context(broker):
            fill_demo_broker(
                simulator=read_ready_file(ready_file), domain=f"{spec.code}.example", password=password, now=now
            )
        self.stderr.write(f"  {spec.name} is filled")

    def _tell(self, password: str, port: str) -> None:
        self.stdout.write(f"\nEverybody's password: {password}")
        for spec in BROKERS:
            domain = f"{spec.code}.example"
            self.stdout.write(f"\n{spec.name}: http://{spec.hosts[0]}:{port}/")
            for mailbox, name, role in STAFF:
                self.stdout.write(f"  back office ({role}): {mailbox}@{domain}  {name}")
            self.stdout.write(f"  partner (IB {IBS[0].code}): ib{IBS[0].code}@{domain}  {IBS[0].name}")
            self.stdout.write(f"  trader: client{{login}}@{domain}, for the logins that the back office lists")
