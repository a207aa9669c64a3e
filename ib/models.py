"""The network: who stands under whom, since when."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import connection, models
from django.db.models import F, Func, Q
from mptt.managers import TreeManager
from mptt.models import MPTTModel, TreeForeignKey

from core.types import DbAccess
from ib.enums import ChangeKind


class IbManager(TreeManager):
    """django-mptt's manager, with numbers of new trees from a sequence: two new roots never share one."""

    def _get_next_tree_id(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('ib_tree_id_seq')")
            (number,) = cursor.fetchone()
        return int(number)


class IB(MPTTModel):
    """An introducing broker. Its place here is the one in force now; only `ib.services` changes it.

    `lft`, `rght`, `tree_id` and `level` are django-mptt's numbers: for pages, never for money."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=150)
    client = models.OneToOneField("clients.Client", on_delete=models.PROTECT, null=True, related_name="ib")
    user = models.OneToOneField("access.User", on_delete=models.PROTECT, null=True, related_name="ib")
    currency = models.CharField(max_length=8)  # what the IB is paid in
    parent = TreeForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children", db_index=True)
    created_at = models.DateTimeField()

    objects: ClassVar = IbManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="ib_code_given", condition=~Q(code="")),
            models.CheckConstraint(name="ib_not_own_parent", condition=Q(parent__isnull=True) | ~Q(parent=F("id"))),
            models.CheckConstraint(name="ib_numbers_in_order", condition=Q(lft__gte=1, rght__gt=F("lft"))),
            models.UniqueConstraint(
                name="ib_left_once", fields=["tree_id", "lft"], deferrable=models.Deferrable.DEFERRED
            ),
            models.UniqueConstraint(
                name="ib_right_once", fields=["tree_id", "rght"], deferrable=models.Deferrable.DEFERRED
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Period(Func):
    """tstzrange(active_from, active_to): half-open, open-ended when `active_to` is null."""

    function = "tstzrange"
    output_field = models.Field()


def _one_at_a_time(name: str, subject: str) -> ExclusionConstraint:
    return ExclusionConstraint(
        name=name,
        expressions=[
            (F(subject), RangeOperators.EQUAL),
            (Period(F("active_from"), F("active_to")), RangeOperators.OVERLAPS),
        ],
    )


def _in_order(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(active_to__isnull=True) | Q(active_to__gt=F("active_from")))


class IbLink(models.Model):
    """Under whom an IB stands during a period; parent null: at the top. An IB's periods follow without gaps."""

    ib = models.ForeignKey(IB, on_delete=models.PROTECT, related_name="links")
    parent = models.ForeignKey(IB, on_delete=models.PROTECT, null=True, related_name="child_links")
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("ib_link_one_at_a_time", "ib"),
            _in_order("ib_link_period_in_order"),
            models.CheckConstraint(
                name="ib_link_not_own_parent", condition=Q(parent__isnull=True) | ~Q(parent=F("ib"))
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="ib_link_by_parent", fields=["parent", "active_from"]),
            models.Index(name="ib_link_by_start", fields=["active_from"]),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} under {self.parent_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class ClientLink(models.Model):
    """Whose client a client is during a period. Without one it has no IB."""

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="ib_links")
    ib = models.ForeignKey(IB, on_delete=models.PROTECT, related_name="client_links", db_index=False)
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("client_link_one_at_a_time", "client"),
            _in_order("client_link_period_in_order"),
        ]
        # All of what counting clients asks for: pages count thousands without reading the rows.
        indexes: ClassVar = [models.Index(name="client_link_by_ib", fields=["ib", "active_from", "active_to"])]

    def __str__(self) -> str:
        return f"client {self.client_id} of {self.ib_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class AccountLink(models.Model):
    """Whose client one trading account counts as during a period; wins over the client's link. IB null: nobody's."""

    account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, related_name="ib_links")
    ib = models.ForeignKey(IB, on_delete=models.PROTECT, null=True, related_name="account_links")
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("account_link_one_at_a_time", "account"),
            _in_order("account_link_period_in_order"),
        ]
        indexes: ClassVar = [models.Index(name="account_link_by_ib", fields=["ib", "active_from"])]

    def __str__(self) -> str:
        return f"account {self.account_id} of {self.ib_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class Agreement(models.Model):
    """What was agreed with an IB for a period. Without one: keeps all, no rank, active."""

    ib = models.ForeignKey(IB, on_delete=models.PROTECT, related_name="agreements")
    # Percent of its entitlement that it keeps under upline mode `split`; null: all.
    keep_percent = models.DecimalField(max_digits=11, decimal_places=8, null=True)
    rank = models.IntegerField(null=True)  # greater is higher
    active = models.BooleanField(default=True)
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("agreement_one_at_a_time", "ib"),
            _in_order("agreement_period_in_order"),
            models.CheckConstraint(
                name="agreement_share_in_range",
                condition=Q(keep_percent__isnull=True) | Q(keep_percent__gte=0, keep_percent__lte=100),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class NetworkState(models.Model):
    """One row: the network's version, and from when on deals have to be judged again.

    Every change bumps `version` in its own transaction; who judges compares it."""

    version = models.BigIntegerField(default=0)
    affected_from = models.DateTimeField(null=True)  # earliest moment changed since the engine last took it; null: none
    tree_at = models.DateTimeField(null=True)  # the moment that the MPTT tree shows

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="network_state_single", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.version)


class NetworkChange(models.Model):
    """One change: who and which period of its past or future is now different. Append only."""

    db_access = DbAccess.APPEND

    version = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=10, choices=ChangeKind.choices)
    ib = models.ForeignKey(IB, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, related_name="+")
    account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, null=True, related_name="+")
    affected_from = models.DateTimeField()
    affected_to = models.DateTimeField(null=True)  # half-open; null: from there on
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="network_change_names_subject",
                condition=Q(kind__in=["ib", "agreement"], ib__isnull=False, client__isnull=True, account__isnull=True)
                | Q(kind="client", client__isnull=False, ib__isnull=True, account__isnull=True)
                | Q(kind="account", account__isnull=False, ib__isnull=True, client__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.kind}"
