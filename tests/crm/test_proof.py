"""The nightly proof compares the books with the MT server, keeps what it found, and repairs nothing."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from commissions.proof.enums import Rule
from commissions.proof.models import ProofDifference, ProofRun
from commissions.proof.types import Report
from commissions.verify import statement_equals_ledger
from crm.flows import account_flow, deal_flow, proof_flow, tasks
from house.ports import free_port
from mt4bridge.gateways import open_gateway
from tenancy.models import Broker
from tests.crm.test_trouble import server_at, simulator
from tests.trading.factories import make_account, make_mt_group, make_server
from trading.cursor import get_cursor
from trading.models import Deal, DealCursor, HeldDeal

pytestmark = pytest.mark.integration


def found(report: Report) -> list[tuple[str, str]]:
    return [(str(finding.code), finding.detail.partition(",")[0]) for finding in report.findings]


def test_every_difference_with_the_server_is_a_line_and_nothing_is_repaired(broker: Broker, tmp_path: Path) -> None:
    with simulator(tmp_path, "--days", "6") as address:
        server = server_at(address)
        gateway = open_gateway(server)
        account_flow.sync_configuration(server=server, gateway=gateway, now=timezone.now())
        tasks._with_gateway(server.pk, deal_flow.walk)
        known, unknown = sorted({row.login for row in HeldDeal.objects.all() if row.login})
        make_account(make_mt_group(server, "proof"), known)
        tasks._with_gateway(server.pk, deal_flow.walk)
        until = get_cursor(server.pk).complete_until
        assert until is not None
        span = {"since": until - timedelta(days=10), "until": until}
        silent = proof_flow.compare_server(server=server, gateway=gateway, report=Report(), **span)

        lost = list(HeldDeal.objects.filter(login=unknown).order_by("ticket").values_list("ticket", flat=True))
        HeldDeal.objects.update(released_at=timezone.now())  # neither stored nor held: nobody would know of them
        edited, extra = Deal.objects.filter(deal_at__lt=until).order_by("pk")[:2]
        Deal.objects.create(**{**_values(edited), "revision": 1, "profit_e8": edited.profit_e8 + 100})
        Deal.objects.create(**{**_values(extra), "ticket": 999_999_999})
        before = Deal.objects.count()
        report = Report()
        report.add(proof_flow.compare_server(server=server, gateway=gateway, report=report, **span))

    assert silent == []
    assert lost
    assert sorted(found(report)) == sorted(
        [
            *(("not_stored", f"ticket {ticket}") for ticket in lost),
            ("differs", f"ticket {edited.ticket}"),
            ("not_on_server", "ticket 999999999"),
        ]
    )
    assert f"profit {edited.profit_e8 + 100} ≠ {edited.profit_e8}" in "".join(map(str, report.findings))
    assert Deal.objects.count() == before
    assert report.checked["server_days"] >= 10


def _values(deal: Deal) -> dict[str, object]:
    return {field.attname: getattr(deal, field.attname) for field in Deal._meta.fields if field.attname != "id"}


def test_a_server_that_is_down_is_named_and_the_rest_is_proved(broker: Broker) -> None:
    server = make_server(name="Gone", address=f"127.0.0.1:{free_port()}")
    make_server(name="Never read", address=f"127.0.0.1:{free_port()}")
    now = timezone.now()
    DealCursor.objects.create(server=server, complete_until=now, recorded_until=now)
    HeldDeal.objects.create(
        server=server, ticket=9, login=7, reason="unknown_login", detail="7", payload={}, held_at=now
    )

    run, report = proof_flow.prove_broker(cause="night", now=now)

    lines = [(line.rule, line.detail[:60]) for line in ProofDifference.objects.order_by("pk")]
    assert lines == [
        (Rule.HELD, "ticket 9 of Gone: unknown_login 7"),
        (Rule.UNREACHABLE, f"Gone: The trading server at {server.address} does not answer ("[:60]),
        (Rule.UNREACHABLE, "Never read: its deals have not been read yet"),
    ]
    assert (run.differences, run.cause, run.finished_at) == (3, "night", now)
    assert len(report.findings) == 3
    assert statement_equals_ledger()


def test_the_command_prints_one_object_and_keeps_the_run(broker: Broker) -> None:
    out = StringIO()
    call_command("verify_commissions", "--broker", "aurora", "--servers", "--json", stdout=out)

    lines = out.getvalue().splitlines()
    assert lines[0] == "aurora: every closing deal is judged; lines, roll-ups and ledger agree"
    content = json.loads(lines[-1])["aurora"]
    assert (content["differences"], content["checked"]["chains"]) == ([], 0)
    assert ProofRun.objects.get().finished_at is not None


def test_rescan_takes_over_what_the_proof_has_named(broker: Broker, tmp_path: Path) -> None:
    with simulator(tmp_path) as address:
        server = server_at(address)
        out = StringIO()
        call_command("rescan", "--broker", "aurora", "--server", server.name, "--since", "2020-01-01", stdout=out)

    assert out.getvalue().startswith(f"{server.name}: ")
    with pytest.raises(CommandError, match="no MT server"):
        call_command("rescan", "--broker", "aurora", "--server", "nobody", "--since", "2020-01-01")
    with pytest.raises(CommandError, match="no active broker"):
        call_command("rescan", "--broker", "nobody", "--server", "x", "--since", "2020-01-01")
    server.address = f"127.0.0.1:{free_port()}"
    server.save()
    with pytest.raises(CommandError, match="does not answer"):
        call_command("rescan", "--broker", "aurora", "--server", server.name, "--since", "2020-01-01")
