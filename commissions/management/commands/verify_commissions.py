"""Prove the judgements: print every difference, or that there is none."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from commissions.verify import verify_commissions
from tenancy.context import each_broker


class Command(BaseCommand):
    help = "Compare deals, judgements, roll-ups and ledger and list what disagrees; ends with 1 if anything does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--broker", help="code of one broker; without it, all active brokers")

    def handle(self, *_args: Any, **options: Any) -> None:
        wrong = met = 0
        for broker in each_broker(reason="the proof covers every broker's judgements"):
            if options["broker"] in (None, broker.code):
                met += 1
                wrong += self._report(broker.code)
        if options["broker"] and not met:
            raise CommandError(f"There is no active broker with the code {options['broker']}.")
        if wrong:
            raise CommandError(f"{wrong} differences", returncode=1)

    def _report(self, code: str) -> int:
        findings = verify_commissions()
        for finding in findings:
            self.stdout.write(f"{code}: {finding}")
        if not findings:
            self.stdout.write(f"{code}: every closing deal is judged; lines, roll-ups and ledger agree")
        return len(findings)
