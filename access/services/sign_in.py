"""Sign in: counted by address and by IP in the database, the same answer and work for known and unknown people."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.enums import ActorKind
from access.models import SignInAttempt, User
from access.services.audit import record_audit
from access.types import Actor

WINDOW = timedelta(minutes=15)
PAIR_LIMIT = 5  # failures of one address from one IP
IP_LIMIT = 50  # failures from one IP, whatever the address: an office shares one
ADDRESS_LIMIT = (
    100  # failures of one address from anywhere; an IP that signed in before is exempt, so nobody is locked out
)
KNOWN_FOR = timedelta(days=30)
KEEP_ATTEMPTS = timedelta(days=90)

WRONG = _("This e-mail address and password do not fit together.")
TOO_MANY = _("Too many attempts. Please wait 15 minutes and try again.")


@dataclass(frozen=True, slots=True)
class SignInOutcome:
    """Either the user, or the sentence that says why not. Not an exception: the attempt must stay recorded."""

    user: User | None = None
    refusal: "str | Promise" = ""
    is_new_place: bool = False  # the person signed in lately, but never from this IP


def sign_in(*, email: str, password: str, ip: str | None, now: datetime, request_id: str = "") -> SignInOutcome:
    """Check who somebody is; the door then opens the session with `sessions.start_session`.

    The attempt is counted as a failure before the password is looked at, so parallel guesses share one count."""
    address = email.strip().lower()[:254]
    attempt_id = _count_attempt(address, ip, now)
    if attempt_id is None:
        return SignInOutcome(refusal=TOO_MANY)
    user = User.objects.filter(email=address).first()
    if user is None:
        User().set_password(password)  # the same work as for somebody who exists
        return SignInOutcome(refusal=WRONG)
    if not user.check_password(password) or not user.is_active:
        _record(user, "access.sign_in_failed", ip, request_id, now)
        return SignInOutcome(refusal=WRONG)
    with transaction.atomic():
        is_new_place = _is_new_place(address, ip, now)
        SignInAttempt.objects.filter(pk=attempt_id).update(succeeded=True)
        _record(user, "access.sign_in", ip, request_id, now)
    return SignInOutcome(user=user, is_new_place=is_new_place)


def _is_new_place(address: str, ip: str | None, now: datetime) -> bool:
    earlier = SignInAttempt.objects.filter(email=address, succeeded=True, at__gt=now - KNOWN_FOR)
    places = set(earlier.values_list("ip", flat=True).distinct())
    return bool(places) and ip not in places


@transaction.atomic
def record_sign_out(*, actor: Actor, now: datetime) -> None:
    """Note that somebody signed out; the door ends the session."""
    record_audit(
        actor=actor, action="access.sign_out", object_type="user", object_id=actor.user_id or 0,
        before=None, after=None, now=now,
    )  # fmt: skip


@transaction.atomic
def sweep_sign_in_attempts(*, now: datetime) -> int:
    """Delete attempts that no limit looks at any more; return how many."""
    deleted, _models = SignInAttempt.objects.filter(at__lt=now - KEEP_ATTEMPTS).delete()
    return deleted


@transaction.atomic
def _count_attempt(address: str, ip: str | None, now: datetime) -> int | None:
    """Count this attempt as a failure and return its id, or None when a limit is reached.

    Locks the address and the IP, in one order, so that two attempts never count past each other."""
    for key in sorted({_lock_key(f"address:{address}"), _lock_key(f"ip:{ip}")}):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
    if _limit_reached(address, ip, now):
        return None
    return SignInAttempt.objects.create(email=address, ip=ip, at=now).pk


def _limit_reached(address: str, ip: str | None, now: datetime) -> bool:
    failures = SignInAttempt.objects.filter(at__gt=now - WINDOW, succeeded=False)
    if failures.filter(email=address, ip=ip).count() >= PAIR_LIMIT or failures.filter(ip=ip).count() >= IP_LIMIT:
        return True
    if failures.filter(email=address).count() < ADDRESS_LIMIT:
        return False
    return not SignInAttempt.objects.filter(email=address, ip=ip, succeeded=True, at__gt=now - KNOWN_FOR).exists()


def _lock_key(text: str) -> int:
    """Return a lock's number for this broker: advisory locks are shared by a whole database."""
    digest = hashlib.sha256(f"{connection.schema_name}|sign_in|{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@transaction.atomic
def _record(user: User, action: str, ip: str | None, request_id: str, now: datetime) -> None:
    kind = ActorKind.STAFF if user.is_staff else ActorKind.CLIENT
    actor = Actor(kind=kind, user_id=user.pk, label=user.email, ip=ip, request_id=request_id)
    record_audit(actor=actor, action=action, object_type="user", object_id=user.pk, before=None, after=None, now=now)
