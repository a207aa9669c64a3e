"""Statements from the cut to the wallet: carried, held, paid once, whatever dies in between."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from access.models import AuditEvent
from commissions.enums import PayeeKind
from commissions.services import publish_plan_version
from commissions.settlement import making, paying
from commissions.settlement.cuts import due_cuts, make_due_cuts
from commissions.settlement.deciding import (
    StatementMoved,
    approve_statement,
    hold_statement,
    release_statement,
)
from commissions.settlement.enums import STATEMENT_MOVES, Cycle, Destination, StatementState
from commissions.settlement.models import Closing, Payout, Statement
from commissions.settlement.round import settle_round
from commissions.settlement.terms import TermsTooEarly, set_terms
from commissions.settlement.verify import verify_settlement
from core.errors import Forbidden, InvalidInput
from core.models import Job
from ledger.queries import get_balance, ledger_accounts_visible_to
from tenancy.models import Broker
from tests.commissions.settlement.factories import ACTOR, LOT, Book, closing, make_book, utc
from tests.trading.factories import make_account, make_mt_group

pytestmark = pytest.mark.integration
MARCH_1, APRIL_1, MAY_1 = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


@pytest.fixture
def book(broker: Broker) -> Book:
    return make_book(rate="0.334")


def approve_all(now: str) -> None:
    for pk in Statement.objects.filter(state=StatementState.REVIEW).order_by("pk").values_list("pk", flat=True):
        approve_statement(statement_id=pk, actor=ACTOR, now=utc(now))


def wallet(book: Book) -> Decimal:
    accounts = ledger_accounts_visible_to(ACTOR).filter(kind="wallet", owner_type="ib", owner_id=book.ib.pk)
    return sum((get_balance(ledger_account_id=account.pk).posted for account in accounts.order_by("pk")), Decimal(0))


def figures(book: Book) -> list[tuple[str, ...]]:
    """Return (from, to, lines, total, carried out, payable, due out, state) of each statement of the IB."""
    rows = Statement.objects.filter(payee__ib=book.ib).order_by("from_day")
    return [
        (f"{row.from_day:%m-%d}", f"{row.to_day:%m-%d}", *(f"{number.normalize():f}" for number in (
            row.lines_total, row.total, row.carried_out, row.payable, row.due_out)), row.state)
        for row in rows
    ]  # fmt: skip


def test_months_are_stated_approved_and_paid_with_the_remainder_carried(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    book.deliver(closing(2, "2026-04-02 12:00"), now="2026-04-02 12:01")
    approve_all("2026-04-03 09:00")
    settle_round(now=utc("2026-05-01 00:15"))
    approve_all("2026-05-01 09:00")

    settle_round(now=utc("2026-05-01 09:01"))

    assert figures(book) == [
        ("03-01", "04-01", "0.334", "0.33", "0.004", "0.33", "0", "paid"),
        ("04-01", "05-01", "0.334", "0.34", "-0.002", "0.34", "0", "paid"),
    ]
    assert wallet(book) == Decimal("0.67")
    assert get_balance(ledger_account_id=book.payee.ledger_account_id).posted == Decimal("-0.002")
    assert verify_settlement() == []


def test_cut_waits_for_the_grace_of_ten_minutes(book: Book) -> None:
    book.deliver(closing(1, "2026-03-31 23:59"), now="2026-03-31 23:59")

    assert list(due_cuts(now=utc("2026-04-01 00:09"))) == []
    assert [due.closed_until for due in due_cuts(now=utc("2026-04-01 00:10"))] == [APRIL_1]


def test_rounds_change_nothing_when_nothing_is_due(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    for minute in (15, 15, 16):
        settle_round(now=utc(f"2026-04-01 00:{minute}"))
        approve_all("2026-04-01 00:16")
    before = figures(book), list(Payout.objects.values_list("amount", flat=True)), wallet(book)

    settle_round(now=utc("2026-04-01 00:20"))

    assert (figures(book), list(Payout.objects.values_list("amount", flat=True)), wallet(book)) == before
    assert before[2] == Decimal("0.33")


def test_months_missed_are_made_up_one_by_one(book: Book) -> None:
    book.deliver(closing(1, "2026-01-31 23:59"), closing(2, "2026-03-01 00:00"), now="2026-03-02 00:00")

    settle_round(now=utc("2026-04-02 00:00"))

    assert [str(each.closed_until) for each in Closing.objects.order_by("pk")] == [
        "2026-02-01", "2026-03-01", "2026-04-01",
    ]  # fmt: skip
    assert [row[:4] for row in figures(book)] == [
        ("01-01", "02-01", "0.334", "0.33"),
        ("03-01", "04-01", "0.334", "0.34"),
    ]
    assert verify_settlement() == []


def test_what_is_taken_back_of_a_settled_month_is_carried_below_zero_and_paid_back(broker: Broker) -> None:
    book = make_book(rate="6")
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_all("2026-04-01 00:16")
    settle_round(now=utc("2026-04-01 00:17"))
    book.deliver(now="2026-04-10 12:00", gone=(1,))
    settle_round(now=utc("2026-05-01 00:15"))
    book.deliver(closing(2, "2026-05-02 12:00", volume_e8=3 * LOT), now="2026-05-02 12:01")

    settle_round(now=utc("2026-06-01 00:15"))

    assert figures(book) == [
        ("03-01", "04-01", "6", "6", "0", "6", "0", "paid"),
        ("04-01", "05-01", "-6", "-6", "0", "-6", "-6", "carried"),
        ("05-01", "06-01", "18", "18", "0", "12", "0", "review"),
    ]
    assert verify_settlement() == []


def test_less_than_the_minimum_waits_until_it_is_reached(broker: Broker) -> None:
    book = make_book(rate="6")
    set_terms(
        ib=book.ib, effective_day=MARCH_1, cycle=Cycle.MONTHLY, minimum=Decimal(10), actor=ACTOR,
        now=utc("2026-02-01 00:00"),
    )  # fmt: skip
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    book.deliver(closing(2, "2026-04-02 12:00"), now="2026-04-02 12:01")

    settle_round(now=utc("2026-05-01 00:15"))

    assert figures(book) == [
        ("03-01", "04-01", "6", "6", "0", "6", "6", "carried"),
        ("04-01", "05-01", "6", "6", "0", "12", "0", "review"),
    ]


def test_a_lowered_minimum_pays_what_was_carried_though_nothing_was_earned(broker: Broker) -> None:
    book = make_book(rate="6")
    for day, minimum, now in ((MARCH_1, "10", "2026-02-01 00:00"), (APRIL_1, "5", "2026-04-01 01:00")):
        if day == APRIL_1:
            book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
            settle_round(now=utc("2026-04-01 00:15"))
        set_terms(
            ib=book.ib, effective_day=day, cycle=Cycle.MONTHLY, minimum=Decimal(minimum), actor=ACTOR, now=utc(now)
        )

    settle_round(now=utc("2026-05-01 00:15"))

    assert figures(book) == [
        ("03-01", "04-01", "6", "6", "0", "6", "6", "carried"),
        ("04-01", "05-01", "0", "0", "0", "6", "0", "review"),
    ]
    assert verify_settlement() == []


def test_one_ib_on_hold_does_not_stop_the_others(broker: Broker) -> None:
    held = make_book(rate="6", code="held")
    other = make_book(rate="6", code="other", login=1002, server=held.server)
    set_terms(
        ib=held.ib, effective_day=MARCH_1, cycle=Cycle.MONTHLY, minimum=Decimal(0), is_held=True, actor=ACTOR,
        reason="The licence is being checked.", now=utc("2026-02-01 00:00"),
    )  # fmt: skip
    held.deliver(closing(1, "2026-03-02 12:00"), closing(2, "2026-03-02 12:00", login=1002), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_all("2026-04-01 09:00")

    settle_round(now=utc("2026-04-01 09:01"))

    assert (figures(held)[0][-1], figures(other)[0][-1]) == ("held", "paid")
    assert (wallet(held), wallet(other)) == (Decimal(0), Decimal(6))
    assert Statement.objects.get(payee__ib=held.ib).reason == "The licence is being checked."


def test_hold_and_release_stop_and_free_one_statement(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    number = Statement.objects.get().pk
    hold_statement(statement_id=number, reason="Under review", actor=ACTOR, now=utc("2026-04-01 09:00"))

    with pytest.raises(StatementMoved):
        approve_statement(statement_id=number, actor=ACTOR, now=utc("2026-04-01 09:01"))
    with pytest.raises(InvalidInput):
        hold_statement(statement_id=number, reason=" ", actor=ACTOR, now=utc("2026-04-01 09:01"))
    release_statement(statement_id=number, actor=ACTOR, now=utc("2026-04-01 09:02"))
    approve_statement(statement_id=number, actor=ACTOR, now=utc("2026-04-01 09:03"))

    assert [event.action for event in AuditEvent.objects.filter(object_type="statement").order_by("pk")] == [
        "commissions.hold_statement", "commissions.release_statement", "commissions.approve_statement",
    ]  # fmt: skip


def test_a_payout_to_an_mt_account_waits_set_aside_in_the_wallet(broker: Broker) -> None:
    book = make_book(rate="6")
    own = make_account(make_mt_group(book.server, name="own"), 2001)
    book.ib.client = own.client
    book.ib.save(update_fields=["client"])
    terms = {"cycle": Cycle.MONTHLY, "minimum": Decimal(0), "actor": ACTOR, "now": utc("2026-02-01 00:00")}
    set_terms(ib=book.ib, effective_day=MARCH_1, destination=Destination.MT_ACCOUNT, mt_account=own, **terms)
    with pytest.raises(InvalidInput):  # a trading account of somebody else
        set_terms(
            ib=book.ib, effective_day=MARCH_1, destination=Destination.MT_ACCOUNT, mt_account=book.account, **terms
        )
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_all("2026-04-01 09:00")

    settle_round(now=utc("2026-04-01 09:01"))

    payout = Payout.objects.get()
    account = ledger_accounts_visible_to(ACTOR).get(kind="wallet", owner_type="ib", owner_id=book.ib.pk)
    balance = get_balance(ledger_account_id=account.pk)
    assert figures(book)[0][-1] == "waiting_for_transfer"
    assert (payout.state, payout.mt_account_id, payout.hold_id is not None) == ("waiting_for_transfer", own.pk, True)
    assert (balance.posted, balance.held, balance.available) == (Decimal(6), Decimal(6), Decimal(0))
    assert verify_settlement() == []


def test_the_system_pays_each_statement_once_though_asked_twice(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_all("2026-04-01 09:00")
    number = Statement.objects.get().pk

    paid = [paying.pay_statement(statement_id=number, now=utc("2026-04-01 09:01")) for _time in range(2)]

    assert paid == [True, False]
    assert Payout.objects.count() == 1


def test_one_payee_that_fails_stops_nobody_and_is_tried_again(broker: Broker) -> None:
    first = make_book(rate="6", code="first")
    second = make_book(rate="6", code="second", login=1002, server=first.server)
    for number, month in ((1, "03"), (3, "04")):
        rows = [closing(number, f"2026-{month}-02 12:00"), closing(number + 1, f"2026-{month}-02 12:00", login=1002)]
        first.deliver(*rows, now=f"2026-{month}-02 12:01")
        if month == "03":
            settle_round(now=utc("2026-04-01 00:15"))
    Statement.objects.create(  # a fault in the data: somebody else's statement claims to follow the first one's
        payee=second.payee, cycle="daily", from_day=date(2020, 1, 1), to_day=date(2020, 1, 2), state="open",
        destination="wallet", previous=Statement.objects.get(payee=first.payee),
    )  # fmt: skip

    settle_round(now=utc("2026-05-01 00:15"))

    assert (len(figures(first)), figures(second)[-1][-1]) == (1, "review")
    job = Job.objects.get(name=making.MAKE_JOB)
    assert (job.params, job.state) == ({"payee_id": first.payee.pk}, "waiting")
    assert list(Closing.objects.filter(made_at=None)) == []


def test_terms_need_their_right_and_an_open_day(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    make_due_cuts(now=utc("2026-04-01 00:15"))
    values = {"ib": book.ib, "cycle": Cycle.WEEKLY, "minimum": Decimal(0), "now": utc("2026-04-02 00:00")}

    with pytest.raises(TermsTooEarly):
        set_terms(effective_day=date(2026, 3, 31), actor=ACTOR, **values)
    with pytest.raises(Forbidden):
        set_terms(effective_day=APRIL_1, actor=type(ACTOR)("staff", 1, "nobody"), **values)
    set_terms(effective_day=APRIL_1, actor=ACTOR, **values)

    assert book.ib.settlement_terms.get().cycle == "weekly"


def test_the_database_keeps_the_states_and_the_figures(book: Book) -> None:
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    statement = Statement.objects.get()

    for field, value in (("lines_total", Decimal(9)), ("state", "waiting_for_transfer"), ("payable", Decimal(1))):
        with pytest.raises(IntegrityError), transaction.atomic():
            Statement.objects.filter(pk=statement.pk).update(**{field: value})
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(
            payee=statement.payee, cycle="daily", from_day=date(2026, 3, 31), to_day=date(2026, 4, 2), state="open",
            destination="wallet",
        )  # fmt: skip

    assert figures(book)[0][-1] == "review"


@pytest.mark.parametrize("before", list(StatementState))
@pytest.mark.parametrize("after", list(StatementState))
def test_the_database_knows_the_same_moves(
    before: StatementState, after: StatementState, django_db_setup: None, broker: Broker
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'commissions_statement_guard' LIMIT 1")
        (source,) = cursor.fetchone()

    assert (f"'{before} {after}'" in source) == (after in STATEMENT_MOVES[before])


def test_client_payees_are_settled_into_the_clients_wallet(broker: Broker) -> None:
    book = make_book()
    plan = book.ib.plan_assignments.get().plan
    terms = {
        "rates": [{"any": True, "base": "per_lot", "rate": "6", "currency": "USD"}],
        "client_rebate": {"percent": "50", "from": "own"},
    }
    publish_plan_version(
        plan=plan, terms=terms, effective_from=utc("2026-01-02 00:00"), actor=ACTOR, now=utc("2026-01-02 00:00")
    )
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    approve_all("2026-04-01 09:00")

    settle_round(now=utc("2026-04-01 09:01"))

    rows = Statement.objects.order_by("payee__kind").values_list("payee__kind", "total", "state")
    assert list(rows) == [(PayeeKind.CLIENT, Decimal(3), "paid"), (PayeeKind.IB, Decimal(3), "paid")]
    account = ledger_accounts_visible_to(ACTOR).get(kind="wallet", owner_type="client")
    assert get_balance(ledger_account_id=account.pk).posted == Decimal(3)
    assert verify_settlement() == []


def test_real_time_pays_through_the_day_and_the_days_statement_closes_the_account(broker: Broker) -> None:
    book = make_book(rate="0.334")
    set_terms(
        ib=book.ib, effective_day=date(2026, 3, 2), cycle=Cycle.REAL_TIME, minimum=Decimal(0), actor=ACTOR,
        now=utc("2026-03-01 00:00"),
    )  # fmt: skip
    book.deliver(closing(1, "2026-03-02 12:00"), now="2026-03-02 12:01")
    settle_round(now=utc("2026-03-02 12:02"))
    book.deliver(closing(2, "2026-03-02 13:00"), closing(3, "2026-03-02 13:00"), now="2026-03-02 13:01")
    settle_round(now=utc("2026-03-02 13:02"))
    settle_round(now=utc("2026-03-02 13:03"))
    running = figures(book)
    settle_round(now=utc("2026-03-03 00:15"))
    book.deliver(closing(4, "2026-03-03 12:00"), now="2026-03-03 12:01")

    settle_round(now=utc("2026-03-03 12:02"))

    assert running == [("03-02", "03-03", "0", "0", "0", "0", "0", "open")]
    assert figures(book)[0] == ("03-02", "03-03", "1.002", "1", "0.002", "0", "0", "paid")
    assert list(Payout.objects.order_by("pk").values_list("statement__from_day", "number", "amount")) == [
        (date(2026, 3, 2), 1, Decimal("0.33")), (date(2026, 3, 2), 2, Decimal("0.67")),
        (date(2026, 3, 3), 1, Decimal("0.33")),
    ]  # fmt: skip
    assert verify_settlement() == []


def test_real_time_waits_while_yesterday_is_not_closed(broker: Broker) -> None:
    book = make_book(rate="6")
    set_terms(
        ib=book.ib, effective_day=date(2026, 3, 1), cycle=Cycle.REAL_TIME, minimum=Decimal(0), actor=ACTOR,
        now=utc("2026-03-01 00:00"),
    )  # fmt: skip
    book.deliver(closing(1, "2026-03-02 23:59"), now="2026-03-03 00:00")
    book.deliver(closing(2, "2026-03-03 00:01"), now="2026-03-03 00:02")

    before = settle_round(now=utc("2026-03-03 00:03")).payouts
    after = settle_round(now=utc("2026-03-03 00:10")).payouts

    assert (before, after) == (0, 2)
    assert wallet(book) == Decimal(12)
    assert verify_settlement() == []
