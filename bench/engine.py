"""What judging costs: CPU of client and database from fetched rows to committed judgements, roll-ups and ledger.

ratio_to_copy      binary COPY of the same final rows into the same tables / the engine
ratio_to_row_copy  binary COPY of one row per payee into a table with only its primary key / the engine
ratio_to_orm       a naive ORM loop doing the same work, per deal / the engine, per deal
Openings are stored before and closings are judged, in batches as large as the walker takes them; then the MT server
edits 1 % of them, and those are judged again. The IBs' ledger accounts exist in both; what a process remembers of
network and plans is cold. Copies are made three times, the middle one counts. The baseline of rows is measured on the
first rows and counted up. `rerun_share`: what it costs to walk again over what is judged. Works in brokers of its own,
which are removed afterwards.

Markets: `mixed` (all bases, two currencies, two versions of each plan), `even` (the same, but clients trade all symbols
alike) and `plain` (per lot by difference)."""

import argparse
import gc
import json
import os
import resource
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import IO, Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ["KEEL_AS_OWNER"] = "1"  # makes its brokers and a table to compare with
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import F, Max, Q  # noqa: E402

from access.types import Actor  # noqa: E402
from bench._market import DAY, Size, build_market, edit_closings  # noqa: E402
from commissions.judging.batches import AGAIN_AT_ONCE, judge_next_batch, judge_rows, rejudge_next_batch  # noqa: E402
from commissions.judging.deals import read_new  # noqa: E402
from commissions.judging.memory import Memory, forget  # noqa: E402
from commissions.judging.payees import PayeeKey, ensure_payees  # noqa: E402
from commissions.models import IbDay, Judgement, Payee, PlanAssignment  # noqa: E402
from commissions.terms import parse_terms  # noqa: E402
from crm.flows.brokers import open_broker  # noqa: E402
from crm.flows.deal_flow import JUDGE_BATCH  # noqa: E402
from ib.models import IB, ClientLink, IbLink  # noqa: E402
from ledger.enums import AccountKind, EntryKind, OwnerType  # noqa: E402
from ledger.services import ensure_accounts, post_entry  # noqa: E402
from ledger.types import AccountSpec, EntrySpec, credit, debit  # noqa: E402
from tenancy.context import broker_context  # noqa: E402
from tenancy.models import Broker  # noqa: E402
from tenancy.services import BrokerSpec, remove_broker  # noqa: E402
from trading.cursor import get_cursor  # noqa: E402
from trading.models import Deal, DealCursor, TradingAccount  # noqa: E402

NOW = datetime(2026, 3, 3, tzinfo=UTC)
LARGE = (1_000_000, 20_000, 80_000, 150)  # deals, IBs, clients, trees
SIZES = {"mixed": LARGE, "even": LARGE, "plain": (200_000, 5_000, 20_000, 1)}
ACTOR = Actor.system("bench")
# A judgement as one row per payee: the same columns, an element in place of each array.
ROW_TABLE = """CREATE TABLE bench_line (deal_id bigint, account_id bigint, leaf_ib_id bigint, deal_at timestamptz,
    lots_e8 bigint, batch_id bigint, symbol_group_id integer, day date, revision smallint,
    deal_revision smallint, level smallint, terms_hash uuid, payee integer, verdict smallint, rate_row integer,
    amount_e8 bigint, booked_e8 bigint, PRIMARY KEY (deal_id, revision, payee))"""
LINES = """SELECT j.deal_id, j.account_id, j.leaf_ib_id, j.deal_at, j.lots_e8, j.batch_id, j.symbol_group_id, j.day,
    j.revision, j.deal_revision, l.level::smallint, j.terms_hash, l.payee, l.verdict, l.rate_row, l.amount,
    NULL::bigint
    FROM commissions_judgement j, unnest(j.payee, j.verdict, j.rate_row, j.amount_e8)
    WITH ORDINALITY AS l(payee, verdict, rate_row, amount, level)
    WHERE j.deal_id <= %s AND j.revision = 0 ORDER BY j.deal_id, l.level"""
FIRST = "SELECT deal_id FROM commissions_judgement WHERE revision = 0 ORDER BY deal_id OFFSET %s LIMIT 1"
ROWS = 200_000  # deals whose payees' rows are copied one by one
ROUNDS = 3  # of each baseline, of which the middle one counts: a machine is not equally fast all the time


class Meter:
    """CPU seconds of this process and of its database connection."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
        self.tick = os.sysconf("SC_CLK_TCK")

    def now(self) -> tuple[float, float]:
        fields = self.backend.read_text().rpartition(")")[2].split()
        return time.process_time(), (int(fields[11]) + int(fields[12])) / self.tick

    def measure(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return CPU seconds of client and server."""
        gc.collect()
        client, server = self.now()
        work()
        client_after, server_after = self.now()
        return client_after - client, server_after - server


@contextmanager
def scratch_broker() -> Iterator[Broker]:
    code = f"bench-{secrets.token_hex(4)}"
    broker = open_broker(BrokerSpec(code=code, name="Bench", hosts=(f"{code}.localhost",)), now=NOW)
    try:
        with broker_context(broker):
            yield broker
    finally:
        remove_broker(broker)


def fetch_closings(server_id: int, deals: int) -> list[Any]:
    """Return the closings as the engine fetches them. The openings lie behind the cursor: it has read them before."""
    opened = Deal.objects.filter(server_id=server_id, entry=0).aggregate(last=Max("pk"))["last"]
    for _openings in fetch(server_id, after_id=0, deals=deals):
        pass
    cursor = get_cursor(server_id)
    DealCursor.objects.filter(pk=cursor.pk).update(judged_id=opened, judged_high_at=DAY)
    return list(fetch(server_id, after_id=opened, deals=deals))


def fetch(server_id: int, *, after_id: int, deals: int) -> Iterator[Any]:
    """Yield so many deals in batches, as the walker reads them."""
    while deals > 0:
        rows = read_new(server_id=server_id, after_id=after_id, limit=min(JUDGE_BATCH, deals))
        after_id, deals = int(rows["id"].max()), deals - len(rows)
        yield rows


def fetch_edits(server_id: int, last_id: int) -> list[Any]:
    rows = read_new(server_id=server_id, after_id=last_id, limit=JUDGE_BATCH)
    return [rows] if len(rows) else []


def judge_all(server_id: int, fetched: list[Any]) -> None:
    for rows in fetched:
        judge_rows(rows, cursor=get_cursor(server_id), now=NOW)


def walk_again(server_id: int) -> None:
    """Ask the engine for more work, as the walker does after every round; there is none."""
    if judge_next_batch(server_id=server_id, limit=JUDGE_BATCH, now=NOW):
        raise AssertionError("deals were left to be judged")
    if rejudge_next_batch(server_id=server_id, limit=AGAIN_AT_ONCE, now=NOW):
        raise AssertionError("deals were left to be judged again")


COPIES = (
    ("commissions_judgement", "SELECT * FROM commissions_judgement WHERE batch_id = %s ORDER BY deal_id"),
    (
        "ledger_journalentry",
        "SELECT {entry} FROM ledger_journalentry WHERE idempotency_key LIKE 'judge:' || %s || ':%%'",
    ),
    (
        "ledger_posting",
        "SELECT p.* FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id "
        "WHERE e.idempotency_key LIKE 'judge:' || %s || ':%%' ORDER BY p.entry_id, p.line",
    ),
)
ENTRY = """id, idempotency_key, request_hash, kind, at, booked_at, description, params, reverses_id, actor_label,
    actor_user_id"""


def copy_out(query: str) -> IO[bytes]:
    """Return the rows as a file: a million of them are no part of what the engine needs."""
    file = TemporaryFile()  # noqa: SIM115 -- closed with the last reference to it
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)
    return file


def copy_in(target: str, file: IO[bytes]) -> None:
    file.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {target} FROM STDIN (FORMAT binary)", file, size=1 << 18)


def final_rows() -> tuple[list[dict[str, IO[bytes]]], IO[bytes], dict[str, IO[bytes]]]:
    """Return the stored rows by batch, the roll-up, and what they refer to, all as binary COPY."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM commissions_judgebatch ORDER BY id")
        batches = [pk for (pk,) in cursor.fetchall()]
    by_batch = []
    for batch in batches:
        parts = {}
        for table, query in COPIES:
            with connection.cursor() as cursor:
                text = cursor.mogrify(query.format(entry=ENTRY), [batch]).decode()
            parts[table] = copy_out(text)
        by_batch.append(parts)
    order = "payee_id, day, statement_day, symbol_group_id, via_ib_id, via_account_id"
    days = copy_out(f"SELECT * FROM commissions_ibday ORDER BY {order}")
    base = {"ledger_ledgeraccount": copy_out("SELECT * FROM ledger_ledgeraccount ORDER BY id")}
    return by_batch, days, base


def copy_final(by_batch: list[dict[str, IO[bytes]]], days: IO[bytes]) -> None:
    for place, parts in enumerate(by_batch):
        with transaction.atomic():
            copy_in("commissions_judgement", parts["commissions_judgement"])
            copy_in(f"ledger_journalentry ({ENTRY})", parts["ledger_journalentry"])
            copy_in("ledger_posting", parts["ledger_posting"])
            if place == len(by_batch) - 1:
                copy_in("commissions_ibday", days)


def copy_all(by_batch: list[dict[str, IO[bytes]]], days: IO[bytes], base: dict[str, IO[bytes]]) -> float:
    """Copy everything into a broker of its own; return the CPU seconds."""
    with scratch_broker():
        copy_in("ledger_ledgeraccount", base["ledger_ledgeraccount"])
        return sum(Meter().measure(lambda: copy_final(by_batch, days)))


def copy_rows(meter: Meter, lines: IO[bytes]) -> float:
    """Copy a row per payee into an empty table; return the CPU seconds."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_line")
        cursor.execute(ROW_TABLE)
    return sum(meter.measure(lambda: copy_in("bench_line", lines)))


def sizes(deals: int) -> dict[str, float]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('commissions_judgement'), pg_indexes_size('commissions_judgement')")
        table, index = cursor.fetchone()
    return {"table_bytes_per_deal": round(table / deals, 1), "index_bytes_per_deal": round(index / deals, 1)}


def naive(server_id: int, sample: int) -> None:
    """Judge deals one by one the way a first version would: an object, a query, a save at a time.

    It takes every rate as one per lot and converts nothing, so on the mixed market it does less than the engine."""
    deals = Deal.objects.filter(server_id=server_id, entry=1).order_by("-pk")[:sample]
    for deal in deals:
        with transaction.atomic():
            naive_deal(deal)


def naive_deal(deal: Deal) -> None:
    now_q = Q(active_from__lte=deal.deal_at) & (Q(active_to__isnull=True) | Q(active_to__gt=deal.deal_at))
    account = TradingAccount.objects.select_related("mt_group", "client").get(pk=deal.account_id)
    lots = Decimal(deal.volume_e8) / 10**8 * account.mt_group.lot_factor
    link = ClientLink.objects.filter(now_q, client=account.client).select_related("ib").first()
    ib, below, paid, lines = (link.ib if link else None), None, Decimal(0), []
    while ib is not None:
        rate, row_id = naive_rate(ib, deal, now_q)
        pay = max(rate * lots - paid, Decimal(0))
        paid += pay
        payee, _created = Payee.objects.get_or_create(
            ib=ib, currency=ib.currency, defaults={"kind": "ib", "ledger_account_id": naive_account(ib)}
        )
        lines.append((payee.pk, 1 if pay else 9, row_id, int(pay * 10**8)))
        naive_day(payee, deal, below, pay, lots)
        if pay:
            spec = EntrySpec(
                f"naive:{deal.pk}:{payee.pk}", EntryKind.REBATE_ACCRUAL, deal.deal_at, "bench",
                (debit(naive_expense(ib), round(pay, 8)), credit(payee.ledger_account_id, round(pay, 8))),
            )  # fmt: skip
            post_entry(entry=spec, actor=ACTOR, now=NOW)
        below = ib
        parent = IbLink.objects.filter(now_q, ib=ib).select_related("parent").first()
        ib = parent.parent if parent else None
    payees, verdicts, rows, amounts = zip(*lines, strict=True)
    Judgement.objects.create(
        deal_id=-deal.pk, revision=0, account_id=deal.account_id, leaf_ib_id=link.ib_id if link else None,
        deal_at=deal.deal_at, lots_e8=int(lots * 10**8), batch_id=0, symbol_group_id=0, day=deal.deal_at.date(),
        deal_revision=0, levels=len(lines), terms_hash=None,
        payee=list(payees), verdict=list(verdicts), rate_row=list(rows), amount_e8=list(amounts), booked_e8=None,
    )  # fmt: skip


def naive_account(ib: Any) -> int:
    (account,) = ensure_accounts(
        specs=[AccountSpec(AccountKind.IB_ACCRUED, ib.currency, OwnerType.IB, ib.pk)], now=NOW
    ).values()
    return account


def naive_expense(ib: Any) -> int:
    (account,) = ensure_accounts(specs=[AccountSpec(AccountKind.REBATE_EXPENSE, ib.currency)], now=NOW).values()
    return account


def naive_rate(ib: Any, deal: Deal, now_q: Q) -> tuple[Decimal, int]:
    assignment = PlanAssignment.objects.filter(now_q, ib=ib).select_related("plan").get()
    version = assignment.plan.versions.filter(effective_from__lte=deal.deal_at).order_by(
        "-effective_from", "-published_at"
    )[0]
    terms, _faults = parse_terms(version.terms)
    symbol = deal.symbol
    group = symbol.group.code if symbol and symbol.group else None
    rate = terms and terms.find_rate(symbol=symbol.name if symbol else "", symbol_group=group, mt_group="")
    row = version.rate_rows.get(position=rate.position if rate else -1)
    return (rate.value if rate else Decimal(0)), row.pk


def naive_day(payee: Payee, deal: Deal, below: Any, pay: Decimal, lots: Decimal) -> None:
    day = deal.deal_at.date()
    key = {
        "payee_id": payee.pk, "day": day, "statement_day": day, "symbol_group_id": 0,
        "via_ib_id": below.pk if below else 0, "via_account_id": 0 if below else deal.account_id,
    }  # fmt: skip
    rows = IbDay.objects.filter(**key)
    if not rows.update(amount=F("amount") + pay, lots=F("lots") + lots, deals=F("deals") + 1):
        IbDay.objects.create(**key, amount=pay, lots=lots, deals=1)


def run(size: Size, sample: int) -> dict[str, Any]:
    with scratch_broker():
        server_id = build_market(size, seed=20260302)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            cursor.execute("SET max_parallel_workers_per_gather = 0")  # nobody would count what helpers do
        fetched = fetch_closings(server_id, size.deals)
        last_id = int(fetched[-1]["id"].max())
        ensure_payees(
            Memory(), (PayeeKey(pk, 0, code) for pk, code in IB.objects.values_list("pk", "currency")), now=NOW
        )
        forget()
        meter = Meter()
        first = meter.measure(lambda: judge_all(server_id, fetched))
        fetched.clear()
        edited = edit_closings(server_id, size, every=100) if size.mixed else 0
        edits = fetch_edits(server_id, last_id)
        again = meter.measure(lambda: judge_all(server_id, edits))
        rerun = meter.measure(lambda: walk_again(server_id))
        engine = (first[0] + again[0], first[1] + again[1])
        result = sizes(size.deals) | {"max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}
        by_batch, days, base = final_rows()
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(cardinality(payee)) FROM commissions_judgement WHERE revision = 0")
            (payees,) = cursor.fetchone()
            cursor.execute(FIRST, [min(ROWS, size.deals) - 1])
            lines = copy_out(cursor.mogrify(LINES, cursor.fetchone()).decode())
        rows = median([copy_rows(meter, lines) for _round in range(ROUNDS)])
        share = size.deals / min(ROWS, size.deals)
        orm = meter.measure(lambda: naive(server_id, sample))
    copied = median([copy_all(by_batch, days, base) for _round in range(ROUNDS)])
    orm_per_deal = sum(orm) / sample
    return {
        "deals": size.deals,
        "edited": edited,
        "payees_per_deal": round(payees / size.deals, 2),
        "engine_cpu_s": round(sum(engine), 3),
        "engine_client_cpu_s": round(engine[0], 3),
        "engine_again_cpu_s": round(sum(again), 3),
        "copy_cpu_s": round(copied, 3),
        "row_copy_cpu_s": round(rows * share, 3),
        "orm_cpu_s_per_deal": round(orm_per_deal, 6),
        "ratio_to_copy": round(copied / sum(engine), 3),
        "ratio_to_row_copy": round(rows * share / sum(engine), 3),
        "ratio_to_orm": round(orm_per_deal * size.deals / sum(engine), 1),
        "rerun_share": round(sum(rerun) / sum(first), 5),
        **result,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", choices=tuple(SIZES), default="mixed")
    parser.add_argument("--deals", type=int)
    parser.add_argument("--ibs", type=int)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--clients", type=int)
    parser.add_argument("--trees", type=int)
    parser.add_argument("--sample", type=int, default=100, help="deals of the naive loop")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    deals, ibs, clients, trees = SIZES[options.market]
    size = Size(
        options.deals or deals, options.ibs or ibs, options.depth, options.clients or clients, options.trees or trees,
        mixed=options.market != "plain", even=options.market == "even",
    )  # fmt: skip
    result = run(size, options.sample)
    if not options.json:
        for name, value in result.items():
            print(f"{name:24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
