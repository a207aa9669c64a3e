"""Who may decide about statements, and large ones that take two people."""

from datetime import datetime
from decimal import Decimal

import pytest

from access.enums import UserKind
from access.models import Approval
from access.services import approve, create_user
from access.services.approvals import ApprovalPending, SameApprover
from access.types import Actor
from commissions.settlement.deciding import approve_statement, decide_many
from commissions.settlement.enums import StatementState
from commissions.settlement.models import Statement
from commissions.settlement.pages import statements_visible_to, totals
from commissions.settlement.round import settle_round
from commissions.settlement.terms import set_payout_limit
from core.errors import Forbidden, InvalidInput
from tenancy.models import Broker
from tests.commissions.settlement.factories import ACTOR, Book, closing, make_book, utc

pytestmark = pytest.mark.integration
AT = utc("2026-04-01 09:00")


@pytest.fixture
def books(broker: Broker) -> tuple[Book, Book]:
    small = make_book(rate="6", code="small")
    large = make_book(rate="600", code="large", login=1002, server=small.server)
    small.deliver(closing(1, "2026-03-02 12:00"), closing(2, "2026-03-02 12:00", login=1002), now="2026-03-02 12:01")
    settle_round(now=utc("2026-04-01 00:15"))
    return small, large


def staff(name: str, now: datetime = AT, *, rights: tuple[str, ...] = ("commissions.approve_statement",)) -> Actor:
    user = create_user(email=f"{name}@example.com", name=name, kind=UserKind.STAFF, actor=ACTOR, now=now)
    return Actor("staff", user.pk, name, frozenset(rights))


def states() -> dict[str, str]:
    return dict(Statement.objects.order_by("pk").values_list("payee__ib__code", "state"))


def test_large_statements_take_a_second_person_and_small_ones_go_through(books: tuple[Book, Book]) -> None:
    set_payout_limit(currency="USD", amount=Decimal(600), actor=ACTOR, now=AT)
    asking, deciding = staff("asking"), staff("deciding")
    numbers = list(Statement.objects.order_by("pk").values_list("pk", flat=True))

    outcome = decide_many(
        statement_ids=numbers, wanted=StatementState.APPROVED,
        decide=lambda pk: approve_statement(statement_id=pk, actor=asking, now=AT),
    )  # fmt: skip

    assert (outcome.done, outcome.asked, outcome.refused) == ((numbers[0],), (numbers[1],), ())
    assert states() == {"small": "approved", "large": "review"}
    with pytest.raises(ApprovalPending):
        approve_statement(statement_id=numbers[1], actor=asking, now=AT)
    request = Approval.objects.get()
    with pytest.raises(SameApprover):
        approve(approval=request, actor=asking, now=AT)
    approve(approval=request, actor=deciding, now=AT)
    settle_round(now=utc("2026-04-01 09:30"))
    assert states() == {"small": "paid", "large": "paid"}


def test_deciding_needs_its_right(books: tuple[Book, Book]) -> None:
    nobody = staff("nobody", rights=("commissions.view_statement",))

    with pytest.raises(Forbidden):
        approve_statement(statement_id=Statement.objects.order_by("pk")[0].pk, actor=nobody, now=AT)
    with pytest.raises(Forbidden):
        set_payout_limit(currency="USD", amount=Decimal(1), actor=nobody, now=AT)
    with pytest.raises(InvalidInput):
        set_payout_limit(currency="USD", amount=Decimal(0), actor=ACTOR, now=AT)

    assert states() == {"small": "review", "large": "review"}


def test_everybody_sees_their_own_statements_only(books: tuple[Book, Book]) -> None:
    small, _large = books
    viewer = staff("viewer", rights=("commissions.view_statement",))

    def seen(actor: Actor) -> list[str]:
        return [row.payee.ib.code for row in statements_visible_to(actor).order_by("pk")]

    assert seen(viewer) == ["small", "large"]
    assert seen(staff("blind", rights=())) == []
    assert seen(Actor("ib", 1, "small", ib_id=small.ib.pk)) == ["small"]
    assert seen(Actor("client", 1, "a client", client_id=small.account.client_id)) == []
    assert [(one.label, one.currency, one.count, one.payable) for one in totals(statements_visible_to(viewer))] == [
        ("To be reviewed", "USD", 2, Decimal(606))
    ]
