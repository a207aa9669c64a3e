"""Create people who sign in, and change what lets them."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.enums import UserKind
from access.models import User
from access.services.audit import record_audit
from access.types import Actor
from core.errors import DomainError


class EmailTaken(DomainError):
    code, http_status = "email_taken", 409
    message = _("Somebody already signs in with the address %(email)s.")


class PasswordRefused(DomainError):
    code, http_status = "password_refused", 422
    message = "%(rules)s"  # the validators' own sentences, already translated


@transaction.atomic
def create_user(
    *,
    email: str,
    name: str,
    kind: UserKind,
    actor: Actor,
    now: datetime,
    password: str | None = None,
    language: str = "en",
) -> User:
    """Create somebody who signs in; without a password nobody can until one is set.

    :raises EmailTaken: the address signs in already.
    :raises PasswordRefused: the password breaks the rules."""
    user = User(email=email.strip().lower(), name=name.strip(), kind=kind, language=language, created_at=now)
    _put_password(user, password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if "access_user_email" not in str(error):
            raise
        raise EmailTaken(field="email", email=user.email) from error
    record_audit(
        actor=actor, action="access.create_user", object_type="user", object_id=user.pk,
        before=None, after={"email": user.email, "kind": user.kind}, now=now,
    )  # fmt: skip
    return user


@transaction.atomic
def set_password(*, user: User, password: str, actor: Actor, now: datetime) -> User:
    """Set a new password. Every session of the user ends, since each carries the old password's hash.

    :raises PasswordRefused: the password breaks the rules."""
    row = User.objects.select_for_update().get(pk=user.pk)
    _put_password(row, password)
    row.save(update_fields=["password"])
    record_audit(
        actor=actor,
        action="access.set_password",
        object_type="user",
        object_id=row.pk,
        before=None,
        after=None,
        now=now,
    )
    return row


@transaction.atomic
def set_user_active(*, user: User, is_active: bool, actor: Actor, reason: str, now: datetime) -> User:
    """Let a user sign in, or stop it at once: the next request of an open session finds nobody."""
    row = User.objects.select_for_update().get(pk=user.pk)
    before, row.is_active = row.is_active, is_active
    row.save(update_fields=["is_active"])
    record_audit(
        actor=actor, action="access.set_user_active", object_type="user", object_id=row.pk,
        before={"is_active": before}, after={"is_active": is_active}, reason=reason, now=now,
    )  # fmt: skip
    return row


def _put_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordRefused(field="password", rules=" ".join(error.messages)) from error
    user.set_password(password)
