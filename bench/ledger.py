"""What the ledger's walls cost: CPU of client and database, against the same rows written without them.

ratio_single   hand-written unguarded booking of one entry / `post_entry`
ratio_batch    bare COPY of a batch's entries and postings / the same COPY with all walls and balances
ratio_service  bare COPY of a batch's entries and postings / `post_entries`, from specs to commit
1 would be: for nothing. Works in a broker of its own, which is removed afterwards."""

import argparse
import json
import os
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ["KEEL_AS_OWNER"] = "1"  # the baselines switch triggers off
django.setup()

from django.db import connection, transaction  # noqa: E402

from access.types import Actor  # noqa: E402
from core import copying  # noqa: E402
from crm.flows.brokers import open_broker  # noqa: E402
from ledger import wire  # noqa: E402
from ledger.enums import AccountKind, EntryKind, OwnerType  # noqa: E402
from ledger.services import ensure_accounts, entries, post_entries, post_entry  # noqa: E402
from ledger.types import AccountSpec, EntrySpec, credit, debit  # noqa: E402
from tenancy.context import broker_context, public_context  # noqa: E402
from tenancy.provisioning import drop_schema  # noqa: E402
from tenancy.services import BrokerSpec  # noqa: E402

ROUNDS = 7
SINGLES = 200
BATCH = 5_000
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TABLES = ("ledger_journalentry", "ledger_posting", "ledger_balance")
NAIVE = """
WITH entry AS (
  INSERT INTO ledger_journalentry (idempotency_key, request_hash, kind, at, booked_at, description, params, actor_label)
  VALUES (%(key)s, gen_random_uuid(), 'rebate_accrual', %(at)s, %(at)s, 'bench', '{}', 'bench') RETURNING id),
lines AS (
  INSERT INTO ledger_posting (entry_id, line, ledger_account_id, side, amount)
  SELECT id, 1, %(house)s, 'D', 1.25 FROM entry UNION ALL SELECT id, 2, %(ib)s, 'C', 1.25 FROM entry)
UPDATE ledger_balance
SET posted_debit = posted_debit + CASE WHEN ledger_account_id = %(house)s THEN 1.25 ELSE 0 END,
    posted_credit = posted_credit + CASE WHEN ledger_account_id = %(ib)s THEN 1.25 ELSE 0 END,
    posting_count = posting_count + 1
WHERE ledger_account_id IN (%(house)s, %(ib)s)
"""


class Meter:
    """CPU seconds of this process and of its database connection."""

    def __init__(self) -> None:

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
        self.tick = os.sysconf("SC_CLK_TCK")

    def now(self) -> float:
        fields = self.backend.read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / self.tick

    def measure(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return CPU seconds and seconds by the clock."""
        cpu, clock = self.now(), time.perf_counter()
        work()
        return self.now() - cpu, time.perf_counter() - clock


@contextmanager
def bench_broker() -> Iterator[None]:
    """Put a broker of our own in force."""

    code = f"bench-{secrets.token_hex(4)}"
    broker = open_broker(BrokerSpec(code=code, name="Bench", hosts=(f"{code}.localhost",)), now=NOW)
    try:
        with broker_context(broker):
            yield
    finally:
        with public_context():
            drop_schema(broker.schema_name)
            broker.delete()


@contextmanager
def without_walls() -> Iterator[None]:
    """Switch the triggers of entries, postings and balances off for a while."""

    def switch(how: str) -> None:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {how} TRIGGER USER")

    switch("DISABLE")
    try:
        yield
    finally:
        switch("ENABLE")


class Work:
    """The kinds of booking that are compared; every call books fresh keys."""

    def __init__(self) -> None:

        house = AccountSpec(AccountKind.REBATE_EXPENSE, "USD")
        ibs = [AccountSpec(AccountKind.IB_ACCRUED, "USD", OwnerType.IB, number) for number in range(1, BATCH + 1)]
        ids = ensure_accounts(specs=[house, *ibs], now=NOW)
        self.house = ids[house.code]
        self.ibs = [ids[spec.code] for spec in ibs]
        self.actor = Actor.system("bench")

    def specs(self, count: int) -> list[Any]:

        run, amount = secrets.token_hex(6), Decimal("1.25")
        return [
            EntrySpec(
                f"{run}:{ib}", EntryKind.REBATE_ACCRUAL, NOW, "bench", (debit(self.house, amount), credit(ib, amount))
            )
            for ib in self.ibs[:count]
        ]

    def singles(self, specs: list[Any]) -> None:

        for spec in specs:
            post_entry(entry=spec, actor=self.actor, now=NOW)

    def naive_singles(self, specs: list[Any]) -> None:

        for spec in specs:
            ib = spec.postings[1].ledger_account_id
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(NAIVE, {"key": spec.idempotency_key, "at": NOW, "house": self.house, "ib": ib})

    def service(self, specs: list[Any]) -> None:

        post_entries(entries=specs, actor=self.actor, now=NOW)

    def packed(self, specs: list[Any]) -> tuple[list[bytes], list[bytes]]:
        """Return the batch's rows, ready for COPY."""
        ids = [entries.reserve_entry_id() for _ in specs]
        rows: list[bytes] = []
        lines: list[bytes] = []
        who = copying.text("bench") + copying.int8(None)
        for entry_id, spec in zip(ids, specs, strict=True):
            rows.append(b"".join((
                copying.int8(entry_id), copying.text(spec.idempotency_key), wire.uuid(secrets.token_bytes(16)),
                copying.text(spec.kind), copying.timestamptz(NOW), copying.timestamptz(NOW), copying.text("bench"),
                wire.jsonb({}), copying.int8(None), who,
            )))  # fmt: skip
            postings = [(p.ledger_account_id, str(p.side), wire.scaled(p.amount)) for p in spec.postings]
            lines += wire.posting_rows(entry_id, postings)
        return rows, lines

    def copy(self, packed: tuple[list[bytes], list[bytes]]) -> None:

        with transaction.atomic():
            copying.copy_rows(table="ledger_journalentry", columns=entries.ENTRY_COLUMNS, rows=packed[0])
            copying.copy_rows(table="ledger_posting", columns=entries.POSTING_COLUMNS, rows=packed[1])


def run() -> dict[str, float]:
    """Measure every kind of booking ROUNDS times, turn about, and compare medians."""
    samples: dict[str, list[tuple[float, float]]] = {}
    with bench_broker():
        work, meter = Work(), Meter()
        for number in range(ROUNDS + 1):
            packed, bare = work.packed(work.specs(BATCH)), work.packed(work.specs(BATCH))
            specs, few, naive = work.specs(BATCH), work.specs(SINGLES), work.specs(SINGLES)
            taken = {
                "single": meter.measure(lambda few=few: work.singles(few)),
                "copy_walls": meter.measure(lambda packed=packed: work.copy(packed)),
                "service": meter.measure(lambda specs=specs: work.service(specs)),
            }
            with without_walls():
                taken["naive_single"] = meter.measure(lambda naive=naive: work.naive_singles(naive))
                taken["copy_bare"] = meter.measure(lambda bare=bare: work.copy(bare))
            if number:  # the first round warms plans and caches
                for name, sample in taken.items():
                    samples.setdefault(name, []).append(sample)
    cpu = {name: statistics.median(cpu for cpu, _clock in found) for name, found in samples.items()}
    clock = {name: statistics.median(clock for _cpu, clock in found) for name, found in samples.items()}
    return {
        "ratio_single": round(cpu["naive_single"] / cpu["single"], 3),
        "ratio_batch": round(cpu["copy_bare"] / cpu["copy_walls"], 3),
        "ratio_service": round(cpu["copy_bare"] / cpu["service"], 3),
        "batch_entries": BATCH,
        "single_cpu_ms": round(cpu["single"] / SINGLES * 1000, 3),
        "single_entries_per_s": round(SINGLES / clock["single"]),
        "batch_cpu_us_per_entry": round(cpu["service"] / BATCH * 1e6, 1),
        "batch_entries_per_s": round(BATCH / clock["service"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments = parser.parse_args()
    result = run()
    if arguments.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:24} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
