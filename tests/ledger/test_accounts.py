"""Opening ledger accounts, and what the room declares."""

import pytest
from django.db import DataError, connection

from ledger.enums import HOLD_MOVES, AccountKind, HoldState, OwnerType
from ledger.errors import AccountConflict
from ledger.models import JournalEntry, LedgerAccount
from ledger.permissions import RIGHTS
from ledger.services import ensure_accounts
from ledger.types import AccountSpec
from tests.ledger.conftest import ALL, WALLET

pytestmark = pytest.mark.unit


def test_accounts_are_opened_once_with_the_rules_of_their_kind(books, now):
    again = ensure_accounts(specs=[*ALL, WALLET], now=now)

    assert len(again) == len(ALL) == LedgerAccount.objects.count()
    assert list(
        LedgerAccount.objects.order_by("pk").values_list(
            "code", "currency", "decimals", "normal_side", "allow_negative"
        )
    ) == sorted(
        [
            ("rebate_expense:house:USD", "USD", 8, "D", True),
            ("ib_accrued:ib:17:USD", "USD", 8, "C", True),
            ("wallet:client:5:USD", "USD", 2, "C", False),
            ("wallet:client:6:USD", "USD", 2, "C", False),
            ("wallet:client:5:JPY", "JPY", 0, "C", False),
            ("psp_clearing:psp:1:USD", "USD", 2, "D", True),
            ("psp_clearing:psp:1:JPY", "JPY", 0, "D", True),
        ]
    )
    assert str(LedgerAccount.objects.get(pk=books.wallet)) == "wallet:client:5:USD"


@pytest.mark.parametrize("known", [0, 3])
def test_accounts_cost_the_same_statements_for_one_and_many(books, now, known, django_assert_num_queries):
    specs = [
        *ALL[:known],
        *(AccountSpec(AccountKind.IB_ACCRUED, "USD", OwnerType.IB, number) for number in range(90, 99)),
    ]

    with django_assert_num_queries(5):  # read, savepoint, insert, release, read
        ensure_accounts(specs=specs, now=now)
    with django_assert_num_queries(1):
        ensure_accounts(specs=specs, now=now)


def test_no_accounts_are_no_accounts(books, now):
    assert ensure_accounts(specs=[], now=now) == {}


@pytest.mark.parametrize(
    "spec",
    [
        AccountSpec(AccountKind.WALLET, "us", OwnerType.CLIENT, 1),
        AccountSpec(AccountKind.WALLET, "USD", OwnerType.CLIENT, 0),
        AccountSpec(AccountKind.FEE_INCOME, "USD", OwnerType.HOUSE, 4),
    ],
    ids=["currency", "client without id", "house with id"],
)
def test_account_that_cannot_be_is_refused_by_its_code(books, now, spec):
    with pytest.raises(AccountConflict, match=spec.code):
        ensure_accounts(specs=[spec], now=now)

    assert LedgerAccount.objects.count() == len(ALL)


def test_fault_that_is_no_rule_of_ours_is_not_hidden(books, now):
    with pytest.raises(DataError, match="too long"):
        ensure_accounts(specs=[WALLET._replace(currency="U" * 9)], now=now)


def test_transaction_number_has_its_own_type(broker):
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, JournalEntry._meta.db_table)
        cursor.execute("SELECT 'xid8'::regtype::oid")
        (xid8,) = cursor.fetchone()

    assert {column.name: column.type_code for column in columns}["txid"] == xid8
    assert JournalEntry._meta.get_field("txid").db_type(connection) == "xid8"


def test_rights_have_their_sentences():
    assert {code: str(label) for code, label in RIGHTS.items()} == {
        "ledger.view_entry": "See ledger accounts, balances and entries",
        "ledger.reverse_entry": "Reverse a ledger entry",
    }


def test_hold_moves_end_where_the_database_ends_them():
    assert {state: HOLD_MOVES[state] for state in HoldState} == {
        "held": {"captured", "released"},
        "captured": set(),
        "released": set(),
    }
