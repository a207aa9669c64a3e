"""One object of every kind that an address can name, for one broker, and people of every kind to open it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Sum

from access.enums import UserKind
from access.models import Role, User
from access.queries import actor_for
from access.services import create_role, create_user, grant_role, request_role
from access.types import Actor
from clients.services import create_client
from commissions.consent.models import PlanAcceptance
from commissions.consent.services import offer_plan
from commissions.enums import SimulationScope
from commissions.levels.changes import place_ib
from commissions.levels.enums import ApprovalNeed, PeriodKind
from commissions.levels.evaluation import evaluate_period, next_duty
from commissions.levels.exclusions import exclude_ib
from commissions.levels.ladders import create_ladder, publish_ladder_version
from commissions.levels.models import LevelResult
from commissions.levels.periods import period_of
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import IbDay, Payee, Plan
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version
from commissions.settlement.models import Statement
from commissions.whatif.changes import AssignPlan
from commissions.whatif.corrections import make_change
from commissions.whatif.preview import run_preview_step
from commissions.whatif.simulations import run_simulation_step, start_simulation
from ib.services import create_ib, move_account, move_client
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.services import ensure_accounts, post_entry
from ledger.types import AccountSpec, EntrySpec, credit, debit
from mt4bridge.enums import DealAction, DealEntry, DealReason, ServerKind
from mt4bridge.models import MtServer
from mt4bridge.server_settings import ServerSettings
from mt4bridge.services import add_server, register_server
from mt4bridge.types import SymbolRow
from mt4bridge.uploads import confirm_upload, store_upload
from notifications.models import Message
from notifications.services import queue_notice
from notifications.types import Recipient
from trading.models import Deal, DealCursor, HeldDeal, MtGroup, Symbol, TradingAccount
from trading.operations.account_models import AccountType
from trading.operations.enums import Purpose
from trading.operations.ordering import NewAccount, order_account
from trading.operations.planning import OperationSpec, plan_operation
from trading.sync.models import ServerAccount, ServerChange

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEM = Actor.system("contract test")
SMALL_CSV = Path(__file__).parent.parent / "mt4bridge" / "files" / "small_deals.csv"


class World:
    """Ids by the names that the table of addresses uses, and users by kind."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.ids: dict[str, Any] = {}
        self.users: dict[str, User] = {}
        self._people()
        self._network()
        self._trading()
        self._money()
        self._simulation()
        self._correction()
        self._levels()
        self.ids["message"] = self._message()
        self._operation()
        self.ids["statement"] = self._statement(Payee.objects.get(ib=self.top)).pk
        self.ids["own_statement"] = self._statement(Payee.objects.get(client=self.client)).pk
        _check_deferred_rules()

    def _people(self) -> None:
        for kind, label in ((UserKind.CLIENT, "client"), (UserKind.CLIENT, "ib"), (UserKind.STAFF, "staff")):
            self.users[label] = self._user(f"{label}@example.com", kind)
        self.users["newcomer"] = self._user("newcomer@example.com", UserKind.STAFF)
        self.users["asking"] = self._user("asking@example.com", UserKind.STAFF)
        self.role = create_role(code="probe", name="Probe", rights=[], actor=SYSTEM, now=self.now)
        grant_role(user=self.users["staff"], role=self.role, actor=SYSTEM, now=self.now)
        asker = create_role(code="asker", name="A", rights=["access.request_role"], actor=SYSTEM, now=self.now)
        grant_role(user=self.users["asking"], role=asker, actor=SYSTEM, now=self.now)
        self.ids["approval"] = request_role(
            user=self.users["newcomer"],
            role=self.role,
            reason="joins",
            actor=actor_for(self.users["asking"]),
            now=self.now,
        ).pk

    def _user(self, email: str, kind: UserKind) -> User:
        return create_user(email=email, name="Kim", kind=kind, actor=SYSTEM, now=self.now)

    def _message(self) -> int:
        to = Recipient(user_id=None, name="Kim", email="kim@example.com")
        queue_notice(kind="test_mail", to=to, params={}, key="contract", now=self.now)
        return Message.objects.get(key="contract").pk

    def _network(self) -> None:
        top = create_ib(
            code="top",
            name="Top",
            currency="USD",
            parent=None,
            at=LONG_AGO,
            user=self.users["ib"],
            actor=SYSTEM,
            now=self.now,
        )
        below = create_ib(
            code="below", name="Below", currency="USD", parent=top, at=LONG_AGO, actor=SYSTEM, now=self.now
        )
        client = create_client(
            name="Maria Lopez", email="client@example.com", user=self.users["client"], actor=SYSTEM, now=self.now
        )
        move_client(client=client, ib=below, at=LONG_AGO, actor=SYSTEM, now=self.now)
        self.ids |= {"ib": top.pk, "ib_below": below.pk, "client": client.pk}
        self.client, self.top, self.below = client, top, below

    def _trading(self) -> None:
        server = register_server(
            name="Live", address="127.0.0.1:1", manager_login=1, manager_password="Sesame-1", history_from=LONG_AGO,
            actor=SYSTEM, now=self.now,
        )  # fmt: skip
        self.ids["server"] = server.pk
        self._files()
        self.server = server
        DealCursor.objects.create(server=server)
        group = MtGroup.objects.create(server=server, name="standard", currency="USD", lot_factor=1)
        symbol = Symbol.objects.create(
            server=server, name="EURUSD", contract_size_e8=100_000 * 10**8, digits=5, quote_currency="USD"
        )
        account = TradingAccount.objects.create(
            server=server, login=1001, client=self.client, mt_group=group, opened_at=LONG_AGO
        )
        move_account(account=account, ib=self.below, at=LONG_AGO, actor=SYSTEM, now=self.now)
        deal = self._deal(server, account, symbol)
        held = HeldDeal.objects.create(
            server=server, ticket=9, login=7, reason="unknown_login", payload={}, held_at=self.now
        )
        change = ServerChange.objects.create(
            server=server, seen_at=self.now, of="group", name="standard", field="currency", before="USD", after="EUR",
            state="waiting",
        )  # fmt: skip
        nobodys = ServerAccount.objects.create(
            server=server, login=1002, group="standard", registered_at=LONG_AGO, first_seen_at=self.now
        )
        self.ids |= {
            "server_change": change.pk, "server_account": nobodys.pk,
            "client_code": self.client.code,
        }  # fmt: skip
        self.ids |= {"mt_group": group.pk, "symbol": symbol.pk, "account": account.pk, "deal": deal.pk, "held": held.pk}

    def _files(self) -> None:
        settings = ServerSettings(name="Files", kind=ServerKind.FILES, history_from=LONG_AGO)
        server = add_server(settings=settings, manager_password="", actor=SYSTEM, now=self.now)
        upload = store_upload(
            server=server, content=SMALL_CSV.read_bytes(), file_name="small.csv", login=7, currency="USD", actor=SYSTEM,
            now=self.now,
        )  # fmt: skip
        symbols = [SymbolRow("EURUSD", "", 100_000 * 10**8, 5, "EUR", "USD")]
        confirm_upload(upload=upload, symbols=symbols, actor=SYSTEM, now=self.now)
        self.ids |= {"file_server": server.pk, "upload": upload.pk}

    def _deal(self, server: MtServer, account: TradingAccount, symbol: Symbol) -> Deal:
        return Deal.objects.create(
            server=server, ticket=1, account=account, symbol=symbol, action=DealAction.BUY, entry=DealEntry.OUT,
            reason=DealReason.CLIENT, position=1, volume_e8=10**8, volume_closed_e8=10**8, price_e8=110_000_000,
            contract_size_e8=symbol.contract_size_e8, digits=5, profit_e8=0, swap_e8=0, commission_e8=0, fee_e8=0,
            deal_at=self.now - timedelta(hours=1), recorded_at=self.now,
        )  # fmt: skip

    def _money(self) -> None:
        plan = create_plan(code="gold", name="Gold", actor=SYSTEM, now=self.now)
        terms = {
            "rates": [{"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}],
            "upline": {"mode": "percent_of_child", "percent": "10"},
            "client_rebate": {"percent": "20", "from": "own"},
        }
        version = publish_plan_version(
            plan=plan, terms=terms, effective_from=LONG_AGO, actor=SYSTEM, now=self.now - timedelta(days=1)
        )
        for ib in (self.top, self.below):
            assign_plan(ib=ib, plan=plan, at=LONG_AGO, actor=SYSTEM, now=self.now)
        self._consent()
        judged = judge_next_batch(server_id=self.server.pk, limit=100, now=self.now)
        assert judged
        assert judged.judged == 1
        house = AccountSpec(AccountKind.REBATE_EXPENSE, "USD")
        accrued = AccountSpec(AccountKind.IB_ACCRUED, "USD", OwnerType.IB, self.ids["ib"])
        accounts = ensure_accounts(specs=[house, accrued], now=self.now)
        postings = (debit(accounts[house.code], Decimal(5)), credit(accounts[accrued.code], Decimal(5)))
        entry = EntrySpec("contract:1", EntryKind.REBATE_ACCRUAL, self.now, "rebate_accrual", postings)
        posted = post_entry(entry=entry, actor=SYSTEM, now=self.now)
        self.ids |= {
            "plan": plan.pk, "plan_version": version.pk, "ledger_account": accounts[accrued.code],
            "journal_entry": posted.entry_id,
        }  # fmt: skip

    def _levels(self) -> None:
        """A month that is over, in which nobody traded: the top falls to bronze when somebody approves."""
        month = period_of(PeriodKind.MONTH, (self.now - timedelta(days=40)).date())
        levels = (
            LevelTerms(code="bronze", name="Bronze"),
            LevelTerms(code="silver", name="Silver", min_lots=Decimal(1)),
        )
        ladder = create_ladder(code="partners", name="Partners", actor=SYSTEM, now=LONG_AGO)
        terms = LadderTerms(levels=levels, effective_date=month.first, approval=ApprovalNeed.ALWAYS, demotion_after=1)
        publish_ladder_version(ladder=ladder, terms=terms, actor=SYSTEM, now=LONG_AGO)
        at = month.moments("UTC")[0]
        place_ib(ib=self.top, ladder=ladder, level_code="silver", at=at, reason="", actor=SYSTEM, now=self.now)
        duty = next_duty(ladder, now=self.now)
        assert duty
        run = evaluate_period(duty=duty, now=self.now)
        result = LevelResult.objects.get(run=run, ib=self.top)
        exclusion = exclude_ib(ib=self.below, reason="own contract", until=None, actor=SYSTEM, now=self.now)
        self.ids |= {
            "ladder": ladder.pk, "level_run": run.pk, "level_result": result.pk, "level_exclusion": exclusion.pk,
        }  # fmt: skip

    def _simulation(self) -> None:
        """Leave a simulation of the last days that is done."""
        plan, day = Plan.objects.get(pk=self.ids["plan"]), self.now.date()
        terms = {"rates": [{"any": True, "base": "per_lot", "rate": "7", "currency": "USD"}]}
        simulation = start_simulation(
            plan=plan, terms=terms, scope=SimulationScope.ALL, ib=None, first_day=day - timedelta(days=2), last_day=day,
            actor=SYSTEM, now=self.now,
        )  # fmt: skip
        run_simulation_step(simulation_id=simulation.pk, days_done=0, now=self.now)
        self.ids["simulation"] = simulation.pk

    def _correction(self) -> None:
        """Leave a correction whose preview is ready: the top IB would be paid by no plan, from long ago on."""
        change = AssignPlan(self.ids["ib"], None, LONG_AGO)
        correction = make_change(changes=[change], reason="probe", actor=SYSTEM, now=self.now)
        assert correction is not None
        run_preview_step(correction_id=correction.pk, run=1, now=self.now)
        correction.refresh_from_db()
        assert correction.deals_changed == 1
        self.ids["correction"] = correction.pk

    def _operation(self) -> None:
        """Leave a correction of the account in the outbox."""
        spec = OperationSpec(
            account=TradingAccount.objects.select_related("mt_group").get(pk=self.ids["account"]),
            purpose=Purpose.CORRECTION, amount=Decimal(5), idempotency_key="contract:1",
        )  # fmt: skip
        self.ids["operation"] = plan_operation(spec=spec, actor=SYSTEM, now=self.now).pk
        kind = AccountType.objects.create(
            name="Standard", server=self.server, mt_group=spec.account.mt_group, leverages=[100]
        )
        wanted = NewAccount(spec.account.client, kind, 100, "contract:1")
        self.ids["account_type"] = kind.pk
        self.ids["account_order"] = order_account(wanted=wanted, actor=SYSTEM, now=self.now).pk

    def _statement(self, payee: Payee) -> Statement:
        """State what the payee earned today, to be reviewed."""
        today = self.now.date()
        amount = IbDay.objects.filter(payee_id=payee.pk).aggregate(sum=Sum("amount"))["sum"]
        return Statement.objects.create(
            payee=payee, cycle="daily", from_day=today - timedelta(days=1),
            to_day=today + timedelta(days=1), cut_at=self.now, state="review", lines_total=amount, lines_deals=1,
            total=amount, payable=amount, destination="wallet",
        )  # fmt: skip

    def _consent(self) -> None:
        silver = create_plan(code="silver", name="Silver", actor=SYSTEM, now=self.now)
        accepted = publish_plan_version(
            plan=silver, terms={"rates": []}, effective_from=LONG_AGO, actor=SYSTEM, now=self.now
        )
        offer = offer_plan(ib=self.below, plan=silver, not_before=self.now, actor=SYSTEM, now=self.now)
        acceptance = PlanAcceptance.objects.create(
            ib=self.top, version=accepted, terms_hash=accepted.hash, accepted_at=self.now, user=self.users["ib"],
            name="Kim", document=b"%PDF-", document_sha256="0" * 64,
        )  # fmt: skip
        self.ids |= {"offer": offer.pk, "acceptance": acceptance.pk}

    def strangers(self) -> dict[str, int]:
        """Return an account and an IB of this broker that are neither the client's nor below the IB."""
        ib = create_ib(code="far", name="Far", currency="USD", parent=None, at=LONG_AGO, actor=SYSTEM, now=self.now)
        client = create_client(name="Somebody Else", email="else@example.com", actor=SYSTEM, now=self.now)
        known = TradingAccount.objects.get(pk=self.ids["account"])
        account = TradingAccount.objects.create(
            server=known.server, login=1002, client=client, mt_group=known.mt_group, opened_at=LONG_AGO
        )
        below = self._statement(Payee.objects.get(ib=self.below)).pk
        kind = AccountType.objects.get(pk=self.ids["account_type"])
        order = order_account(wanted=NewAccount(client, kind, 100, "else:1"), actor=SYSTEM, now=self.now)
        return {
            "account": account.pk, "ib_below": ib.pk, "statement": below, "own_statement": below,
            "account_order": order.pk,
        }  # fmt: skip


def _check_deferred_rules() -> None:
    """Let deferred triggers run now: they need the broker in force whose rows they are about."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def leave_room_for_ids() -> None:
    """Take a thousand numbers from every sequence, so that ids made next exist at this broker only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()")
        for (name,) in cursor.fetchall():
            cursor.execute("SELECT count(nextval(quote_ident(%s)::regclass)) FROM generate_series(1, 1000)", [name])


def give_rights(rights: list[str]) -> None:
    """Let the staff of the world hold exactly these rights."""
    Role.objects.filter(code="probe").update(rights=rights)
