"""Currency rates: published by hand with a reason, previewed when deals waited for one, refused when it is a slip."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent
from clients.services import create_client
from commissions.models import Rejudge
from commissions.whatif.models import Correction
from mt4bridge.models import MtServer
from tests.backoffice.conftest import OPENED, SYSTEM
from tests.backoffice.pages import errors, messages, rows, text_of, tree
from trading.models import Deal, DealCursor, FxRate, MtGroup, Symbol, TradingAccount

pytestmark = pytest.mark.integration
PATH = "/office/rates/"
RIGHTS = ("trading.view_rate", "trading.publish_rate", "commissions.view_correction")
SENT = {"base": "eur", "quote": "usd", "rate": "1.1", "at": "2026-03-02T12:00:00", "reason": "ECB fixing"}


@pytest.fixture
def desk(new_staff: object, as_staff: object) -> Browser:
    return as_staff(new_staff("Fiona", rights=RIGHTS))  # type: ignore[operator]


def test_a_rate_nobody_waited_for_holds_at_once(desk: Browser) -> None:
    answer = desk.post(f"{PATH}publish/", SENT, follow=True)

    assert messages(answer) == ["The rate of EURUSD holds."]
    assert rows(answer) == [["EUR/USD", "1.1000", "2026-03-02 12:00"]]
    (rate,) = FxRate.objects.all()
    assert (rate.rate, rate.at) == (Decimal("1.1"), datetime(2026, 3, 2, 12, tzinfo=UTC))
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.after["pair"], event.reason) == ("trading.publish_rate", "EURUSD", "ECB fixing")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"quote": "gbp"}, "This value cannot be used."),
        ({"rate": "0"}, "This value cannot be used."),
        ({"rate": "11"}, "EURUSD stood at 1.05 on 2026-03-01. A rate that far off is not taken: check its direction."),
        ({"rate": "1.05", "at": "2026-03-01T00:00:00"}, "EURUSD has this rate from this moment on already: 1.05."),
        ({"at": "2099-01-01T00:00:00"}, "This value cannot be used."),
    ],
)
def test_a_slip_is_refused_beside_its_field(desk: Browser, change: dict[str, str], sentence: str) -> None:
    FxRate.objects.create(
        base="EUR", quote="USD", rate=Decimal("1.05"), at=datetime(2026, 3, 1, tzinfo=UTC), published_at=OPENED
    )

    answer = desk.post(f"{PATH}publish/", SENT | change)

    assert (answer.status_code, errors(answer), FxRate.objects.count()) == (422, [sentence], 1)


def test_a_rate_that_deals_wait_for_is_previewed_first(desk: Browser) -> None:
    deal = _waiting_deal()
    shown = text_of(tree(desk.get(PATH)).xpath("//*[@role='note']")[0])

    answer = desk.post(f"{PATH}publish/", SENT)

    correction = Correction.objects.get()
    assert shown.startswith("Deals wait for a rate of EUR1 deal is not judged yet.")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/office/corrections/{correction.pk}/")
    assert (FxRate.objects.count(), Rejudge.objects.get().deal_id) == (0, deal.pk)


def _waiting_deal() -> Deal:
    """Return a judged deal that lacks a rate of EUR."""
    server = MtServer.objects.create(name="Live", address="127.0.0.1:1", manager_login=1, history_from=OPENED)
    group = MtGroup.objects.create(server=server, name="standard", currency="USD", lot_factor=1)
    symbol = Symbol.objects.create(
        server=server, name="EURUSD", contract_size_e8=10**13, digits=5, quote_currency="USD"
    )
    client = create_client(name="Maria Lopez", email="maria@example.com", actor=SYSTEM, now=OPENED)
    account = TradingAccount.objects.create(server=server, login=1001, client=client, mt_group=group, opened_at=OPENED)
    at = timezone.now() - timedelta(hours=1)
    deal = Deal.objects.create(
        server=server, ticket=1, account=account, symbol=symbol, action=0, entry=1, reason=0, position=1,
        volume_e8=10**8, volume_closed_e8=10**8, price_e8=110_000_000, contract_size_e8=10**13, digits=5, profit_e8=0,
        swap_e8=0, commission_e8=0, fee_e8=0, deal_at=at, recorded_at=at,
    )  # fmt: skip
    DealCursor.objects.create(server=server, judged_id=deal.pk)
    Rejudge.objects.create(
        deal_id=deal.pk, server=server, cause="fx_rate", is_ready=False, currencies=["EUR"], deal_at=deal.deal_at
    )
    return deal
