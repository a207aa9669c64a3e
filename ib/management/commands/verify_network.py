"""Check every broker's network; exits 1 with a line for each thing that is wrong."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ib.queries import verify_network
from tenancy.context import each_broker


class Command(BaseCommand):
    help = "Prove that each broker's IB tree, parents and dated links agree and that no cycle exists at any moment."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--broker", help="code of one broker; default: all")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted, checked, wrong = options["broker"], 0, 0
        for broker in each_broker(reason="the nightly check covers every network"):
            if wanted and broker.code != wanted:
                continue
            checked += 1
            for finding in verify_network(now=timezone.now()):
                wrong += 1
                self.stdout.write(f"{broker.code}: IB {finding.subject}: {finding.rule}: {finding.detail}")
        if not checked:
            raise CommandError(
                f"There is no active broker with the code {wanted}." if wanted else "There is no broker."
            )
        if wrong:
            raise CommandError(f"{wrong} thing(s) wrong in {checked} network(s).")
        self.stdout.write(f"{checked} network(s) checked: all is right.")
