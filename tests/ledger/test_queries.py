"""What pages read, and who may."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.enums import ActorKind
from access.types import Actor
from ledger.errors import UnknownLedgerAccount
from ledger.models import JournalEntry, LedgerAccount
from ledger.queries import (
    AccountBalance,
    StatementLine,
    TrialLine,
    balances,
    entries_visible_to,
    entry_lines,
    get_balance,
    ledger_accounts_visible_to,
    ledger_sums,
    statement_lines,
    trial_balance,
)
from ledger.services import post_entries, post_entry
from tenancy.context import broker_context
from tests.ledger.conftest import Books

pytestmark = pytest.mark.unit
D = Decimal


def test_balances_are_positive_on_their_normal_side(books):
    books.deposit(amount="100")
    post_entry(entry=books.withdrawal("out", "30"), actor=books.actor, now=books.now)
    post_entry(entry=books.rebate("r", "1.5"), actor=books.actor, now=books.now)

    found = balances(ledger_account_ids=[books.wallet, books.psp, books.house, books.ib, 987654321])

    assert found == {
        books.wallet: AccountBalance(D(70), D(0), D(70)),
        books.psp: AccountBalance(D(70), D(0), D(70)),
        books.house: AccountBalance(D("1.5"), D(0), D("1.5")),
        books.ib: AccountBalance(D("1.5"), D(0), D("1.5")),
    }


def test_balance_of_an_unknown_account_is_not_zero_but_refused(books):
    with pytest.raises(UnknownLedgerAccount):
        get_balance(ledger_account_id=987654321)


def test_statement_shows_an_accounts_lines_newest_first(books):
    deposit = books.deposit(amount="100")
    withdrawal = post_entry(entry=books.withdrawal("out", "30"), actor=books.actor, now=books.now)

    lines = statement_lines(ledger_account_id=books.wallet)

    common = {"at": books.now, "booked_at": books.now, "params": {}, "actor_label": "test", "reverses_id": None}
    assert lines == [
        StatementLine(
            entry_id=withdrawal.entry_id,
            line=1,
            kind="withdrawal",
            description="withdrawal",
            side="D",
            amount=D(-30),
            **common,
        ),
        StatementLine(
            entry_id=deposit.entry_id, line=2, kind="deposit", description="deposit", side="C", amount=D(100), **common
        ),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_statement_pages_join_to_the_whole(books, size):
    entries = [books.entry(f"d:{n}", f"{n}") for n in range(1, 6)]
    twice = books.entry("twice", "9")
    entries.append(twice._replace(postings=(*twice.postings, *books.entry("x", "8").postings)))
    post_entries(entries=entries, actor=books.actor, now=books.now)
    whole = statement_lines(ledger_account_id=books.wallet)

    pages, before = [], None
    while page := statement_lines(ledger_account_id=books.wallet, before=before, limit=size):
        pages += page
        before = page[-1].cursor

    assert pages == whole
    assert sorted(line.amount for line in whole) == [D(n) for n in (1, 2, 3, 4, 5, 8, 9)]


@pytest.mark.parametrize("rows", [1, 3])
def test_statement_costs_one_statement(books, rows, django_assert_num_queries):
    post_entries(entries=[books.entry(f"d:{n}") for n in range(rows)], actor=books.actor, now=books.now)

    with django_assert_num_queries(1):
        assert len(statement_lines(ledger_account_id=books.wallet)) == rows


def test_statement_page_can_be_read_from_the_index_alone(books):
    with CaptureQueriesContext(connection) as queries:
        statement_lines(ledger_account_id=books.wallet, before=(10**9, 1))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Scan Backward using posting_of_account" in plan
    assert "ROW(entry_id, line) <" in plan
    assert "Sort" not in plan


def test_trial_balance_nets_to_zero_in_each_currency(books):
    books.deposit(amount="100")
    post_entry(entry=books.rebate("r", "1.5"), actor=books.actor, now=books.now)

    trial = [line for line in trial_balance() if line.debit or line.credit]

    assert trial == [
        TrialLine("USD", "ib_accrued", D(0), D("1.5")),
        TrialLine("USD", "psp_clearing", D(100), D(0)),
        TrialLine("USD", "rebate_expense", D("1.5"), D(0)),
        TrialLine("USD", "wallet", D(0), D(100)),
    ]
    assert sum(line.net for line in trial) == 0
    assert ledger_sums() == {"USD": D(0)}


def test_entry_lines_come_with_their_accounts(books, django_assert_num_queries):
    posted = books.deposit()

    with django_assert_num_queries(1):
        lines = [(str(line), line.ledger_account.code) for line in entry_lines(entry_id=posted.entry_id)]

    assert lines == [
        (f"{posted.entry_id}/1", "psp_clearing:psp:1:USD"),
        (f"{posted.entry_id}/2", "wallet:client:5:USD"),
    ]


@pytest.fixture
def booked(books: Books) -> Books:
    books.deposit()
    post_entry(entry=books.rebate("r", "1"), actor=books.actor, now=books.now)
    post_entry(entry=books.entry("other client", "3", into=books.savings), actor=books.actor, now=books.now)
    return books


@pytest.mark.parametrize(
    ("who", "accounts", "entries"),
    [
        (("staff", "ledger.view_entry"), 7, {"deposit:1", "r", "other client"}),
        (("staff", "ib.view_ib"), 0, set()),
        (("client",), 0, set()),
    ],
)  # fmt: skip
def test_staff_sees_all_with_the_right_and_nothing_without(booked, make_actor, who, accounts, entries):
    actor = make_actor(ActorKind(who[0]), *who[1:])

    assert ledger_accounts_visible_to(actor).count() == accounts
    assert set(entries_visible_to(actor).order_by("pk").values_list("idempotency_key", flat=True)) == entries


def test_client_and_ib_see_their_own_accounts_and_entries(booked, make_actor):
    client = make_actor(ActorKind.CLIENT, "ledger.view_entry", client_id=5)
    ib = make_actor(ActorKind.CLIENT, client_id=None, ib_id=17)

    seen = {
        name: (
            set(ledger_accounts_visible_to(actor).order_by("pk").values_list("code", flat=True)),
            set(entries_visible_to(actor).order_by("pk").values_list("idempotency_key", flat=True)),
        )
        for name, actor in {"client": client, "ib": ib}.items()
    }

    assert seen == {
        "client": ({"wallet:client:5:USD", "wallet:client:5:JPY"}, {"deposit:1"}),
        "ib": ({"ib_accrued:ib:17:USD"}, {"r"}),
    }


def test_system_sees_all(booked):
    assert entries_visible_to(Actor.system("job")).count() == 3


def test_brokers_have_ledgers_of_their_own(books, other_broker):
    books.deposit("same key", "100")
    with broker_context(other_broker):
        theirs = Books(actor=books.actor, now=books.now)
        theirs.deposit("same key", "7")
        in_theirs = (get_balance(ledger_account_id=theirs.wallet).posted, JournalEntry.objects.count())

    assert in_theirs == (D(7), 1)
    assert (get_balance(ledger_account_id=books.wallet).posted, JournalEntry.objects.count()) == (D(100), 1)
    assert LedgerAccount.objects.count() == 7
