"""Trading accounts, symbols, groups, rates and the store of deals, in one broker's schema."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from core.types import DbAccess
from mt4bridge.enums import DealAction, DealEntry, DealReason
from trading.operations import account_models as account_order_models  # noqa: F401 -- Django finds models through this module
from trading.operations import models as operation_models  # noqa: F401 -- Django finds models through this module
from trading.sync import models as sync_models  # noqa: F401 -- Django finds models through this module


class MtGroup(models.Model):
    """A group of an MT server: its currency, and what a lot of it counts for rebates."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="groups")
    name = models.CharField(max_length=64)
    currency = models.CharField(max_length=8)
    currency_digits = models.PositiveSmallIntegerField(default=2)
    # Counted lots per MT lot. Null: nobody has said, and nobody guesses: deals wait.
    lot_factor = models.DecimalField(max_digits=18, decimal_places=8, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="mt_group_once_per_server", fields=["server", "name"]),
            models.CheckConstraint(
                name="mt_group_lot_factor_positive", condition=Q(lot_factor__isnull=True) | Q(lot_factor__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SymbolGroup(models.Model):
    """A class of symbols that plans name, e.g. forex-majors."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.code


class Symbol(models.Model):
    """A symbol of an MT server. Without a group it is unclassified: a task for staff."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="symbols")
    name = models.CharField(max_length=32)
    group = models.ForeignKey(SymbolGroup, on_delete=models.PROTECT, null=True, related_name="symbols")
    contract_size_e8 = models.BigIntegerField()  # 1e-8 units of the base per lot
    digits = models.PositiveSmallIntegerField()
    quote_currency = models.CharField(max_length=8)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="symbol_once_per_server", fields=["server", "name"]),
            models.CheckConstraint(name="symbol_contract_size_positive", condition=Q(contract_size_e8__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name


class TradingAccount(models.Model):
    """A client's account on an MT server; its number there is the login."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="trading_accounts")
    login = models.BigIntegerField()
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="trading_accounts")
    mt_group = models.ForeignKey(MtGroup, on_delete=models.PROTECT, related_name="trading_accounts")
    leverage = models.PositiveIntegerField(default=100)
    opened_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="trading_account_once_per_server", fields=["server", "login"]),
        ]

    def __str__(self) -> str:
        return str(self.login)


class AccountSnapshot(models.Model):
    """The latest account state that the MT server told, with its age."""

    db_access = DbAccess.FULL

    account = models.OneToOneField(TradingAccount, on_delete=models.CASCADE, primary_key=True, related_name="snapshot")
    balance = models.DecimalField(max_digits=20, decimal_places=8)  # account currency, as the server says
    credit = models.DecimalField(max_digits=20, decimal_places=8)  # account currency
    equity = models.DecimalField(max_digits=20, decimal_places=8)  # account currency
    margin = models.DecimalField(max_digits=20, decimal_places=8)  # account currency, in use
    margin_free = models.DecimalField(max_digits=20, decimal_places=8)  # account currency
    floating = models.DecimalField(max_digits=20, decimal_places=8)  # account currency, result of open positions
    positions = models.JSONField(default=list)  # open positions as the server listed them, decimals as text
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.account_id)


class Deal(models.Model):
    """One execution on an MT server, as the server told it; an edit or deletion there is a new revision.

    Live is the highest revision of (server, ticket, leg), unless that one says deleted. Integer columns
    in 1e-8 units: the judging reads them straight into numpy (decision 0006)."""

    db_access = DbAccess.APPEND

    # Server, account and symbol are checked for all rows of a statement at once (migration 0010): a foreign key would
    # ask three times for each row, which costs more than storing it.
    server = models.ForeignKey(
        "mt4bridge.MtServer", on_delete=models.PROTECT, related_name="deals", db_index=False, db_constraint=False
    )
    ticket = models.BigIntegerField()
    leg = models.SmallIntegerField(default=0)  # 0: MT5 deal, or the opening of an MT4 ticket; 1: its closing
    revision = models.SmallIntegerField(default=0)
    deleted = models.BooleanField(default=False)
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="deals", db_index=False, db_constraint=False
    )
    symbol = models.ForeignKey(
        Symbol, on_delete=models.PROTECT, null=True, related_name="deals", db_index=False, db_constraint=False
    )
    action = models.SmallIntegerField(choices=DealAction.choices)
    entry = models.SmallIntegerField(choices=DealEntry.choices)
    reason = models.SmallIntegerField(choices=DealReason.choices)
    position = models.BigIntegerField()  # MT position the deal belongs to; 0: none
    position_by = models.BigIntegerField(default=0)  # the opposite position of a close-by; 0: none
    mt_order = models.BigIntegerField(default=0)
    volume_e8 = models.BigIntegerField()  # 1e-8 lots of the MT server, before any lot factor
    volume_closed_e8 = models.BigIntegerField()  # 1e-8 lots; of an inout the part that closed
    price_e8 = models.BigIntegerField()  # 1e-8 units of the quote currency
    bid_e8 = models.BigIntegerField(null=True)  # 1e-8 units of the quote currency; null: the server did not send it
    ask_e8 = models.BigIntegerField(null=True)  # 1e-8 units of the quote currency; null: the server did not send it
    contract_size_e8 = models.BigIntegerField()  # 1e-8 units per lot, as it was at the deal
    digits = models.SmallIntegerField()
    profit_e8 = models.BigIntegerField()  # 1e-8 account currency, client's view; of a balance deal its amount
    swap_e8 = models.BigIntegerField()  # 1e-8 account currency, client's view
    commission_e8 = models.BigIntegerField()  # 1e-8 account currency, client's view: charged is negative
    fee_e8 = models.BigIntegerField()  # 1e-8 account currency, client's view
    deal_at = models.DateTimeField()
    comment = models.CharField(max_length=64, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="deal_revision_once", fields=["server", "ticket", "leg", "revision"]),
            models.CheckConstraint(name="deal_volume_not_negative", condition=Q(volume_e8__gte=0)),
            models.CheckConstraint(
                name="deal_closed_within_volume",
                condition=Q(volume_closed_e8__gte=0) & Q(volume_closed_e8__lte=F("volume_e8")),
            ),
            models.CheckConstraint(name="deal_revision_not_negative", condition=Q(revision__gte=0)),
        ]
        indexes: ClassVar = [
            models.Index(name="deal_by_server", fields=["server", "id"]),
            models.Index(name="deal_by_server_time", fields=["server", "deal_at"]),
            models.Index(name="deal_by_account", fields=["account", "deal_at"]),
            models.Index(name="deal_by_position", fields=["account", "position"]),
            models.Index(  # few: whether a deal is still live is asked among these
                name="deal_revised", fields=["server", "ticket", "leg", "revision"], condition=Q(revision__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket}/{self.leg}.{self.revision}"


class HeldDeal(models.Model):
    """A row of the MT server that could not become a deal, with the reason, until somebody releases it."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="held_deals")
    ticket = models.BigIntegerField()
    leg = models.SmallIntegerField(default=0)
    login = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=40)  # code of trading.enums.HoldReason
    detail = models.CharField(max_length=200, blank=True, default="")
    payload = models.JSONField()  # the row as it came, so that nothing is lost
    held_at = models.DateTimeField()
    release_asked_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="held_deal_once", fields=["server", "ticket", "leg"], condition=Q(released_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket}/{self.leg}"


class DealCursor(models.Model):
    """How far the one walker of a server has come. Locked FOR UPDATE NOWAIT by every step that moves it."""

    server = models.OneToOneField(
        "mt4bridge.MtServer", on_delete=models.PROTECT, primary_key=True, related_name="cursor"
    )
    version = models.BigIntegerField(default=0)  # moves with every step: a step checks that it has not moved
    deals = models.BigIntegerField(default=0)  # deals stored, whatever their revisions: pages never count the table
    recorded_until = models.DateTimeField(null=True)  # deals before this moment (UTC) have been read
    swept_at = models.DateTimeField(null=True)  # when the longer overlap was last read for edits and deletions
    judged_id = models.BigIntegerField(default=0)  # deals of this server up to this id are judged
    judged_high_at = models.DateTimeField(null=True)  # latest deal time judged so far: a deal below it is late
    complete_until = models.DateTimeField(null=True)  # server time up to which every deal is stored and judged

    def __str__(self) -> str:
        return f"{self.server_id}@{self.version}"


class FxRate(models.Model):
    """One unit of `base` costs `rate` units of `quote` from `at` on. Never edited: a late one is published later."""

    db_access = DbAccess.APPEND

    base = models.CharField(max_length=8)
    quote = models.CharField(max_length=8)
    rate = models.DecimalField(max_digits=20, decimal_places=10)  # units of quote per unit of base
    at = models.DateTimeField()
    published_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="fx_rate_once", fields=["base", "quote", "at", "published_at"]),
            models.CheckConstraint(name="fx_rate_positive", condition=Q(rate__gt=0)),
            models.CheckConstraint(name="fx_rate_two_currencies", condition=~Q(base=F("quote"))),
        ]
        indexes: ClassVar = [models.Index(name="fx_rate_latest", fields=["base", "quote", "-at"])]

    def __str__(self) -> str:
        return f"{self.base}{self.quote}"
