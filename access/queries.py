"""Who acts, and what the trail says."""

from datetime import datetime

from django.db.models import QuerySet

from access.approvals import all_actions
from access.enums import ActorKind, ApprovalState, UserKind
from access.identities import find_identity
from access.models import Approval, AuditEvent, Role, RoleGrant, User
from access.permissions import VIEW_NETWORK, VIEW_OWN
from access.types import Actor


def actor_for(user: User, *, ip: str | None = None, request_id: str = "") -> Actor:
    """Return the actor that a signed-in user is now: rights are read anew for every request.

    One statement for staff, one per identity for a client."""
    if user.kind == UserKind.STAFF:
        return Actor(
            kind=ActorKind.STAFF,
            user_id=user.pk,
            label=user.email,
            rights=rights_of(user),
            ip=ip,
            request_id=request_id,
        )
    client_id = find_identity("client_id", user_id=user.pk)
    ib_id = find_identity("ib_id", user_id=user.pk)
    rights = {VIEW_OWN} if client_id else set()
    if ib_id:
        rights.add(VIEW_NETWORK)
    return Actor(
        kind=ActorKind.CLIENT, user_id=user.pk, label=user.email, rights=frozenset(rights),
        client_id=client_id, ib_id=ib_id, ip=ip, request_id=request_id,
    )  # fmt: skip


def rights_of(user: User) -> frozenset[str]:
    """Return the union of the rights of the user's roles. One statement."""
    held = RoleGrant.objects.filter(user=user).values_list("role__rights", flat=True)
    return frozenset(code for rights in held for code in rights)


def staff_visible_to(actor: Actor) -> QuerySet[User]:
    """Return the staff whom the actor may see."""
    staff = User.objects.filter(kind=UserKind.STAFF)
    return staff if actor.sees_all and actor.has("access.view_staff") else staff.none()


def roles_visible_to(actor: Actor) -> QuerySet[Role]:
    """Return the roles that the actor may see."""
    return Role.objects.all() if actor.sees_all and actor.has("access.view_staff") else Role.objects.none()


def audit_visible_to(actor: Actor) -> QuerySet[AuditEvent]:
    """Return the events of the trail that the actor may see."""
    return AuditEvent.objects.all() if actor.sees_all and actor.has("access.view_audit") else AuditEvent.objects.none()


def approvals_visible_to(actor: Actor) -> QuerySet[Approval]:
    """Return the requests that the actor made or may decide."""
    if not actor.is_staff:
        return Approval.objects.none()
    from_me = Approval.objects.filter(requested_by_id=actor.user_id)
    mine_to_decide = [name for name, action in all_actions().items() if actor.has(action.approve_right)]
    return from_me | Approval.objects.filter(action__in=mine_to_decide)


def open_approvals(actor: Actor, *, now: datetime) -> QuerySet[Approval]:
    """Return the requests that wait for a second person, among those that the actor may see."""
    waiting = approvals_visible_to(actor).filter(state=ApprovalState.REQUESTED, expires_at__gt=now)
    return waiting.select_related("requested_by")
