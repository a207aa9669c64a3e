"""What may be opened, and the outbox of everything else that is done to accounts on MT servers."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q

from core.crypto import seal, unseal
from core.types import DbAccess
from trading.operations.enums import OperationState, OrderKind
from trading.operations.models import Outgoing


class AccountType(models.Model):
    """What a client may open: where, in which MT group, with which leverage, and by whose leave."""

    name = models.CharField(max_length=60, unique=True)
    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="account_types")
    mt_group = models.ForeignKey("trading.MtGroup", on_delete=models.PROTECT, related_name="account_types")
    is_demo = models.BooleanField(default=False)
    leverages = ArrayField(models.PositiveIntegerField())  # offered, ascending: 100 means 1:100
    starting_balance = models.DecimalField(max_digits=20, decimal_places=8, default=0)  # demo; group's currency
    most_per_client = models.PositiveSmallIntegerField(default=5)  # accounts of this type that one client may have
    login_from = models.BigIntegerField(null=True)  # null: the server chooses
    login_until = models.BigIntegerField(null=True)  # inclusive
    needs_approval = models.BooleanField(default=False)  # staff let each account be opened
    leverage_needs_approval = models.BooleanField(default=False)  # staff let each change of leverage happen
    # With open positions leverage changes only if the margin level stays at least this, in percent. Null: never.
    leverage_margin_percent = models.PositiveIntegerField(null=True)
    is_offered = models.BooleanField(default=True)  # clients see it; staff may open others too

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="account_type_has_leverage", condition=Q(leverages__len__gte=1)),
            models.CheckConstraint(
                name="account_type_starting_balance_is_demo",
                condition=Q(starting_balance=0) | Q(is_demo=True, starting_balance__gt=0),
            ),
            models.CheckConstraint(
                name="account_type_login_range",
                condition=Q(login_from__isnull=True, login_until__isnull=True)
                | Q(login_from__gt=0, login_until__gte=F("login_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountOrder(Outgoing):
    """One thing to do to an account on an MT server: open it, set a password, the leverage or the agent, archive it.

    Moves and history are guarded as those of BalanceOperation. Opening carries a token in the account's ID field; the
    others set a value, which the server can be asked for."""

    db_access = DbAccess.APPEND
    db_updatable = (
        *Outgoing.MOVING, "account_id", "waits_for_approval", "main_sealed", "investor_sealed", "reveal_until",
        "revealed_at",
    )  # fmt: skip

    kind = models.CharField(max_length=10, choices=OrderKind.choices)
    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="account_orders")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="account_orders")
    account = models.ForeignKey(
        "trading.TradingAccount", on_delete=models.PROTECT, null=True, related_name="account_orders"
    )
    account_type = models.ForeignKey(AccountType, on_delete=models.PROTECT, null=True, related_name="account_orders")
    login = models.BigIntegerField(default=0)  # of a new account; 0: the server chooses
    leverage = models.PositiveIntegerField(null=True)  # 100 means 1:100
    agent = models.BigIntegerField(null=True)  # login of the IB's own account; 0: none
    token = models.CharField(max_length=13)  # of a new account in its ID field; of the others only a name
    idempotency_key = models.CharField(max_length=200)
    waits_for_approval = models.BooleanField(default=False)
    main_sealed = models.TextField(blank=True, default="")  # core.crypto; wiped once shown or out of date
    investor_sealed = models.TextField(blank=True, default="")  # core.crypto; wiped once shown or out of date
    reveal_until = models.DateTimeField(null=True)  # until when the client may have the passwords shown, once
    revealed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="account_order_token_once", fields=["token"]),
            models.UniqueConstraint(name="account_order_key_once", fields=["idempotency_key"]),
            models.UniqueConstraint(
                name="account_order_one_in_flight", fields=["account"],
                condition=Q(state__in=["sending", "unknown"], account__isnull=False),
            ),
            models.UniqueConstraint(
                name="account_order_login_once", fields=["server", "login"],
                condition=Q(kind="open", login__gt=0) & ~Q(state="refused"),
            ),
            models.CheckConstraint(
                name="account_order_about_an_account",
                condition=Q(kind="open", account_type__isnull=False, leverage__gt=0)
                | ~Q(kind="open") & Q(account__isnull=False),
            ),
            models.CheckConstraint(
                name="account_order_has_its_value",
                condition=~Q(kind="leverage") | Q(leverage__gt=0),
            ),
            models.CheckConstraint(
                name="account_order_has_its_agent", condition=~Q(kind="agent") | Q(agent__gte=0)
            ),
            models.CheckConstraint(
                name="account_order_opened_when_confirmed",
                condition=~Q(kind="open") | Q(state="confirmed", account__isnull=False)
                | ~Q(state="confirmed") & Q(account__isnull=True),
            ),
            models.CheckConstraint(
                name="account_order_sending_is_leased",
                condition=Q(state="sending", lease_until__isnull=False, sent_at__isnull=False, attempts__gte=1)
                | ~Q(state="sending") & Q(lease_until__isnull=True),
            ),
            models.CheckConstraint(
                name="account_order_approved_before_sent", condition=Q(waits_for_approval=False)
                | Q(state__in=["planned", "refused"]),
            ),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(
                name="account_order_open", fields=["server", "next_try_at"],
                condition=Q(state__in=["planned", "sending", "unknown"]),
            ),
            models.Index(name="account_order_of_client", fields=["client", "id"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.token

    def seal_passwords(self, *, main: str, investor: str = "") -> None:
        """Keep the passwords sealed for this row and this broker's schema."""
        self.main_sealed = seal(main, place=self._place("main")) if main else ""
        self.investor_sealed = seal(investor, place=self._place("investor")) if investor else ""

    def passwords(self) -> tuple[str, str]:
        """Return main and investor password in clear, for the MT server and for the client alone."""
        return (
            unseal(self.main_sealed, place=self._place("main")) if self.main_sealed else "",
            unseal(self.investor_sealed, place=self._place("investor")) if self.investor_sealed else "",
        )

    @property
    def has_secret(self) -> bool:
        return bool(self.main_sealed or self.investor_sealed)

    def _place(self, which: str) -> tuple[str, str, str, str]:
        schema: str = connection.schema_name  # type: ignore[attr-defined]  # django-tenants adds it
        return (schema, "account_order", which, self.token)


class AccountOrderEvent(models.Model):
    """One move of an account order. Written by the trigger in the same statement, never changed."""

    db_access = DbAccess.READ

    order = models.ForeignKey(AccountOrder, on_delete=models.PROTECT, related_name="events", db_index=False)
    number = models.PositiveSmallIntegerField()  # 1, 2, 3 … within the order
    state_before = models.CharField(max_length=10, blank=True, default="")
    state = models.CharField(max_length=10, choices=OperationState.choices)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=40, blank=True, default="")
    detail = models.JSONField(default=dict)
    attempt = models.PositiveSmallIntegerField()
    fence = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="account_order_event_once", fields=["order", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}.{self.number}"
