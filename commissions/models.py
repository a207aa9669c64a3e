"""Plans, what they gave for each deal, and the roll-ups. What keeps history as it is: migrations/0002_walls.py."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from commissions.consent import models as consent_models  # noqa: F401 -- Django finds models through this module
from commissions.delegation import models as delegation_models  # noqa: F401 -- Django finds models through this module
from commissions.enums import AccrualCause, AccrualKind, BatchKind, PayeeKind, RejudgeCause
from commissions.levels import models as level_models  # noqa: F401 -- Django finds models through this module
from commissions.proof import models as proof_models  # noqa: F401 -- Django finds models through this module
from commissions.settlement import models as settlement_models  # noqa: F401 -- Django finds models through this module
from commissions.whatif import models as whatif_models  # noqa: F401 -- Django finds models through this module
from core.types import DbAccess
from ib.models import Period


class Plan(models.Model):
    """A rebate plan; what it says at a moment is its version in force."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.code


class PlanVersion(models.Model):
    """Terms from a moment on. Of several the latest `effective_from` wins, of equal ones the latest published.

    Never changed: a correction is a version published later."""

    db_access = DbAccess.APPEND

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    effective_from = models.DateTimeField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=200)
    terms = models.JSONField()  # canonical form, see commissions.terms
    hash = models.UUIDField()  # first 128 bits of SHA-256 over the canonical JSON

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="plan_version_once", fields=["plan", "effective_from", "published_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} from {self.effective_from:%Y-%m-%dT%H:%M:%S}"


class PlanDraft(models.Model):
    """What somebody writes as the next version of a plan, as typed, right or wrong. One per plan and person.

    Working material: no deal is ever judged by it."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="drafts")
    author = models.ForeignKey("access.User", on_delete=models.PROTECT, related_name="+")
    typed = models.JSONField()  # inputs of the editor by name
    revision = models.IntegerField(default=1)  # raised by each save: two windows never overwrite each other unseen
    window = models.CharField(max_length=40)  # which window saved last: its saves may overtake each other
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="plan_draft_once", fields=["plan", "author"])]

    def __str__(self) -> str:
        return f"{self.plan_id} by {self.author_id}"


class RateRow(models.Model):
    """One row of a version's rates, as judged deals name it; position -1 stands for the version without a rate.

    Never changed, never deleted."""

    db_access = DbAccess.APPEND

    id = models.AutoField(primary_key=True)
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="rate_rows", db_index=False)
    position = models.SmallIntegerField()  # place in the terms' `rates`; -1: the version as such
    symbol = models.CharField(max_length=64, blank=True, default="")
    symbol_group = models.CharField(max_length=64, blank=True, default="")
    mt_group = models.CharField(max_length=64, blank=True, default="")
    base = models.CharField(max_length=20, blank=True, default="")
    value = models.DecimalField(
        max_digits=24, decimal_places=10, null=True
    )  # rate, points or percent, as the base says
    currency = models.CharField(max_length=8, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="rate_row_once", fields=["version", "position"]),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}[{self.position}]"


class PlanAssignment(models.Model):
    """Which plan an IB is paid by during a period. Without one: no version, so `no_rate`."""

    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="plan_assignments")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="assignments")
    # By just this version, whatever the plan says later: the one that the IB accepted. Null: the plan's in force.
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, null=True, related_name="pinned_by")
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="plan_assignment_one_at_a_time",
                expressions=[
                    (F("ib"), RangeOperators.EQUAL),
                    (Period(F("active_from"), F("active_to")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                name="plan_assignment_period_in_order",
                condition=Q(active_to__isnull=True) | Q(active_to__gt=F("active_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} by {self.plan_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class PlanState(models.Model):
    """One row: the version of all plans and assignments. Every change raises it in its own transaction."""

    version = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="plan_state_single", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.version)


class PlanChange(models.Model):
    """One change: whose deals of which period plans now say something else about. Append only."""

    db_access = DbAccess.APPEND

    version = models.BigIntegerField(unique=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="+")
    affected_from = models.DateTimeField()
    affected_to = models.DateTimeField(null=True)  # half-open; null: from there on
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="plan_change_names_one",
                condition=Q(plan__isnull=False, ib__isnull=True) | Q(plan__isnull=True, ib__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.version)


class Payee(models.Model):
    """Somebody who is paid, in one currency: an IB, or a client with a share of its IB's pay. Never changed."""

    db_access = DbAccess.APPEND

    id = models.AutoField(primary_key=True)
    kind = models.CharField(max_length=6, choices=PayeeKind.choices)
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="payees")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, related_name="payees")
    currency = models.CharField(max_length=8)
    ledger_account_id = models.BigIntegerField()  # its accrued account; the ledger's tables are its own

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="payee_ib_once", fields=["ib", "currency"], condition=Q(ib__isnull=False)),
            models.UniqueConstraint(
                name="payee_client_once", fields=["client", "currency"], condition=Q(client__isnull=False)
            ),
            models.CheckConstraint(
                name="payee_is_one_of_its_kind",
                condition=Q(kind="ib", ib__isnull=False, client__isnull=True)
                | Q(kind="client", ib__isnull=True, client__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ib_id or self.client_id} {self.currency}"


class JudgeBatch(models.Model):
    """One transaction of judging: what it took and what it knew. Its ledger entries name it."""

    db_access = DbAccess.APPEND

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=6, choices=BatchKind.choices)
    deals = models.IntegerField()  # deals looked at
    judged = models.IntegerField()  # judgements written
    network_version = models.BigIntegerField()
    plan_version = models.BigIntegerField()
    booked_at = models.DateTimeField()
    booking_day = models.DateField()  # where lines of closed days go: open for every payee; settlement zone
    closing_id = models.BigIntegerField(default=0)  # newest cut that was in force when this was booked; 0: none

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Judgement(models.Model):
    """What each payee of one deal gets, and why: arrays over the chain, nearest IB first (decision 0005).

    Never updated; live is the highest revision of a deal. The first `levels` elements are the chain, then comes the
    client when its IB shares with it, then payees of the revision before who dropped out."""

    db_access = DbAccess.APPEND

    pk = models.CompositePrimaryKey("deal_id", "revision")
    deal_id = models.BigIntegerField()  # the deal's first revision in trading.Deal: its identity
    account_id = models.BigIntegerField()
    leaf_ib_id = models.BigIntegerField(null=True)  # the client's direct IB; null: none
    deal_at = models.DateTimeField()
    lots_e8 = models.BigIntegerField()  # 1e-8 counted lots: the server's × lot factor; 0 while it is unknown
    batch_id = models.BigIntegerField()
    symbol_group_id = models.IntegerField()  # 0: the symbol has none
    day = models.DateField()  # the deal's day in the settlement zone
    revision = models.SmallIntegerField()
    deal_revision = models.SmallIntegerField()  # revision of the deal that was judged
    levels = models.SmallIntegerField()
    terms_hash = models.UUIDField(null=True)  # of the direct IB's version; the others' stand on their rate rows
    payee = ArrayField(models.IntegerField())
    verdict = ArrayField(models.SmallIntegerField())
    rate_row = ArrayField(models.IntegerField())  # 0: no version was in force
    amount_e8 = ArrayField(models.BigIntegerField())  # 1e-8 of the payee's currency: what stands
    booked_e8 = ArrayField(
        models.BigIntegerField(), null=True
    )  # the difference booked by this revision; null in the first

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="judgement_first_books_all",
                condition=Q(revision=0, booked_e8__isnull=True) | Q(revision__gt=0, booked_e8__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="judgement_of_leaf", fields=["leaf_ib_id", "deal_at"], condition=Q(leaf_ib_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deal_id}.{self.revision}"


class IbDay(models.Model):
    """Roll-up of judgements: what a payee earned by the deals of a day, by symbol group and by who is below.

    `day` is the deals' day, `statement_day` the day by which a line belongs to a statement (the deal's, or that of the
    booking when the deal's was closed): charts sum by day, statements by statement day."""

    db_access = DbAccess.APPEND
    db_updatable = ("amount", "lots", "deals")

    pk = models.CompositePrimaryKey(
        "payee_id", "day", "statement_day", "symbol_group_id", "via_ib_id", "via_account_id"
    )
    payee_id = models.IntegerField()
    day = models.DateField()
    statement_day = models.DateField()  # never before `day`; settlement zone, see commissions.settlement.days
    symbol_group_id = models.IntegerField()  # 0: none
    via_ib_id = models.BigIntegerField()  # the next IB below; 0 at level 1
    via_account_id = models.BigIntegerField()  # at level 1 and for a client the trading account; else 0
    deals = models.IntegerField()  # counted deals
    amount = models.DecimalField(max_digits=38, decimal_places=8)  # the payee's currency
    lots = models.DecimalField(max_digits=38, decimal_places=8)  # counted lots of the counted deals

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="ib_day_statement_not_before", condition=Q(statement_day__gte=F("day"))),
        ]
        indexes: ClassVar = [  # lines that were booked after their day was closed: few
            models.Index(
                name="ib_day_moved", fields=["payee_id", "statement_day"], condition=Q(statement_day__gt=F("day"))
            ),
            # What was booked for a day, whoever earned it: rows lie in the order of days, so blocks of them tell it.
            BrinIndex(name="ib_day_by_block", fields=["day"], pages_per_range=64, autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.payee_id} {self.day}"


class Rejudge(models.Model):
    """A deal that has to be judged again: now (`is_ready`), or once what it waits for arrives."""

    deal_id = models.BigIntegerField(primary_key=True)
    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="+", db_index=False)
    cause = models.CharField(max_length=12, choices=RejudgeCause.choices)
    is_ready = models.BooleanField()
    mt_group = models.ForeignKey("trading.MtGroup", on_delete=models.PROTECT, null=True, related_name="+")
    currencies = ArrayField(models.CharField(max_length=8), default=list)  # whose rates are missing
    deal_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(name="rejudge_ready", fields=["server", "deal_id"], condition=Q(is_ready=True)),
        ]

    def __str__(self) -> str:
        return f"{self.deal_id} {self.cause}"


class EngineCursor(models.Model):
    """Which changes of network and plans one server's judged deals have seen."""

    server = models.OneToOneField(
        "mt4bridge.MtServer", on_delete=models.PROTECT, primary_key=True, related_name="engine_cursor"
    )
    network_version = models.BigIntegerField()
    plan_version = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.server_id}@{self.network_version}.{self.plan_version}"


class TierMonth(models.Model):
    """What an IB's network brought in a calendar month (UTC) by the measure of one plan version: derived state.

    Made when a deal first needs it, and kept with every deal from then on (decision 0013)."""

    ib_id = models.BigIntegerField()
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()  # its first day
    # Sum of the lines: lots, USD, or different clients.
    measure = models.DecimalField(max_digits=60, decimal_places=20, default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="tier_month_once", fields=["month", "ib_id", "version"]),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} {self.month:%Y-%m} by {self.version_id}"


class TierLine(models.Model):
    """What one deal adds to a tier month. Marginal tiers keep the deals that add nothing too: they take a factor."""

    pk = models.CompositePrimaryKey("deal_id", "tier_month_id")
    deal_id = models.BigIntegerField()  # the deal's first revision in trading.Deal
    tier_month = models.ForeignKey(TierMonth, on_delete=models.PROTECT, related_name="lines", db_index=False)
    deal_at = models.DateTimeField()
    server_id = models.BigIntegerField()
    ticket = models.BigIntegerField()
    leg = models.SmallIntegerField()
    client_id = models.BigIntegerField()
    amount = models.DecimalField(max_digits=60, decimal_places=20)  # lots, USD, or 1 for an active client

    class Meta:
        indexes: ClassVar = [
            models.Index(name="tier_line_in_order", fields=["tier_month", "deal_at", "server_id", "ticket", "leg"]),
            models.Index(name="tier_line_of_client", fields=["tier_month", "client_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.deal_id} in {self.tier_month_id}"


class Accrual(models.Model):
    """A line that belongs to no rebate of a deal: CPA, or one booked by hand. Append only.

    Of one event (`deal_id`) and payee the highest revision stands: `amount_e8`. A correction is a further revision that
    books the difference and names the row it corrects; it keeps that row's day when it takes something back."""

    db_access = DbAccess.APPEND

    kind = models.CharField(max_length=8, choices=AccrualKind.choices)
    payee = models.ForeignKey(Payee, on_delete=models.PROTECT, related_name="accruals", db_index=False)
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, related_name="+")
    account_id = models.BigIntegerField(default=0)  # trading account of the event; 0: none
    deal_id = models.BigIntegerField(null=True)  # the event: a deal or balance operation, its first revision
    at = models.DateTimeField()
    day = models.DateField()  # the event's day in the settlement zone
    statement_day = models.DateField()  # the day by which the line belongs to a statement
    revision = models.SmallIntegerField(default=0)
    amount_e8 = models.BigIntegerField()  # 1e-8 of the payee's currency: what stands after this row
    booked_e8 = models.BigIntegerField()  # 1e-8 of the payee's currency: the difference booked by this row
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="corrections")
    cause = models.CharField(max_length=12, choices=AccrualCause.choices)
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, null=True, related_name="+")
    batch_id = models.BigIntegerField()
    note = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="accrual_revision_once", fields=["deal_id", "payee", "kind", "revision"]),
            models.CheckConstraint(
                name="accrual_revision_names_what_it_corrects",
                condition=Q(revision=0) | Q(corrects__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="accrual_of_payee", fields=["payee", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class CpaClient(models.Model):
    """How far a client's CPA is worked out: derived state. `stamp` grows with everything that may change it."""

    client = models.OneToOneField("clients.Client", on_delete=models.PROTECT, primary_key=True, related_name="+")
    is_stale = models.BooleanField()
    stamp = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)  # time of the latest event it is worked out for
    quiet_ib_id = models.BigIntegerField(null=True)  # later deals alone earn this IB nothing by this version
    quiet_version_id = models.BigIntegerField(null=True)
    missing = ArrayField(models.CharField(max_length=8), default=list)  # currencies whose rates were missing
    missing_at = ArrayField(models.DateTimeField(), default=list)  # for each of them the latest moment
    missing_groups = ArrayField(models.BigIntegerField(), default=list)  # MT groups without a lot factor

    class Meta:
        indexes: ClassVar = [
            models.Index(name="cpa_client_stale", fields=["client"], condition=Q(is_stale=True)),
        ]

    def __str__(self) -> str:
        return str(self.client_id)


class HeldBack(models.Model):
    """A direct IB's rebate line while its plan makes CPA an advance: derived state, in the order of the deals."""

    deal_id = models.BigIntegerField(primary_key=True)
    client_id = models.BigIntegerField()
    ib_id = models.BigIntegerField()
    deal_at = models.DateTimeField()
    server_id = models.BigIntegerField()
    ticket = models.BigIntegerField()
    leg = models.SmallIntegerField()
    line = models.DecimalField(max_digits=60, decimal_places=20)  # the IB's currency, before anything is held back
    to_recover = models.DecimalField(max_digits=60, decimal_places=20)  # the IB's currency, when it was judged

    class Meta:
        indexes: ClassVar = [models.Index(name="held_back_of_client", fields=["client_id", "ib_id"])]

    def __str__(self) -> str:
        return f"{self.deal_id} of {self.ib_id}"
