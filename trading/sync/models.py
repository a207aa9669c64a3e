"""What the MT servers say beside deals, with its history; how reading goes; what comparisons found."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from core.types import DbAccess
from trading.sync.enums import ChangedField, ChangeOf, ChangeState, DifferenceKind, RunKind


class SymbolSpec(models.Model):
    """What the server said of a symbol from a moment on. Append only; deals take the one of their own time."""

    db_access = DbAccess.APPEND

    symbol = models.ForeignKey("trading.Symbol", on_delete=models.PROTECT, related_name="specs")
    seen_at = models.DateTimeField()
    contract_size_e8 = models.BigIntegerField()  # 1e-8 units of the base per lot
    digits = models.PositiveSmallIntegerField()
    quote_currency = models.CharField(max_length=8)
    path = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="symbol_spec_once", fields=["symbol", "seen_at"]),
            models.CheckConstraint(name="symbol_spec_contract_size_positive", condition=Q(contract_size_e8__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.symbol_id} from {self.seen_at:%Y-%m-%d}"


class ServerChange(models.Model):
    """A change on the server, by when it was seen. What would reprice the past waits for a decision."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="changes")
    seen_at = models.DateTimeField()
    of = models.CharField(max_length=10, choices=ChangeOf.choices)
    name = models.CharField(max_length=64)  # of the symbol or group; an account's login
    field = models.CharField(max_length=20, choices=ChangedField.choices)
    before = models.CharField(max_length=200, blank=True, default="")
    after = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=ChangeState.choices, default=ChangeState.TAKEN)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="server_change_waits_once", fields=["server", "of", "name", "field"],
                condition=Q(state="waiting"),
            ),
        ]  # fmt: skip
        indexes: ClassVar = [models.Index(name="server_change_latest", fields=["-id", "server"])]

    def __str__(self) -> str:
        return f"{self.of} {self.name} {self.field}"


class ServerAccount(models.Model):
    """An account as the server lists it, whether or not a client here has it."""

    db_access = DbAccess.FULL

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="listed_accounts")
    login = models.BigIntegerField()
    group = models.CharField(max_length=64)  # the group's name there
    name = models.CharField(max_length=160, blank=True, default="")
    email = models.CharField(max_length=160, blank=True, default="")
    country = models.CharField(max_length=64, blank=True, default="")
    leverage = models.PositiveIntegerField(default=0)
    agent = models.BigIntegerField(default=0)  # login of the IB's agent account; 0: none
    registered_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)  # archived or deleted there, or moved out of the masks

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="server_account_once", fields=["server", "login"]),
        ]
        indexes: ClassVar = [  # beside the clients' accounts in the same order: whose account is nobody's
            models.Index(name="server_account_listed", fields=["server", "login"], condition=Q(gone_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return str(self.login)


class FormerGroup(models.Model):
    """The MT group that an account was in until a moment: its deals before then are judged by it. Append only."""

    db_access = DbAccess.APPEND

    account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, related_name="former_groups")
    mt_group = models.ForeignKey("trading.MtGroup", on_delete=models.PROTECT, related_name="+")
    until = models.DateTimeField()  # when the move was seen

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="former_group_once", fields=["account", "until"])]

    def __str__(self) -> str:
        return f"{self.account_id} until {self.until:%Y-%m-%d}"


class ServerSync(models.Model):
    """How the reading of one server goes. Figures for people; the cursor is what protects the walk."""

    db_access = DbAccess.FULL

    server = models.OneToOneField("mt4bridge.MtServer", on_delete=models.PROTECT, primary_key=True, related_name="sync")
    introduced_at = models.DateTimeField(null=True)  # clock checked, groups and symbols read: deals may be read
    accounts_at = models.DateTimeField(null=True)  # its accounts were first taken over, all of them
    structure_at = models.DateTimeField(null=True)  # groups, symbols and accounts were last read
    paused_at = models.DateTimeField(null=True)  # staff paused the reading of deals
    clock_wrong_since = models.DateTimeField(null=True)
    clock_off_seconds = models.IntegerField(default=0)  # server time less what its zone says, in wall seconds
    backfill_from_at = models.DateTimeField(null=True)  # where the first read began
    backfill_started_at = models.DateTimeField(null=True)
    backfill_done_at = models.DateTimeField(null=True)
    backfill_rows = models.BigIntegerField(default=0)
    minutes = models.JSONField(default=list)  # [[minute of the epoch, deals recorded], …], the last fifteen

    def __str__(self) -> str:
        return str(self.server_id)


class SyncRun(models.Model):
    """One comparison of a server with the store, done in pieces; `done_until` is where the next piece begins."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="sync_runs")
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    since = models.DateTimeField()
    until = models.DateTimeField()
    done_until = models.DateTimeField(null=True)
    last_login = models.BigIntegerField(default=0)  # of a run over accounts: the last one compared
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    checked = models.BigIntegerField(default=0)  # deals, or accounts
    taken_over = models.BigIntegerField(default=0)  # deals stored or revised because of it
    differences = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="sync_run_one_open", fields=["server", "kind"], condition=Q(finished_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d}"


class SyncDifference(models.Model):
    """What a comparison found, in figures. Append only; deals are taken over as revisions, money never."""

    db_access = DbAccess.APPEND

    run = models.ForeignKey(SyncRun, on_delete=models.PROTECT, related_name="lines")
    kind = models.CharField(max_length=20, choices=DifferenceKind.choices)
    login = models.BigIntegerField(null=True)
    ticket = models.BigIntegerField(null=True)
    here = models.CharField(max_length=200, blank=True, default="")
    there = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.kind} {self.login} {self.ticket}"
