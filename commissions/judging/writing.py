"""Write one batch: judgements, roll-ups, ledger entries. Runs inside the caller's transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from access.types import Actor
from commissions.distinct import distinct
from commissions.judging.columns import array_text
from commissions.judging.judged import Block, Judged
from commissions.judging.previous import Revisions, hash_columns
from commissions.judging.rollup import Contributions, sum_by
from commissions.judging.wire import Field, pack_rows, pg_date, pg_time
from commissions.settlement.days import AccountingDays
from core.copying import HEADER, TRAILER
from ledger.enums import AccountKind, EntryKind
from ledger.services import ensure_accounts, post_transfers
from ledger.types import AccountSpec, Occasion, Transfers
from tenancy.context import current_broker

Int64s = npt.NDArray[np.int64]
_EPOCH_DAY = date(1970, 1, 1)
_ARRAYS = (("payee", "int4"), ("verdict", "int2"), ("rate_row", "int4"), ("amount_e8", "int8"), ("booked_e8", "int8"))
_SCALARS = (
    ("deal_id", "int8"), ("account_id", "int8"), ("leaf_ib_id", "int8"), ("deal_at", "int8"), ("lots_e8", "int8"),
    ("batch_id", "int8"), ("symbol_group_id", "int4"), ("day", "int4"), ("revision", "int2"), ("deal_revision", "int2"),
    ("levels", "int2"), ("terms_hash", "uuid"),
)  # fmt: skip
_COPY_JUDGEMENTS = f"""COPY commissions_judgement ({", ".join(name for name, _kind in (*_SCALARS, *_ARRAYS))})
    FROM STDIN (FORMAT binary)"""


def _fields(width: int, *, leaf: bool, hashed: bool, booked: bool) -> list[Field]:
    absent = {"leaf_ib_id": not leaf, "terms_hash": not hashed}
    fields = [Field(name, kind, absent=absent.get(name, False)) for name, kind in _SCALARS]
    return fields + [Field(name, kind, width, absent=name == "booked_e8" and not booked) for name, kind in _ARRAYS]


def write_new(judged: Judged, *, batch_id: int, hashes: Mapping[int, bytes | None]) -> None:
    """COPY first judgements, in groups of one width, without a Python object per row."""
    copy_judgements(_packed_new(judged, batch_id, hashes))


def _packed_new(judged: Judged, batch_id: int, hashes: Mapping[int, bytes | None]) -> Iterator[bytes]:
    raw, hashed = hash_columns(judged.chain, hashes)
    for block in judged.blocks:
        for with_hash in (False, True):
            deals = np.flatnonzero(hashed[block.deals] == with_hash)
            if len(deals):
                values = _values(judged, block, deals, raw[block.deals[deals]])
                fields = _fields(block.width, leaf=block.levels > 0, hashed=with_hash, booked=False)
                yield from pack_rows(fields, {**values, "batch_id": batch_id, "revision": 0}, len(deals))


def _values(judged: Judged, block: Block, deals: Int64s, hashes: npt.NDArray[np.void]) -> dict[str, Any]:
    """Return the columns of a block's deals by the names of the table."""
    index = block.deals[deals]
    whole = len(deals) == len(block.deals)
    matrices = [m if whole else m[deals] for m in (block.payee, block.verdict, block.rate_row, block.amount)]
    rows = judged.rows
    return {
        "deal_id": rows["root"][index], "account_id": rows["account"][index], "leaf_ib_id": judged.leaf[index],
        "deal_at": pg_time(rows["at_us"][index]), "lots_e8": judged.lots_e8[index],
        "symbol_group_id": judged.symbol_group[index], "day": pg_date(judged.day[index]),
        "deal_revision": rows["revision"][index], "levels": block.levels, "terms_hash": hashes,
        "payee": matrices[0], "verdict": matrices[1], "rate_row": matrices[2], "amount_e8": matrices[3],
    }  # fmt: skip


def write_revisions(revisions: Revisions, *, batch_id: int, hashes: Mapping[int, bytes | None]) -> None:
    """COPY revisions, and first judgements of deals that came through the same door, in groups of one width."""
    copy_judgements(_packed_revisions(revisions, batch_id, hashes))


def _packed_revisions(revisions: Revisions, batch_id: int, hashes: Mapping[int, bytes | None]) -> Iterator[bytes]:
    heads, lines = revisions.after
    raw, hashed = hash_columns(heads.chain, hashes)
    width = np.bincount(lines.place, minlength=len(revisions))
    offset = np.cumsum(width) - width
    groups, group = distinct(width * 8 + (heads.leaf != 0) * 4 + hashed * 2 + revisions.revises)
    for number, kind in enumerate(groups.tolist()):
        mine = np.flatnonzero(group == number)
        at = offset[mine][:, None] + np.arange(kind // 8)
        values = {
            "deal_id": heads.deal[mine], "account_id": heads.account[mine], "leaf_ib_id": heads.leaf[mine],
            "deal_at": pg_time(heads.at_us[mine]), "lots_e8": heads.lots_e8[mine], "batch_id": batch_id,
            "symbol_group_id": heads.symbol_group[mine], "day": pg_date(heads.day[mine]),
            "revision": heads.revision[mine], "deal_revision": heads.deal_revision[mine],
            "levels": heads.levels[mine], "terms_hash": raw[mine], "payee": lines.payee[at],
            "verdict": lines.verdict[at], "rate_row": lines.rate_row[at], "amount_e8": lines.amount_e8[at],
            "booked_e8": revisions.booked_e8[at],
        }  # fmt: skip
        leaf, with_hash, booked = bool(kind & 4), bool(kind & 2), bool(kind & 1)
        yield from pack_rows(_fields(kind // 8, leaf=leaf, hashed=with_hash, booked=booked), values, len(mine))


def reserve_batch() -> int:
    """Take the id of the next batch: its judgements name it before its row says which cuts it knew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('commissions_judgebatch', 'id'))")
        (batch_id,) = cursor.fetchone()
    return int(batch_id)


def copy_judgements(parts: Iterator[bytes]) -> None:
    """COPY packed rows into the table of judgements."""
    _copy(_COPY_JUDGEMENTS, parts)


_ACCOUNTS = "SELECT id, ledger_account_id, currency FROM commissions_payee WHERE id = ANY(%s::bigint[])"
_DAY_FIELDS = (
    ("payee_id", "int4"), ("day", "int4"), ("statement_day", "int4"), ("symbol_group_id", "int4"),
    ("via_ib_id", "int8"), ("via_account_id", "int8"), ("deals", "int4"), ("amount", "numeric"), ("lots", "numeric"),
)  # fmt: skip
_DAY_NAMES = ", ".join(name for name, _kind in _DAY_FIELDS)
_COPY_DAYS = f"COPY {{name}} ({_DAY_NAMES}) FROM STDIN (FORMAT binary)"
_STAGE = """CREATE TEMPORARY TABLE IF NOT EXISTS {name} (
    payee_id integer, day date, statement_day date, symbol_group_id integer, via_ib_id bigint, via_account_id bigint,
    deals integer, amount numeric(38, 8), lots numeric(38, 8)) ON COMMIT DROP"""
# A batch that was undone leaves pages without live rows. Planned by such statistics, reading the whole roll-up once a
# staged row looks cheap, and takes minutes of a batch of seconds: every other way than the primary key is closed.
_OTHER_WAYS = ("hashjoin", "mergejoin", "material", "memoize", "seqscan", "bitmapscan")
_BY_INDEX = "; ".join(f"SET LOCAL enable_{way} = {{state}}" for way in _OTHER_WAYS)
# A plain join finds each row once, where ON CONFLICT would look it up, lock it and write down each step.
_MERGE = """MERGE INTO commissions_ibday d USING {name} s
    ON d.payee_id = s.payee_id AND d.day = s.day AND d.statement_day = s.statement_day
        AND d.symbol_group_id = s.symbol_group_id AND d.via_ib_id = s.via_ib_id AND d.via_account_id = s.via_account_id
    WHEN MATCHED THEN UPDATE SET deals = d.deals + s.deals, amount = d.amount + s.amount, lots = d.lots + s.lots
    WHEN NOT MATCHED THEN INSERT (payee_id, day, statement_day, symbol_group_id, via_ib_id, via_account_id, deals,
            amount, lots)
        VALUES (s.payee_id, s.day, s.statement_day, s.symbol_group_id, s.via_ib_id, s.via_account_id, s.deals,
            s.amount, s.lots)"""
_ANY_THERE = """SELECT EXISTS (SELECT 1 FROM commissions_ibday
    WHERE payee_id = ANY(%s::integer[]) AND day BETWEEN %s::date AND %s::date)"""
LARGE = 10_000  # rows from which it pays to ask whether the days are new


def write_days(days: Contributions, accounting: AccountingDays) -> None:
    """Add to the roll-up. Who holds `accounting` is the only writer of a broker until its commit: no two walkers wait
    in a circle, no line slips between two statements, and days that nobody has rolled up yet are simply copied (a
    backfill is all such days)."""
    if not len(days.payee):
        return
    values = {
        "payee_id": days.payee, "day": pg_date(days.day),
        "statement_day": pg_date(accounting.statement_days(days.payee, days.day)),
        "symbol_group_id": days.symbol_group, "via_ib_id": np.maximum(days.via, 0),
        "via_account_id": np.maximum(-days.via, 0), "deals": days.deals, "amount": days.amount, "lots": days.lots,
    }  # fmt: skip
    rows = pack_rows([Field(name, kind) for name, kind in _DAY_FIELDS], values, len(days.payee))
    if _all_new(days):
        _copy(_COPY_DAYS.format(name="commissions_ibday"), rows)
        return
    stage = f"stage_{current_broker().schema_name}"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")
        cursor.execute(_STAGE.format(name=stage))
    _copy(_COPY_DAYS.format(name=stage), rows)
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX.format(state="off"))
        cursor.execute(_MERGE.format(name=stage))
        cursor.execute(_BY_INDEX.format(state="on"))
        cursor.execute(f"TRUNCATE {stage}")  # a test's transaction goes on


def _all_new(days: Contributions) -> bool:
    """Say whether none of the payees has a roll-up on any of the days, if there are enough rows to ask."""
    if len(days.payee) < LARGE:
        return False
    first, last = (_EPOCH_DAY + timedelta(days=int(day)) for day in (days.day.min(), days.day.max()))
    with connection.cursor() as cursor:
        cursor.execute(_ANY_THERE, [array_text(distinct(days.payee)[0]), first, last])
        (there,) = cursor.fetchone()
    return not there


def post_to_ledger(
    days: Contributions, *, known: Mapping[int, tuple[int, str]], batch_id: int, actor: Actor, now: datetime
) -> None:
    """Book one entry per payee: rebate expense against what is accrued to it.

    `known`: {payee id: (ledger account id, currency)} of payees met so far; the others are looked up."""
    payees, totals = sum_by(days.payee, days.amount)
    paid = totals != 0
    payees, totals = payees[paid], totals[paid]
    ids = payees.tolist()
    accounts = {payee: known[payee] for payee in ids if payee in known}
    accounts |= _accounts_of(set(ids) - accounts.keys())
    specs = {
        currency: AccountSpec(AccountKind.REBATE_EXPENSE, currency)
        for currency in sorted({currency for _account, currency in accounts.values()})
    }
    by_code = ensure_accounts(specs=specs.values(), now=now) if specs else {}
    expenses = {currency: by_code[spec.code] for currency, spec in specs.items()}
    accrued = np.array([accounts[payee][0] for payee in ids], dtype=np.int64)
    expense = np.array([expenses[accounts[payee][1]] for payee in ids], dtype=np.int64)
    gains = totals > 0
    post_transfers(
        occasion=Occasion(EntryKind.REBATE_ACCRUAL, now, now, "rebate_accrual", {"batch_id": batch_id}),
        transfers=Transfers(
            keys=[f"judge:{batch_id}:{payee}" for payee in ids],
            debited=np.where(gains, expense, accrued),
            credited=np.where(gains, accrued, expense),
            units=np.abs(totals),
        ),
        actor=actor,
    )


def _accounts_of(payees: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return {payee id: (ledger account id, currency)}."""
    if not payees:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [array_text(payees)])
        return {pk: (account, currency) for pk, account, currency in cursor.fetchall()}


class _Chunks:
    """Hands packed rows to COPY as they are made, each as one piece."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = chain([HEADER], parts, [TRAILER])

    def read(self, _size: int) -> bytes:
        return next(self._parts, b"")


def _copy(statement: str, parts: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(statement, _Chunks(parts))
