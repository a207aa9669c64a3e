"""Users, roles, the audit trail, approvals, and attempts to sign in. All of it lives in the broker's schema."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from access.enums import ActorKind, ApprovalState, UserKind
from core.types import DbAccess


class User(AbstractBaseUser):
    """Somebody who signs in at this broker: staff, or a client (who may also be an IB)."""

    email = models.EmailField(unique=True)  # lower case; unique within the broker
    kind = models.CharField(max_length=10, choices=UserKind.choices)
    name = models.CharField(max_length=150)
    language = models.CharField(max_length=10, default="en")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects: ClassVar = BaseUserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="user_email_lower_case", condition=Q(email=Lower("email"))),
            models.CheckConstraint(name="user_kind_known", condition=Q(kind__in=UserKind.values)),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        return self.kind == UserKind.STAFF


class Role(models.Model):
    """A named set of rights. Built-in roles follow the release and can't be edited, only copied."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    rights = ArrayField(models.CharField(max_length=80))
    is_built_in = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.code


class RoleGrant(models.Model):
    """One user holds one role."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_grants")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="grants")
    granted_at = models.DateTimeField()
    granted_by = models.CharField(max_length=150)  # the actor's label; the audit trail has the rest

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="role_granted_once", fields=["user", "role"])]

    def __str__(self) -> str:
        return f"{self.user_id}:{self.role_id}"


class AuditEvent(models.Model):
    """What somebody did. Append only: the trigger refuses UPDATE, DELETE and TRUNCATE, also to the tables' owner."""

    db_access = DbAccess.APPEND

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(max_length=150)
    action = models.CharField(max_length=80)  # "app.verb_noun", as the right that allows it
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)  # masked
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)  # masked
    reason = models.TextField(blank=True, default="")
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="audit_person_has_user", condition=Q(actor_kind="system") | Q(actor_user__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="audit_by_object", fields=["object_type", "object_id", "at"]),
            models.Index(name="audit_by_time", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.action} {self.object_type}:{self.object_id}"


class Approval(models.Model):
    """One request for a second person, whatever it is about. A trigger refuses any change but the one decision."""

    action = models.CharField(max_length=80)  # a registered action
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    payload = models.JSONField(default=dict, encoder=DjangoJSONEncoder)  # what the executor needs: ids and figures
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=ApprovalState.choices, default=ApprovalState.REQUESTED)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="approval_four_eyes", condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by"))
            ),
            models.CheckConstraint(
                name="approval_decision_complete",
                condition=Q(state="requested", decided_by__isnull=True, decided_at__isnull=True)
                | Q(state__in=["approved", "rejected"], decided_by__isnull=False, decided_at__isnull=False)
                | Q(state="expired", decided_by__isnull=True, decided_at__isnull=False),
            ),
            models.CheckConstraint(name="approval_expires_later", condition=Q(expires_at__gt=F("requested_at"))),
            models.UniqueConstraint(
                name="approval_requested_once",
                fields=["action", "object_type", "object_id"],
                condition=Q(state="requested"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.action} {self.object_type}:{self.object_id}"


class SignInAttempt(models.Model):
    """One try to sign in. Counted to slow guessing down; old rows are swept."""

    email = models.CharField(max_length=254)  # as typed, lower case; need not belong to anybody
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()
    succeeded = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="sign_in_by_email", fields=["email", "at"]),
            models.Index(name="sign_in_by_ip", fields=["ip", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.email}"
