"""Name each request, and end sessions that are idle or old."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from access.enums import UserKind
from access.sessions import SEEN_AT, SIGNED_IN_AT, end_session

_Next = Callable[[HttpRequest], HttpResponseBase]
NOTE_EVERY = timedelta(seconds=60)  # a session row is written at most this often only to note that it is used
BACKGROUND = (
    "Keel-Background"  # a page that refreshes itself sends it, so that an open tab does not keep a session alive
)


@dataclass(frozen=True, slots=True)
class SessionLimit:
    """How long a session lives. Source: ASVS 7.3."""

    idle: timedelta
    total: timedelta


LIMITS: dict[str, SessionLimit] = {
    UserKind.STAFF: SessionLimit(idle=timedelta(minutes=15), total=timedelta(hours=8)),
    UserKind.CLIENT: SessionLimit(idle=timedelta(minutes=30), total=timedelta(hours=24)),
}


class RequestName:
    """Give each request an id that the audit trail and the log share. One sent by the browser is not trusted."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = uuid.uuid4().hex
        return self.get_response(request)


class SessionLimits:
    """End a session that was idle too long or is too old. Stands after AuthenticationMiddleware."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            self._check(request, timezone.now())
        return self.get_response(request)

    def _check(self, request: HttpRequest, now: datetime) -> None:
        limit = LIMITS[request.user.kind]
        seconds = int(now.timestamp())
        signed_in_at, seen_at = request.session.get(SIGNED_IN_AT), request.session.get(SEEN_AT)
        if signed_in_at is None or seen_at is None:
            request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = seconds
        elif seconds - signed_in_at >= limit.total.total_seconds() or seconds - seen_at >= limit.idle.total_seconds():
            end_session(request)
        elif seconds - seen_at >= NOTE_EVERY.total_seconds() and BACKGROUND not in request.headers:
            request.session[SEEN_AT] = seconds
