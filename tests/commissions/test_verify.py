"""The nightly proof is silent after real work, and names whatever is wrong."""

from io import StringIO
from pathlib import Path
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from commissions.models import IbDay
from commissions.verify import statement_equals_ledger, verify_commissions
from crm.scenarios.documents import Document, read_documents
from crm.scenarios.player import play
from tenancy.models import Broker
from tests.commissions.random_documents import random_document
from trading.models import Deal

pytestmark = pytest.mark.integration
FILES = Path(__file__).parent.parent / "scenarios"
DOCUMENTS = {document.name: document for document in read_documents([str(FILES)])}


@pytest.fixture
def judged(broker: Broker) -> Broker:
    play(DOCUMENTS["M05"])
    assert IbDay.objects.exclude(amount=0).exists()
    return broker


def without_triggers(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("seed", [1, 2, 6])
def test_random_histories_leave_the_proof_silent(seed: int, broker: Broker) -> None:
    play(Document("random", "", random_document(Random(seed), deals=10)))

    assert verify_commissions() == []
    assert statement_equals_ledger()


def test_a_changed_roll_up_is_named(judged: Broker) -> None:
    row = IbDay.objects.exclude(amount=0).order_by("payee_id", "day", "via_ib_id", "via_account_id")[0]
    without_triggers(f"UPDATE commissions_ibday SET amount = amount + 1 WHERE payee_id = {row.payee_id}")

    rules = [finding.rule for finding in verify_commissions()]

    assert rules == ["lines, roll-up and ledger differ", "statement, roll-up and ledger differ"]
    assert not statement_equals_ledger()


def test_history_cannot_be_changed(judged: Broker) -> None:
    with (
        pytest.raises(DatabaseError, match=r"permission denied|is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE commissions_judgement SET amount_e8 = payee")


def test_a_skipped_deal_is_named(judged: Broker) -> None:
    deal = Deal.objects.filter(entry=1).order_by("pk")[0]
    deal.pk, deal.ticket, deal.position = None, 777, 777
    deal.save()
    without_triggers("UPDATE trading_dealcursor SET judged_id = 9223372036854775807")

    assert [str(finding) for finding in verify_commissions()] == ["closing deal without a judgement: ticket 777"]


def test_command_says_so_and_fails_when_something_is_wrong(judged: Broker) -> None:
    out = StringIO()
    call_command("verify_commissions", "--broker", "aurora", stdout=out)
    without_triggers("UPDATE commissions_ibday SET amount = amount + 1")

    assert out.getvalue() == "aurora: every closing deal is judged; lines, roll-ups and ledger agree\n"
    with pytest.raises(CommandError, match="differences"):
        call_command("verify_commissions", "--broker", "aurora", stdout=StringIO())
    with pytest.raises(CommandError, match="no active broker"):
        call_command("verify_commissions", "--broker", "nobody", stdout=StringIO())
