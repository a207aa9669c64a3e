"""Prove the judgements: print every difference, or that there is none."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from commissions.proof.types import Report
from commissions.verify import SAMPLE, prove
from crm.flows.proof_flow import prove_broker
from tenancy.context import each_broker


class Command(BaseCommand):
    help = "Compare deals, judgements, roll-ups, statements and ledger and list what disagrees; ends with 1 if so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--broker", help="code of one broker; without it, all active brokers")
        parser.add_argument("--sample", type=int, default=SAMPLE, help="deals to compute again by the exact path")
        parser.add_argument(
            "--servers", action="store_true", help="also compare with the MT servers, and keep the result as a run"
        )
        parser.add_argument("--since", help="with --servers: compare from this day on (YYYY-MM-DD); default 40 days")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *_args: Any, **options: Any) -> None:
        reports: dict[str, Report] = {}
        for broker in each_broker(reason="the proof covers every broker's judgements"):
            if options["broker"] in (None, broker.code):
                reports[broker.code] = self._prove(options)
        if options["broker"] and not reports:
            raise CommandError(f"There is no active broker with the code {options['broker']}.")
        for code, report in reports.items():
            self._say(code, report)
        if options["json"]:
            self.stdout.write(json.dumps({code: as_dict(report) for code, report in reports.items()}))
        wrong = sum(len(report.findings) for report in reports.values())
        if wrong:
            raise CommandError(f"{wrong} differences", returncode=1)

    def _prove(self, options: dict[str, Any]) -> Report:
        if not options["servers"]:
            return prove(sample=options["sample"])
        since = datetime.fromisoformat(options["since"]).replace(tzinfo=UTC) if options["since"] else None
        _run, report = prove_broker(
            cause="verify_commissions", now=timezone.now(), since=since, sample=options["sample"]
        )
        return report

    def _say(self, code: str, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(f"{code}: {finding}")
        if not report.findings:
            self.stdout.write(f"{code}: every closing deal is judged; lines, roll-ups and ledger agree")


def as_dict(report: Report) -> dict[str, Any]:
    """Return a report as the JSON output holds it."""
    return {
        "differences": [
            {"rule": str(finding.code), "detail": finding.detail, "deal_id": finding.deal_id}
            for finding in report.findings
        ],
        "checked": report.checked,
        "queued": report.queued,
    }
