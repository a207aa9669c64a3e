"""Play rebate scenarios through the real engine on the real database."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from crm.scenarios.documents import read_documents
from crm.scenarios.stage import run_scenario


class Command(BaseCommand):
    help = "Play rebate scenarios, each on a scratch broker; exits 1 when any fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a scenario file, or a directory of them")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            documents = read_documents(options["paths"])
        except DomainError as error:
            raise CommandError(str(error)) from error
        failures = []
        for document in documents:
            result = run_scenario(document)
            self.stdout.write(f"{'ok    ' if result.passed else 'FAILED'} {document.name}: {document.title}")
            self.stdout.flush()
            if not result.passed:
                failures.append({"scenario": document.name, "expected": result.expected, "got": result.got})
                if not options["json"]:
                    self.stdout.write(f"       expected {result.expected}\n       got      {result.got}")
        passed = len(documents) - len(failures)
        self.stdout.write(f"{passed} passed, {len(failures)} failed")
        if options["json"]:
            summary = {"passed": passed, "failed": len(failures), "failures": failures}
            self.stdout.write(json.dumps(summary, default=str))
        if failures:
            self.stdout.flush()
            sys.exit(1)
