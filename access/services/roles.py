"""Roles as sets of rights, and who holds them. Giving staff a role takes two people."""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.models import Approval, Role, RoleGrant, User
from access.rights import all_rights, unknown_rights
from access.roles import BUILT_IN_ROLES
from access.services.approvals import request_approval
from access.services.audit import record_audit
from access.types import Actor
from core.errors import DomainError, Forbidden

GRANT_ACTION = "access.grant_role"


class UnknownRight(DomainError):
    code, http_status = "unknown_right", 422
    message = _("There is no right called %(rights)s.")


class BuiltInRoleFixed(DomainError):
    code, http_status = "built_in_role_fixed", 409
    message = _("The role %(role)s is built in. Copy it and change the copy.")


class RoleHeld(DomainError):
    code, http_status = "role_held", 409
    message = _("%(user)s holds the role %(role)s already.")


@transaction.atomic
def seed_roles(*, actor: Actor, now: datetime) -> list[Role]:
    """Write the built-in roles to the current broker, or bring them to this release. Repeatable."""
    known = all_rights()
    roles = []
    for spec in BUILT_IN_ROLES:
        wanted = spec.rights_among(known)
        role = Role.objects.select_for_update().filter(code=spec.code).first()
        before = None if role is None else {"rights": role.rights}
        if role is None:
            role = Role(code=spec.code)
        if (role.name, role.rights, role.is_built_in) != (spec.name, wanted, True):
            role.name, role.rights, role.is_built_in = spec.name, wanted, True
            role.save()
            _record(role, "access.seed_role", before, actor, now)
        roles.append(role)
    return roles


@transaction.atomic
def create_role(*, code: str, name: str, rights: Iterable[str], actor: Actor, now: datetime) -> Role:
    """Create a role of the broker's own.

    :raises UnknownRight: no app declares one of the rights."""
    role = Role.objects.create(code=code, name=name, rights=_checked(rights))
    _record(role, "access.create_role", None, actor, now)
    return role


@transaction.atomic
def set_role_rights(*, role: Role, rights: Iterable[str], actor: Actor, now: datetime) -> Role:
    """Replace the rights of a role of the broker's own; holders have the new ones at their next request.

    :raises UnknownRight: no app declares one of the rights.
    :raises BuiltInRoleFixed: the role follows the release."""
    row = Role.objects.select_for_update().get(pk=role.pk)
    if row.is_built_in:
        raise BuiltInRoleFixed(role=row.name)
    before = {"rights": row.rights}
    row.rights = _checked(rights)
    row.save(update_fields=["rights"])
    _record(row, "access.set_role_rights", before, actor, now)
    return row


@transaction.atomic
def request_role(*, user: User, role: Role, reason: str, actor: Actor, now: datetime) -> Approval:
    """Ask that staff be given a role; a second person decides."""
    return request_approval(
        action=GRANT_ACTION, object_type="user", object_id=str(user.pk), payload={"role_id": role.pk},
        reason=reason, actor=actor, now=now,
    )  # fmt: skip


@transaction.atomic
def grant_role(*, user: User, role: Role, actor: Actor, now: datetime) -> RoleGrant:
    """Give staff a role at once: for jobs that set a broker up, and for an approved request.

    :raises Forbidden: the user is a client, or a person calls this past the approval.
    :raises RoleHeld: the user holds the role."""
    if actor.is_staff or not user.is_staff:
        raise Forbidden
    return _grant(user, role, actor, now)


def execute_grant(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Give the approved role. Registered as the executor of `access.grant_role`."""
    user = User.objects.get(pk=int(approval.object_id), kind="staff", is_active=True)
    role = Role.objects.get(pk=approval.payload["role_id"])
    _grant(user, role, actor, now)


@transaction.atomic
def revoke_role(*, user: User, role: Role, reason: str, actor: Actor, now: datetime) -> None:
    """Take a role from staff; the next request is refused. One person is enough to take rights away.

    :raises RoleGrant.DoesNotExist: the user does not hold the role."""
    grant = RoleGrant.objects.select_for_update().get(user=user, role=role)
    grant.delete()
    record_audit(
        actor=actor, action="access.revoke_role", object_type="user", object_id=user.pk,
        before={"role": role.code}, after=None, reason=reason, now=now,
    )  # fmt: skip


def _grant(user: User, role: Role, actor: Actor, now: datetime) -> RoleGrant:
    try:
        with transaction.atomic():
            grant = RoleGrant.objects.create(user=user, role=role, granted_at=now, granted_by=actor.label)
    except IntegrityError as error:
        raise RoleHeld(user=user.name, role=role.name) from error
    record_audit(
        actor=actor, action=GRANT_ACTION, object_type="user", object_id=user.pk,
        before=None, after={"role": role.code}, now=now,
    )  # fmt: skip
    return grant


def _checked(rights: Iterable[str]) -> list[str]:
    wanted = set(rights)
    if unknown := unknown_rights(wanted):
        raise UnknownRight(field="rights", rights=", ".join(unknown))
    return sorted(wanted)


def _record(role: Role, action: str, before: dict[str, list[str]] | None, actor: Actor, now: datetime) -> None:
    record_audit(
        actor=actor, action=action, object_type="role", object_id=role.pk,
        before=before, after={"code": role.code, "rights": role.rights}, now=now,
    )  # fmt: skip
