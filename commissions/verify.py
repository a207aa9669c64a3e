"""Prove the judgements: nothing missing, and every payee's lines, roll-up and ledger account say the same.

Run by night and by `manage.py verify_commissions`. It changes nothing but its own rows."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from types import TracebackType

from django.db import connection, transaction

from commissions.models import Judgement, Payee, Rejudge
from commissions.proof.coverage import verify_chains, verify_sample
from commissions.proof.enums import Rule
from commissions.proof.models import ProofDifference, ProofRun
from commissions.proof.rules import CHECKS, STATES, books_agree, findings_of
from commissions.proof.types import Finding, Report
from commissions.settlement.verify import verify_settlement

__all__ = ["Finding", "Report", "prove", "record_proof", "start_proof", "statement_equals_ledger", "verify_commissions"]

SAMPLE = 200


def verify_commissions(*, sample: int = SAMPLE, seed: int = 1) -> list[Finding]:
    """Return everything that disagrees in the broker in force; [] when all is proved. Reads whole tables."""
    return prove(sample=sample, seed=seed).findings


def prove(*, sample: int = SAMPLE, seed: int = 1, states: bool = False) -> Report:
    """Check every rule on one state of the database. `states`: also list held deals and those too large to book.

    `sample`: how many deals are computed again by the exact path, picked by `seed`."""
    report = Report()
    with _one_state():
        report.queued = Rejudge.objects.filter(is_ready=True).count()
        report.checked["payees"] = Payee.objects.count()
        for check in (*CHECKS, *(STATES if states else ())):
            report.add(findings_of(check))
        report.add([Finding(Rule.SETTLEMENT, said, values=values) for said, values in verify_settlement()])
        verify_chains(report)
        verify_sample(report, size=sample, seed=seed)
        report.checked["judgements"] = _about(Judgement._meta.db_table)
    return report


def _one_state() -> AbstractContextManager[object]:
    """Return a transaction that sees one state of the database: the engine goes on while the proof reads."""
    if connection.in_atomic_block:
        return nullcontext()
    return _Snapshot()


class _Snapshot:
    def __init__(self) -> None:
        self._atomic = transaction.atomic()

    def __enter__(self) -> None:
        self._atomic.__enter__()
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._atomic.__exit__(kind, error, trace)


def _about(table: str) -> int:
    """Return how many rows a table has, as the database estimates it: counting ten million takes seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        (rows,) = cursor.fetchone()
    return int(rows)


def start_proof(*, cause: str, now: datetime) -> ProofRun:
    """Note that a proof begins; one that breaks off stays without an end, and the overview says so."""
    return ProofRun.objects.create(started_at=now, cause=cause[:200])


@transaction.atomic
def record_proof(*, run: ProofRun, report: Report, now: datetime) -> ProofRun:
    """Store what a proof found."""
    rows = [
        ProofDifference(
            run=run, rule=f.code, detail=f.detail, deal_id=f.deal_id, said=f.said if f.values else "",
            values=dict(f.values),
        )
        for f in report.findings
    ]  # fmt: skip
    ProofDifference.objects.bulk_create(rows, batch_size=1_000)
    run.finished_at, run.differences = now, len(rows)
    run.checked, run.queued = report.checked, report.queued
    run.save(update_fields=["finished_at", "differences", "checked", "queued"])
    return run


def statement_equals_ledger() -> bool:
    """Whether every payee's booked lines, roll-up and accrued ledger account are the same number."""
    return books_agree()
