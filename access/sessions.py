"""Open and end the session of a request. Sessions are rows in the broker's schema."""

from datetime import datetime

from django.contrib.auth import login, logout
from django.http import HttpRequest

from access.models import User

SIGNED_IN_AT = "signed_in_at"  # unix seconds
SEEN_AT = "seen_at"


def start_session(request: HttpRequest, user: User, *, now: datetime) -> None:
    """Open the session of a user who was checked by `services.sign_in`; the session id and CSRF token change."""
    login(request, user, backend="access.backends.SessionBackend")
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = int(now.timestamp())


def end_session(request: HttpRequest) -> None:
    """End the session: its row is deleted."""
    logout(request)
