"""Kinds and states of access."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class UserKind(TextChoices):
    STAFF = "staff", _("Staff")
    CLIENT = "client", _("Client")


class ActorKind(TextChoices):
    STAFF = "staff", _("Staff")
    CLIENT = "client", _("Client")
    SYSTEM = "system", _("System")


class ApprovalState(TextChoices):
    REQUESTED = "requested", _("Waiting for a second person")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")


APPROVAL_MOVES: dict[ApprovalState, frozenset[ApprovalState]] = {
    ApprovalState.REQUESTED: frozenset({ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.EXPIRED}),
}
