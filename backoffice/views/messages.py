"""Messages to clients with how their delivery went, and how mail leaves."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages as toasts
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.messages import MailForm, MessageFilter, SmsForm, TestMailForm, TestSmsForm
from backoffice.lists import latest
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from core.errors import DomainError
from notifications.enums import FINAL_STATES, MessageState, Outcome, SmsMode
from notifications.kinds import KINDS
from notifications.models import Message
from notifications.queries import attempts_of, mail_settings, messages_visible_to, preview_of, sms_settings
from notifications.rendering import house_of
from notifications.services import (
    cancel_message,
    save_mail_settings,
    save_sms_settings,
    send_again,
    send_test_mail,
    send_test_sms,
)
from notifications.types import Answer
from notifications.words import in_words
from tenancy.context import current_broker

PILLS: dict[str, tuple[str, str]] = {
    MessageState.QUEUED: ("brand", "clock"),
    MessageState.SENDING: ("brand", "send"),
    MessageState.SENT: ("ok", "check"),
    MessageState.FAILED: ("bad", "alert-circle"),
    MessageState.DEAD: ("bad", "alert-circle"),
    MessageState.SUPPRESSED: ("mute", "player-pause"),
}


@requires("notifications.view_message")
@require_safe
def message_list(request: ActorRequest) -> HttpResponse:
    """List messages, newest first, narrowed by state, kind and recipient."""
    form = MessageFilter(request.GET)
    rows = form.narrow(messages_visible_to(request.actor))
    page = latest(rows, time="created_at", before=request.GET.get("before", ""))
    context = {"page": page, "rows": [_told(row) for row in page.rows], "form": form, "trouble": _trouble()}
    status = 200 if form.is_valid() else UNPROCESSABLE
    return show(request, "messages/list.html", context, nav="messages", part="messages/_list.html", status=status)


@requires("notifications.view_message")
@require_safe
def message_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one message: what it says with its secrets hidden, and every attempt."""
    message = get_object_or_404(messages_visible_to(request.actor), pk=pk)
    kind = KINDS.get(message.kind)
    preview = preview_of(message, house=house_of(current_broker()))
    context = {
        **_told(message), "attempts": attempts_of(message), "preview": preview,
        "text": (preview.text or preview.sms) if preview else "",
        "can_send_again": message.state in FINAL_STATES and kind is not None and not kind.secrets,
        "can_cancel": message.state == MessageState.QUEUED,
    }  # fmt: skip
    return show(request, "messages/page.html", context, nav="messages")


@requires("notifications.decide_message")
@require_POST
def message_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Send a message again, or cancel one that waits."""
    message = get_object_or_404(messages_visible_to(request.actor), pk=pk)
    again = request.POST.get("decision") == "again"
    try:
        (send_again if again else cancel_message)(message_id=message.pk, actor=request.actor, now=timezone.now())
    except DomainError as error:
        toasts.error(request, str(error))
    else:
        toasts.success(request, _("It waits to be sent again.") if again else _("It is not sent any more."))
    return redirect("backoffice:message", pk)


@requires("notifications.view_settings")
@require_safe
def mail_page(request: ActorRequest) -> HttpResponse:
    """Show how mail and SMS leave; passwords are never shown."""
    return _settings(request)


@requires("notifications.edit_settings")
@require_POST
@sensitive_post_parameters("password")
def mail_save(request: ActorRequest) -> HttpResponse:
    """Save how mail leaves."""
    form = MailForm(request.POST)
    if form.is_valid():
        try:
            save_mail_settings(spec=form.spec(), actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            toasts.success(request, _("Saved. Send a test to see whether it works."))
            return redirect("backoffice:mail_settings")
    return _settings(request, {"form": form}, status=UNPROCESSABLE)


@requires("notifications.edit_settings")
@require_POST
@sensitive_post_parameters("sms-secret")
def sms_save(request: ActorRequest) -> HttpResponse:
    """Save how SMS leave."""
    form = SmsForm(request.POST, prefix="sms")
    if form.is_valid():
        try:
            save_sms_settings(spec=form.spec(), actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            toasts.success(request, _("Saved. Send a test to see whether it works."))
            return redirect("backoffice:mail_settings")
    return _settings(request, {"sms": form}, status=UNPROCESSABLE)


@requires("notifications.edit_settings")
@require_POST
def mail_test(request: ActorRequest) -> HttpResponse:
    """Send a test mail right now and show the server's answer."""
    form = TestMailForm(request.POST)
    return _test(request, form, "test", lambda values, call: send_test_mail(**values, **call))


@requires("notifications.edit_settings")
@require_POST
def sms_test(request: ActorRequest) -> HttpResponse:
    """Send a test SMS right now and show the gateway's answer."""
    form = TestSmsForm(request.POST)
    return _test(request, form, "test_sms", lambda values, call: send_test_sms(**values, **call))


def _test(request: ActorRequest, form: Form, name: str, send: Callable[[Any, Any], Answer]) -> HttpResponse:
    answer = None
    if form.is_valid():
        call = {
            "house": house_of(current_broker()), "language": get_language() or "en", "actor": request.actor,
            "now": timezone.now(),
        }  # fmt: skip
        try:
            answer = send(form.cleaned_data, call)
        except DomainError as error:
            put_on_form(form, error)
    if answer is None:
        return _settings(request, {name: form}, status=UNPROCESSABLE)
    told = {"is_ok": answer.outcome == Outcome.ACCEPTED, "words": in_words(answer.code), "reply": answer.reply}
    return _settings(request, {name: form, "answer": told})


def _settings(request: ActorRequest, given: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """Show the page; `given` are forms as they were sent, in place of what is in force."""
    mail, sms = mail_settings(), sms_settings()
    context = {
        "form": MailForm.of(mail), "sms": SmsForm.of(sms), "test": TestMailForm(), "test_sms": TestSmsForm(),
        "has_password": bool(mail and mail.password_sealed), "has_secret": bool(sms and sms.secret_sealed),
        "has_mail": mail is not None, "has_sms": sms is not None and sms.mode != SmsMode.OFF, "answer": None,
        "trouble": _trouble(), **(given or {}),
    }  # fmt: skip
    return show(request, "messages/settings.html", context, nav="mail_settings", status=status)


def _told(message: Message) -> dict[str, Any]:
    kind = KINDS.get(message.kind)
    tone, icon = PILLS[message.state]
    return {
        "row": message, "kind": kind.label if kind else message.kind, "tone": tone, "icon": icon,
        "words": in_words(message.last_code),
    }  # fmt: skip


def _trouble() -> list[dict[str, str]]:
    """Return what is wrong with mail server and SMS gateway now, in words."""
    mail, sms = mail_settings(), sms_settings()
    found = [] if mail else [{"words": in_words("not_set_up"), "reply": ""}]
    broken = [each for each in (mail, sms) if each is not None and each.failures]
    return found + [{"words": in_words(each.last_code), "reply": each.last_reply} for each in broken]
