"""What is offered and what was accepted. What keeps acceptances as they are: migration `consent`."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from commissions.consent.enums import Asking, OfferState
from core.types import DbAccess


class PlanPolicy(models.Model):
    """What a broker lets IBs do with a plan. Without a row: IBs are asked, nobody may delegate."""

    plan = models.OneToOneField("commissions.Plan", on_delete=models.PROTECT, related_name="policy")
    asking = models.CharField(max_length=10, choices=Asking.choices, default=Asking.ASKED)
    # Most that an IB may pass on to one below, in percent of its own rate; null: it may not.
    sub_percent_most = models.DecimalField(max_digits=11, decimal_places=8, null=True)
    # Most that an IB may give its clients, in percent of its pay; null: it may not.
    client_percent_most = models.DecimalField(max_digits=11, decimal_places=8, null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="plan_policy_sub_share_in_range",
                condition=Q(sub_percent_most__isnull=True) | Q(sub_percent_most__gte=0, sub_percent_most__lte=100),
            ),
            models.CheckConstraint(
                name="plan_policy_client_share_in_range",
                condition=Q(client_percent_most__isnull=True)
                | Q(client_percent_most__gte=0, client_percent_most__lte=100),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.asking}"


class PlanOffer(models.Model):
    """A plan for an IB that begins with its acceptance."""

    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="plan_offers")
    plan = models.ForeignKey("commissions.Plan", on_delete=models.PROTECT, related_name="offers")
    not_before = models.DateTimeField()  # the assignment begins at acceptance, but never before
    state = models.CharField(max_length=10, choices=OfferState.choices, default=OfferState.OPEN)
    offered_at = models.DateTimeField()
    offered_by = models.CharField(max_length=200)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="plan_offer_one_open", fields=["ib"], condition=Q(state="open")),
            models.CheckConstraint(
                name="plan_offer_closed_when_decided",
                condition=Q(state="open", closed_at__isnull=True) | (~Q(state="open") & Q(closed_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} for {self.ib_id}, {self.state}"


class PlanAcceptance(models.Model):
    """An IB accepted a version: who, when, from where, and the document it was shown. Append only."""

    db_access = DbAccess.APPEND

    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="acceptances")
    version = models.ForeignKey("commissions.PlanVersion", on_delete=models.PROTECT, related_name="acceptances")
    terms_hash = models.UUIDField()  # the version's own (trigger), and so that of each deal judged by it
    accepted_at = models.DateTimeField()
    user = models.ForeignKey("access.User", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=150)  # as typed by who accepted
    ip = models.GenericIPAddressField(null=True)
    document = models.BinaryField()  # PDF
    document_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="plan_acceptance_once", fields=["ib", "version"]),
            models.CheckConstraint(name="plan_acceptance_has_name", condition=~Q(name="")),
        ]
        indexes: ClassVar = [models.Index(name="plan_acceptance_by_time", fields=["accepted_at"])]

    def __str__(self) -> str:
        return f"{self.version_id} by {self.ib_id}"
