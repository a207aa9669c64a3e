"""The proof: silent on a sound ledger, and loud about each thing that a broken database could hold."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.models import JournalEntry
from ledger.services import capture_hold, hold_funds, post_entry, reverse_entry
from ledger.types import HoldSpec
from ledger.verify import CHECKS, verify_ledger
from tests.ledger.conftest import Books

pytestmark = pytest.mark.integration


@pytest.fixture
def history(committed_books: Books) -> Books:
    """Some of everything, committed."""
    books = committed_books
    books.deposit(amount="100")
    post_entry(entry=books.rebate("r", "1.23456789"), actor=books.actor, now=books.now)
    wrong = post_entry(entry=books.rebate("wrong", "5"), actor=books.actor, now=books.now)
    entry = JournalEntry.objects.get(pk=wrong.entry_id)
    reverse_entry(entry=entry, reason="wrong IB", actor=books.actor, now=books.now)
    for key in ("kept", "taken"):
        amount = books.entry(amount="10").postings[0].amount
        hold = hold_funds(hold=HoldSpec(key, books.wallet, amount, "withdrawal"), actor=books.actor, now=books.now)
    capture_hold(hold=hold, entry=books.withdrawal("out", "10"), actor=books.actor, now=books.now)
    return books


@pytest.fixture
def vandal(history: Books, committed_database: dict[str, str]) -> Iterator[Any]:
    """A cursor of the schema's owner with all triggers of the ledger off: what a broken restore could do."""
    raw = psycopg2.connect(committed_database["DATABASE_OWNER_URL"])
    with raw, raw.cursor() as cursor:
        cursor.execute(f'SET ROLE crm_owner; SET search_path = "{connection.schema_name}"')
        for table in ("ledgeraccount", "journalentry", "posting", "balance", "hold"):
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
        yield cursor
    raw.close()


def test_sound_ledger_is_silent(history):
    assert verify_ledger() == []


VANDALISM = {
    "every entry sums to zero in each currency": "UPDATE ledger_posting SET amount = 101 WHERE line = 1",
    "every entry has its lines without a gap": "DELETE FROM ledger_posting WHERE amount = 100 AND line = 1",
    "every posting has its entry and its ledger account": """
        INSERT INTO ledger_posting (entry_id, line, ledger_account_id, side, amount)
        SELECT 987654321, 1, id, 'D', 1 FROM ledger_ledgeraccount LIMIT 1""",
    "amounts are positive and keep their account's decimals": "UPDATE ledger_posting SET amount = amount + 0.001",
    "balances are the sums of their postings": "UPDATE ledger_balance SET posted_credit = posted_credit + 1",
    "balances carry their account's rules": "UPDATE ledger_balance SET allow_negative = true WHERE NOT allow_negative",
    "held is the sum of open holds": "UPDATE ledger_balance SET held = 0",
    "what is available is not negative where it must not be": """
        ALTER TABLE ledger_balance DROP CONSTRAINT balance_available_not_negative;
        UPDATE ledger_balance SET posted_debit = posted_credit + 1 WHERE NOT allow_negative""",
    "captured holds were taken exactly": "UPDATE ledger_hold SET amount = amount - 1 WHERE state = 'captured'",
    "reversals mirror what they reverse": """
        UPDATE ledger_posting SET side = CASE side WHEN 'D' THEN 'C' ELSE 'D' END
        WHERE entry_id = (SELECT max(id) FROM ledger_journalentry WHERE kind = 'reversal')""",
}


def test_every_check_is_provoked():
    assert VANDALISM.keys() == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", VANDALISM)
def test_vandalism_is_found(vandal, name):
    vandal.execute(VANDALISM[name])
    vandal.connection.commit()

    found = verify_ledger()

    assert name in {difference.check for difference in found}
    assert sum(difference.check == "every wall stands" for difference in found) == 15


def test_gap_at_the_end_of_an_entry_is_found_in_the_balance(vandal):
    vandal.execute("DELETE FROM ledger_posting WHERE amount = 100 AND line = 2")
    vandal.connection.commit()

    found = {difference.check for difference in verify_ledger()}

    assert found >= {"every entry has its lines without a gap", "balances are the sums of their postings"}


def test_lost_balance_is_found(vandal, history):
    vandal.execute("DELETE FROM ledger_balance WHERE ledger_account_id = %s", [history.wallet])
    vandal.connection.commit()

    found = [str(difference) for difference in verify_ledger() if difference.subject == "wallet:client:5:USD"]

    assert found == [
        "balances are the sums of their postings: wallet:client:5:USD:"
        " expected D 10.00000000 C 100.00000000 in 2, found no balance",
        "held is the sum of open holds: wallet:client:5:USD: expected 10.00000000, found 0",
    ]


def test_trigger_of_another_schema_is_found(vandal):
    vandal.execute("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
    vandal.execute("ALTER FUNCTION ledger_move_balances() SET search_path = public")
    vandal.connection.commit()

    walls = [str(d) for d in verify_ledger() if d.subject == "posting_2_moves_balance on ledger_posting"]

    assert walls == [
        "every wall stands: posting_2_moves_balance on ledger_posting:"
        " expected bound to its own schema, found another schema"
    ]


def run(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("verify_ledger", *arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}", error.returncode
    return out.getvalue(), 0


def test_command_proves_every_broker(history):
    assert run() == (
        "aurora: the ledger agrees with itself (USD 0.00000000)\n"
        "borealis: the ledger agrees with itself (no entries yet)\n",
        0,
    )


def test_command_proves_one_broker(history):
    assert run("--broker", "borealis") == ("borealis: the ledger agrees with itself (no entries yet)\n", 0)


def test_command_ends_with_one_and_lists_the_differences(vandal):
    vandal.execute("UPDATE ledger_balance SET held = 0; ALTER TABLE ledger_posting ENABLE TRIGGER USER")
    for table in ("ledgeraccount", "journalentry", "balance", "hold"):
        vandal.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER USER")
    vandal.connection.commit()

    assert run("--broker", "aurora") == (
        "aurora: held is the sum of open holds: wallet:client:5:USD: expected 10.00000000, found 0.00000000\n"
        "1 differences",
        1,
    )


def test_command_names_an_unknown_broker(committed_database):
    assert run("--broker", "nobody") == ("There is no broker with the code nobody.", 1)
