"""Come in and go out: one sign-in page for staff, clients and IBs, and the start page that leads each to their own."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from access.decorators import public
from access.models import User
from access.queries import actor_for
from access.requests import client_ip
from access.services import record_sign_out, sign_in
from access.sessions import end_session, start_session
from clients.models import Client
from notifications.services import queue_notice
from notifications.types import Recipient
from portal.forms import SignInForm

LANGUAGE_COOKIE_SECONDS = 365 * 24 * 3600


@public
@sensitive_post_parameters("password")
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """Show the form, or check it and open the session."""
    if request.method != "POST":
        return _form(request, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    outcome = sign_in(
        email=form.cleaned_data["email"], password=form.cleaned_data["password"],
        ip=client_ip(request), now=timezone.now(), request_id=getattr(request, "request_id", ""),
    )  # fmt: skip
    if outcome.user is None:
        form.add_error(None, str(outcome.refusal))
        return _form(request, form, status=422)
    if outcome.is_new_place:
        _tell_new_place(outcome.user, client_ip(request))
    start_session(request, outcome.user, now=timezone.now())
    return _speak(request, outcome.user, redirect(_next(request) or reverse("start")))


@public
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if request.user.is_authenticated:
        record_sign_out(actor=actor_for(request.user, ip=client_ip(request)), now=timezone.now())
        end_session(request)
    return redirect("sign_in")


@public
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Lead staff to the back office, IBs to their dashboard, traders to their accounts."""
    if not request.user.is_authenticated:
        return redirect("sign_in")
    actor = actor_for(request.user)
    if actor.is_staff:
        return redirect("backoffice:overview")
    if actor.ib_id:
        return redirect("portal:dashboard")
    if actor.client_id:
        return redirect("portal:home")
    context = {
        "status": "",
        "sentence": _("Your sign-in is not linked to a client yet."),
        "advice": _("Ask your broker to link it; then sign in again."),
    }
    return render(request, "errors/page.html", context)


def _form(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    return render(request, "auth/sign_in.html", {"form": form, "next": _next(request)}, status=status)


def _next(request: HttpRequest) -> str:
    """Return the page that was asked for before the sign-in, unless it leads away from here."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if here else ""


def _speak(request: HttpRequest, user: User, response: HttpResponse) -> HttpResponse:
    """Go on in the person's own language, unless another was chosen on this device."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, user.language, max_age=LANGUAGE_COOKIE_SECONDS,
            samesite="Lax", secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response


def _tell_new_place(user: User, ip: str | None) -> None:
    """Tell somebody that their password was used from where it never was before."""
    now = timezone.now()
    queue_notice(
        kind="new_sign_in",
        to=Recipient(user_id=user.pk, name=user.name, email=user.email, phone=_phone(user), language=user.language),
        params={"at": f"{now:%Y-%m-%d %H:%M} UTC", "ip": ip or "?"}, key=f"new_sign_in:{user.pk}:{now:%Y%m%d}:{ip}",
        now=now,
    )  # fmt: skip


def _phone(user: User) -> str:
    client = Client.objects.filter(user=user).first()
    return client.phone if client else ""
