"""The rules of the database, each provoked by plain SQL, and each shown to be missed when its trigger is gone.

Every test works in one transaction of its own on a database of this module and rolls it back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest

from ledger.verify import WALLS
from tenancy.names import OWNER_ROLE, role_of
from tests.conftest import get_broker
from tests.databases import cloned_database, urls_for

pytestmark = pytest.mark.unit

ACCOUNT = """INSERT INTO ledger_ledgeraccount
 (code, kind, currency, owner_type, owner_id, decimals, normal_side, allow_negative, opened_at)
 VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now()) RETURNING id"""
ENTRY = """INSERT INTO ledger_journalentry
 (idempotency_key, request_hash, kind, at, booked_at, description, params, reverses_id, actor_label)
 VALUES (%s, gen_random_uuid(), %s, now(), now(), 'test', '{}', %s, 'test') RETURNING id"""
HOLD = """INSERT INTO ledger_hold (ledger_account_id, amount, reason, idempotency_key, state, placed_at, actor_label)
 VALUES (%s, %s, 'test', %s, 'held', now(), 'test') RETURNING id"""


@dataclass
class Ledger:
    """A connection under the broker's role, with committed accounts, one deposit of 100 and one hold of 30."""

    raw: Any
    schema: str
    wallet: int = 0
    psp: int = 0
    yen: int = 0
    deposit: int = 0
    hold: int = 0

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        with self.raw.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def as_broker(self) -> None:
        self.run(f'SET ROLE "{role_of(self.schema)}"')

    def as_owner(self) -> None:
        self.run(f"SET ROLE {OWNER_ROLE}")

    def entry(self, key: str, kind: str = "deposit", reverses: int | None = None) -> int:
        return int(self.run(ENTRY, key, kind, reverses)[0][0])

    def lines(self, entry: int, *lines: tuple[int, str, str], first: int = 1) -> None:
        """Write all lines in one statement."""
        rows = [(entry, number, *line) for number, line in enumerate(lines, start=first)]
        values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
        self.run(
            f"INSERT INTO ledger_posting (entry_id, line, ledger_account_id, side, amount) VALUES {values}",
            *[value for row in rows for value in row],
        )

    def balance(self, account: int) -> tuple[Any, ...] | None:
        rows = self.run(
            "SELECT posted_debit, posted_credit, held, posting_count FROM ledger_balance WHERE ledger_account_id = %s",
            account,
        )
        return rows[0] if rows else None

    def refuses(self, constraint: str, offence: Callable[[], object]) -> None:
        """Assert that the offence, checked to the end, is refused under this name; leaves nothing of it."""
        self.run("SAVEPOINT offence")
        refusal = "nothing"
        try:
            offence()
            self.run("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg2.Error as error:
            refusal = error.diag.constraint_name or str(error)
        self.run("ROLLBACK TO offence")
        assert refusal == constraint


@pytest.fixture(scope="module")
def walls_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[str, str, str]]:
    """A database of this module: owner's address and the schemas of both brokers."""
    with cloned_database() as name, django_db_blocker.unblock():
        schemas = get_broker("aurora").schema_name, get_broker("borealis").schema_name
        yield urls_for(name)["DATABASE_OWNER_URL"], *schemas


@pytest.fixture(scope="module")
def committed_ledger(walls_database: tuple[str, str, str]) -> Ledger:
    url, schema, _other = walls_database
    ledger = Ledger(psycopg2.connect(url), schema)
    ledger.run(f'SET search_path = "{schema}"')
    ledger.as_broker()
    ledger.wallet = ledger.run(ACCOUNT, "wallet", "wallet", "USD", "client", 1, 2, "C", False)[0][0]
    ledger.psp = ledger.run(ACCOUNT, "psp", "psp_clearing", "USD", "psp", 1, 2, "D", True)[0][0]
    ledger.yen = ledger.run(ACCOUNT, "yen", "psp_clearing", "JPY", "psp", 1, 0, "D", True)[0][0]
    ledger.deposit = ledger.entry("deposit")
    ledger.lines(ledger.deposit, (ledger.psp, "D", "100"), (ledger.wallet, "C", "100"))
    ledger.hold = ledger.run(HOLD, ledger.wallet, "30", "hold")[0][0]
    ledger.raw.commit()
    return ledger


@pytest.fixture
def ledger(committed_ledger: Ledger) -> Iterator[Ledger]:
    committed_ledger.as_broker()
    yield committed_ledger
    committed_ledger.raw.rollback()


def account_opens_balance(db: Ledger) -> None:
    account = db.run(ACCOUNT, "new", "ib_accrued", "USD", "ib", 1, 8, "C", True)[0][0]

    assert db.balance(account) == (0, 0, 0, 0)


def account_is_frozen(db: Ledger) -> None:
    db.as_owner()

    db.refuses("ledger_append_only", lambda: db.run("UPDATE ledger_ledgeraccount SET allow_negative = allow_negative"))
    db.refuses("ledger_append_only", lambda: db.run("DELETE FROM ledger_ledgeraccount WHERE false"))
    db.refuses("ledger_append_only", lambda: db.run("TRUNCATE ledger_ledgeraccount, ledger_balance, ledger_hold"))


def entry_is_append_only(db: Ledger) -> None:
    db.as_owner()

    db.refuses("ledger_append_only", lambda: db.run("UPDATE ledger_journalentry SET description = 'forged'"))
    db.refuses("ledger_append_only", lambda: db.run("DELETE FROM ledger_journalentry WHERE id = %s", db.deposit))
    db.refuses("ledger_append_only", lambda: db.run("TRUNCATE ledger_journalentry CASCADE"))


def posting_is_append_only(db: Ledger) -> None:
    db.as_owner()

    db.refuses("ledger_append_only", lambda: db.run("UPDATE ledger_posting SET amount = amount + 1"))
    db.refuses("ledger_append_only", lambda: db.run("DELETE FROM ledger_posting"))
    db.refuses("ledger_append_only", lambda: db.run("TRUNCATE ledger_posting"))


def entry_carries_its_own_transaction(db: Ledger) -> None:
    forged = ENTRY.replace("actor_label)", "actor_label, txid)").replace(
        "'test') RETURNING", "'test', '99999999') RETURNING"
    )

    def offence() -> None:
        db.run(forged, "forged", "deposit", None)
        db.lines(db.entry("honest"), (db.psp, "D", "1"), (db.wallet, "C", "1"))

    db.refuses("journal_entry_own_transaction", offence)


def entry_has_its_postings(db: Ledger) -> None:
    db.refuses("journal_entry_whole", lambda: db.entry("empty"))


def reversal_mirrors_exactly(db: Ledger) -> None:
    def reverse(*lines: tuple[int, str, str], of: int = db.deposit) -> Callable[[], None]:
        return lambda: db.lines(db.entry("reversal", "reversal", of), *lines)

    db.run("UPDATE ledger_hold SET state = 'released', closed_at = now()")
    db.refuses("journal_entry_mirrors", reverse((db.psp, "C", "99"), (db.wallet, "D", "99")))
    db.refuses("journal_entry_mirrors", reverse((db.psp, "D", "100"), (db.wallet, "C", "100")))
    db.refuses("journal_entry_mirrors", reverse((db.psp, "C", "50"), (db.psp, "C", "50"), (db.wallet, "D", "100")))
    right = db.entry("right", "reversal", db.deposit)
    db.lines(right, (db.wallet, "D", "100"), (db.psp, "C", "100"))
    db.refuses("journal_entry_mirrors", reverse((db.psp, "D", "100"), (db.wallet, "C", "100"), of=right))


def postings_obey_the_wall(db: Ledger) -> None:
    def entry_of(*lines: tuple[int, str, str], first: int = 1) -> Callable[[], None]:
        return lambda: db.lines(db.entry("offence"), *lines, first=first)

    def in_two_statements() -> None:
        entry = db.entry("offence")
        db.lines(entry, (db.psp, "D", "1"), (db.wallet, "C", "1"))
        db.lines(entry, (db.psp, "D", "1"), (db.wallet, "C", "1"), first=3)

    def after_the_check() -> None:
        entry = db.entry("offence")
        db.lines(entry, (db.psp, "D", "1"), (db.wallet, "C", "1"))
        db.run("SET CONSTRAINTS ALL IMMEDIATE")
        db.lines(entry, (db.wallet, "C", "1"), first=3)

    late = (db.psp, "D", "1"), (db.wallet, "C", "1")
    db.refuses("posting_sums_to_zero", entry_of((db.psp, "D", "1"), (db.wallet, "C", "2")))
    db.refuses("posting_sums_to_zero", entry_of((db.psp, "D", "1"), (db.psp, "D", "1")))
    db.refuses("posting_sums_to_zero", entry_of((db.yen, "D", "1"), (db.wallet, "C", "1")))
    db.refuses("posting_sums_to_zero", entry_of((db.psp, "D", "1")))
    db.refuses("posting_decimals", entry_of((db.psp, "D", "0.005"), (db.wallet, "C", "0.005")))
    db.refuses("posting_decimals", entry_of((db.yen, "D", "0.5"), (db.yen, "C", "0.5")))
    db.refuses("posting_account_exists", entry_of((db.psp, "D", "1"), (-1, "C", "1")))
    db.refuses("posting_with_its_entry", lambda: db.lines(db.deposit, *late, first=3))
    db.refuses("posting_with_its_entry", lambda: db.lines(-1, *late))
    db.refuses("posting_lines_whole", entry_of((db.psp, "D", "1"), (db.wallet, "C", "1"), first=2))
    db.refuses("posting_lines_whole", in_two_statements)
    db.refuses("posting_lines_whole", after_the_check)


def postings_move_balances(db: Ledger) -> None:
    wallet, psp = db.balance(db.wallet), db.balance(db.psp)
    assert wallet is not None
    assert psp is not None

    db.lines(db.entry("in"), (db.psp, "D", "7"), (db.wallet, "C", "5"), (db.wallet, "C", "2"))

    assert db.balance(db.wallet) == (wallet[0], wallet[1] + 7, wallet[2], wallet[3] + 2)
    assert db.balance(db.psp) == (psp[0] + 7, psp[1], psp[2], psp[3] + 1)


def balances_are_written_by_triggers_only(db: Ledger) -> None:
    db.as_owner()

    db.refuses("balance_by_trigger_only", lambda: db.run("UPDATE ledger_balance SET posted_credit = posted_credit + 1"))
    db.refuses("balance_by_trigger_only", lambda: db.run("DELETE FROM ledger_balance"))
    db.refuses("balance_by_trigger_only", lambda: db.run("TRUNCATE ledger_balance"))
    db.refuses(
        "balance_by_trigger_only",
        lambda: db.run("INSERT INTO ledger_balance SELECT id, normal_side, true, 0, 0, 0, 0 FROM ledger_ledgeraccount"),
    )


def holds_are_never_deleted(db: Ledger) -> None:
    db.as_owner()

    db.refuses("ledger_append_only", lambda: db.run("DELETE FROM ledger_hold"))
    db.refuses("ledger_append_only", lambda: db.run("TRUNCATE ledger_hold"))


def hold_reserves_money(db: Ledger) -> None:
    before = db.balance(db.wallet)
    assert before is not None

    db.run(HOLD, db.wallet, "70", "rest")

    assert db.balance(db.wallet) == (*before[:2], before[2] + 70, before[3])
    db.refuses("balance_available_not_negative", lambda: db.run(HOLD, db.wallet, "0.01", "one too many"))
    db.refuses("hold_begins_held", lambda: db.run(HOLD, db.wallet, "0.001", "fraction"))
    db.refuses("hold_begins_held", lambda: db.run(HOLD, -1, "1", "nowhere"))
    released = HOLD.replace("'held', now(), 'test'", "'released', now(), 'test', now()").replace(
        "label)", "label, closed_at)"
    )
    db.refuses("hold_begins_held", lambda: db.run(released, db.psp, "1", "born closed"))


def hold_is_closed_once(db: Ledger) -> None:
    release = "UPDATE ledger_hold SET state = 'released', closed_at = now() WHERE id = %s"
    db.as_owner()
    for column, value in (
        ("amount", "31"),
        ("reason", "'x'"),
        ("ledger_account_id", str(db.psp)),
        ("actor_user_id", "9"),
    ):
        change = f"UPDATE ledger_hold SET {column} = {value}, state = 'released', closed_at = now()"
        db.refuses("hold_closed_once", lambda change=change: db.run(change))
    db.as_broker()
    db.run(release, db.hold)

    db.refuses("hold_closed_once", lambda: db.run(release, db.hold))
    db.refuses("hold_closed_once", lambda: db.run("UPDATE ledger_hold SET state = 'held', closed_at = NULL"))


def closing_a_hold_frees_the_money(db: Ledger) -> None:
    before = db.balance(db.wallet)
    assert before is not None

    db.run("UPDATE ledger_hold SET state = 'released', closed_at = now() WHERE id = %s", db.hold)

    assert db.balance(db.wallet) == (*before[:2], before[2] - 30, before[3])


def capture_takes_exactly_the_hold(db: Ledger) -> None:
    def capture(entry: int) -> None:
        db.run(
            "UPDATE ledger_hold SET state = 'captured', closed_at = now(), captured_by_id = %s WHERE id = %s",
            entry,
            db.hold,
        )

    def with_lines(*lines: tuple[int, str, str]) -> Callable[[], None]:
        def offence() -> None:
            entry = db.entry("capture", "withdrawal")
            capture(entry)
            db.lines(entry, *lines)

        return offence

    db.refuses("hold_captured_exactly", with_lines((db.wallet, "D", "29"), (db.psp, "C", "29")))
    db.refuses("hold_captured_exactly", with_lines((db.wallet, "D", "31"), (db.psp, "C", "31")))
    db.refuses("hold_captured_exactly", with_lines((db.psp, "D", "30"), (db.psp, "C", "30")))
    db.refuses("hold_captured_exactly", with_lines((db.psp, "D", "30"), (db.wallet, "C", "30")))
    db.refuses("hold_captured_exactly", lambda: capture(db.deposit))


INVARIANTS: dict[str, Callable[[Ledger], None]] = {
    "ledger_account_opens_balance on ledger_ledgeraccount": account_opens_balance,
    "ledger_account_frozen on ledger_ledgeraccount": account_is_frozen,
    "journal_entry_append_only on ledger_journalentry": entry_is_append_only,
    "journal_entry_own_transaction on ledger_journalentry": entry_carries_its_own_transaction,
    "journal_entry_whole on ledger_journalentry": entry_has_its_postings,
    "journal_entry_mirrors on ledger_journalentry": reversal_mirrors_exactly,
    "posting_append_only on ledger_posting": posting_is_append_only,
    "posting_1_wall on ledger_posting": postings_obey_the_wall,
    "posting_2_moves_balance on ledger_posting": postings_move_balances,
    "balance_by_trigger_only on ledger_balance": balances_are_written_by_triggers_only,
    "hold_never_deleted on ledger_hold": holds_are_never_deleted,
    "hold_placed_moves_balance on ledger_hold": hold_reserves_money,
    "hold_closed_once on ledger_hold": hold_is_closed_once,
    "hold_closed_moves_balance on ledger_hold": closing_a_hold_frees_the_money,
    "hold_captured_exactly on ledger_hold": capture_takes_exactly_the_hold,
}


def test_every_wall_has_its_invariant():
    assert INVARIANTS.keys() == WALLS


@pytest.mark.parametrize("wall", INVARIANTS)
def test_invariant_holds(ledger: Ledger, wall: str):
    INVARIANTS[wall](ledger)


@pytest.mark.parametrize("wall", INVARIANTS)
def test_invariant_fails_without_its_trigger(ledger: Ledger, wall: str):
    ledger.as_owner()
    ledger.run(f"DROP TRIGGER {wall}")
    ledger.as_broker()

    with pytest.raises(AssertionError):
        INVARIANTS[wall](ledger)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("ledger_account_rules_of_kind", ("wallet", "USD", "client", 2, 2, "C", True)),
        ("ledger_account_rules_of_kind", ("wallet", "USD", "client", 2, 2, "D", False)),
        ("ledger_account_rules_of_kind", ("slush_fund", "USD", "client", 2, 2, "C", True)),
        ("ledger_account_decimals_of_kind", ("wallet", "USD", "client", 2, 8, "C", False)),
        ("ledger_account_decimals_of_kind", ("wallet", "JPY", "client", 2, 2, "C", False)),
        ("ledger_account_decimals_of_kind", ("mt_clearing", "KWD", "client", 2, 2, "C", True)),
        ("ledger_account_decimals_of_kind", ("ib_accrued", "USD", "ib", 2, 2, "C", True)),
        ("ledger_account_currency_code", ("wallet", "us", "client", 2, 2, "C", False)),
        ("ledger_account_house_without_id", ("fee_income", "USD", "house", 1, 2, "C", True)),
        ("ledger_account_house_without_id", ("wallet", "USD", "client", 0, 2, "C", False)),
        ("ledger_account_one_per_owner", ("wallet", "USD", "client", 1, 2, "C", False)),
    ],
)
def test_account_of_impossible_rules_is_refused(ledger: Ledger, constraint: str, values: tuple[Any, ...]):
    ledger.refuses(constraint, lambda: ledger.run(ACCOUNT, "impossible", *values))


@pytest.mark.parametrize("amount", ["0", "-1", "NaN"])
def test_amount_is_a_positive_number(ledger: Ledger, amount: str):
    entry = ledger.entry("amount")

    ledger.refuses(
        "posting_amount_positive", lambda: ledger.lines(entry, (ledger.psp, "D", amount), (ledger.wallet, "C", amount))
    )
    ledger.refuses("hold_amount_positive", lambda: ledger.run(HOLD, ledger.wallet, amount, "amount"))


def test_money_that_is_held_cannot_leave(ledger: Ledger):
    def take(amount: str) -> None:
        ledger.lines(ledger.entry("take", "withdrawal"), (ledger.wallet, "D", amount), (ledger.psp, "C", amount))

    ledger.refuses("balance_available_not_negative", lambda: take("70.01"))
    take("70")


def test_entry_is_reversed_only_once(ledger: Ledger):
    ledger.run("UPDATE ledger_hold SET state = 'released', closed_at = now()")
    ledger.lines(
        ledger.entry("first", "reversal", ledger.deposit), (ledger.psp, "C", "100"), (ledger.wallet, "D", "100")
    )

    ledger.refuses("journal_entry_reversed_once", lambda: ledger.entry("second", "reversal", ledger.deposit))
    ledger.refuses("journal_entry_reversal_names_entry", lambda: ledger.entry("none", "reversal"))
    ledger.refuses("journal_entry_reversal_names_entry", lambda: ledger.entry("named", "deposit", ledger.deposit))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_journalentry SET description = 'x'",
        "DELETE FROM ledger_journalentry",
        "TRUNCATE ledger_journalentry",
        "UPDATE ledger_posting SET amount = 1",
        "DELETE FROM ledger_posting",
        "TRUNCATE ledger_posting",
        "UPDATE ledger_ledgeraccount SET allow_negative = true",
        "DELETE FROM ledger_ledgeraccount",
        "INSERT INTO ledger_balance SELECT id, 'C', true, 0, 0, 0, 0 FROM ledger_ledgeraccount",
        "UPDATE ledger_balance SET posted_credit = 1000000",
        "SELECT 1 FROM ledger_balance FOR UPDATE",
        "DELETE FROM ledger_balance",
        "TRUNCATE ledger_balance",
        "UPDATE ledger_hold SET amount = 1",
        "UPDATE ledger_hold SET idempotency_key = 'x'",
        "DELETE FROM ledger_hold",
        "ALTER TABLE ledger_posting DISABLE TRIGGER ALL",
        "DROP TRIGGER posting_1_wall ON ledger_posting",
        "CREATE OR REPLACE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "SET session_replication_role = replica",
    ],
)
def test_brokers_role_has_no_right_to_it(ledger: Ledger, statement: str):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ledger.run(statement)


def test_functions_write_their_own_brokers_tables_whatever_the_session_says(
    ledger: Ledger, walls_database: tuple[str, str, str]
):
    """Tables of the same names in pg_temp and another search path must not catch the triggers' writes."""
    before = ledger.balance(ledger.wallet)
    assert before is not None
    schema = ledger.schema
    ledger.run("RESET ROLE")
    ledger.run("SET ROLE crm_owner")
    for table in ("ledger_balance", "ledger_posting", "ledger_journalentry", "ledger_ledgeraccount"):
        ledger.run(f"CREATE TEMP TABLE {table} (LIKE {schema}.{table})")
        ledger.run(f"GRANT ALL ON pg_temp.{table} TO PUBLIC")
    ledger.as_broker()
    ledger.run("SET LOCAL search_path = pg_temp, public")
    entry = ledger.run(
        ENTRY.replace("ledger_journalentry", f"{schema}.ledger_journalentry"), "shadow", "deposit", None
    )[0][0]
    ledger.run(
        f"INSERT INTO {schema}.ledger_posting (entry_id, line, ledger_account_id, side, amount)"
        " VALUES (%s, 1, %s, 'D', 3), (%s, 2, %s, 'C', 3)",
        entry, ledger.psp, entry, ledger.wallet,
    )  # fmt: skip

    ledger.run("SET CONSTRAINTS ALL IMMEDIATE")

    assert ledger.run("SELECT count(*) FROM pg_temp.ledger_balance") == [(0,)]
    ledger.run(f'SET LOCAL search_path = "{schema}"')
    ledger.as_owner()
    rows = ledger.run(f"SELECT posted_credit FROM {schema}.ledger_balance WHERE ledger_account_id = %s", ledger.wallet)
    assert rows == [(before[1] + 3,)]


def test_every_function_of_every_schema_is_bound_to_its_own_schema(ledger: Ledger):
    ledger.as_owner()

    rows = ledger.run(
        """SELECT n.nspname, f.proconfig[1] FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
           WHERE f.proname LIKE 'ledger\\_%%' AND f.prorettype = 'trigger'::regtype"""
    )

    assert {schema for schema, _pinned in rows} >= {ledger.schema}
    assert len({schema for schema, _pinned in rows}) == 3  # the template and two brokers
    assert [row for row in rows if row[1] != f"search_path={row[0]}, pg_temp"] == []


def test_database_and_python_know_the_same_minor_units(ledger: Ledger):
    from core.money import _MINOR_DIGITS, minor_digits

    codes = [*_MINOR_DIGITS, "USD", "EUR", "CHF", "XAU"]

    rows = ledger.run("SELECT code, ledger_minor_digits(code) FROM unnest(%s) AS code", codes)

    assert dict(rows) == {code: minor_digits(code) for code in codes}


def test_database_and_python_know_the_same_rules_of_kinds(ledger: Ledger):
    from ledger.enums import KIND_RULES

    for number, (kind, rule) in enumerate(KIND_RULES.items(), start=100):
        decimals = 8 if rule.accrued else 2
        ledger.run(
            ACCOUNT,
            f"kind:{kind}",
            str(kind),
            "USD",
            "ib",
            number,
            decimals,
            str(rule.normal_side),
            rule.allow_negative,
        )

    found = ledger.run("SELECT kind, normal_side, allow_negative FROM ledger_ledgeraccount WHERE owner_id >= 100")
    assert {kind: (side, negative) for kind, side, negative in found} == {
        str(kind): (str(rule.normal_side), rule.allow_negative) for kind, rule in KIND_RULES.items()
    }
