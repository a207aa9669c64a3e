"""Prove the ledger: print every difference, or that there is none."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.queries import ledger_sums
from ledger.verify import verify_ledger
from tenancy.context import broker_context, each_broker, public_context
from tenancy.models import Broker


class Command(BaseCommand):
    help = "Recompute balances, holds and sums of the ledger and list what disagrees; ends with 1 if anything does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--broker", help="code of one broker; without it, all active brokers")

    def handle(self, *_args: Any, **options: Any) -> None:
        wrong = sum(self._report(broker) for broker in _brokers(options["broker"]))
        if wrong:
            raise CommandError(f"{wrong} differences", returncode=1)

    def _report(self, broker: Broker) -> int:
        differences = verify_ledger()
        for difference in differences:
            self.stdout.write(f"{broker.code}: {difference}")
        if not differences:
            sums = ", ".join(f"{currency} {net:f}" for currency, net in ledger_sums().items()) or "no entries yet"
            self.stdout.write(f"{broker.code}: the ledger agrees with itself ({sums})")
        return len(differences)


def _brokers(code: str | None) -> Iterator[Broker]:
    if code is None:
        yield from each_broker(reason="the proof covers every broker's ledger")
        return
    with public_context():
        broker = Broker.objects.filter(code=code).first()
    if broker is None:
        raise CommandError(f"There is no broker with the code {code}.")
    with broker_context(broker):
        yield broker
