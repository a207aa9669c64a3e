"""What a view declares: the right that it takes. A URL without it fails the contract test."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from access.permissions import VIEW_NETWORK, VIEW_OWN
from access.queries import actor_for
from access.requests import client_ip
from access.types import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class ActorRequest(HttpRequest):
    """The request as a view behind `requires` gets it. For type hints only."""

    actor: Actor


def requires(right: str) -> Callable[[View[P]], View[P]]:
    """Let only those in who hold the right: anonymous people go to the sign-in page, others get 403.

    Puts `request.actor` there, and `view.required_right` for the contract test."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            request.actor = actor_for(
                request.user, ip=client_ip(request), request_id=getattr(request, "request_id", "")
            )
            if not request.actor.has(right):
                raise PermissionDenied(right)
            return view(request, *args, **kwargs)

        guarded.required_right = right
        return guarded

    return decorate


requires_client = requires(VIEW_OWN)
requires_ib = requires(VIEW_NETWORK)


def public(view: View[P]) -> View[P]:
    """Mark a view that everybody may open, so that the contract test knows it is meant."""
    view.required_right = None
    return view


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request") != "true":
        return redirect_to_login(request.get_full_path())
    response = HttpResponse(status=401)  # a fragment must not swallow the sign-in page
    login = settings.LOGIN_URL
    response.headers["HX-Redirect"] = login if login.startswith("/") else reverse(login)
    return response
