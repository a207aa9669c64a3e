"""Uploaded histories: hand over a file, see what it would change, confirm or discard it, see what came of it."""

from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.uploads import ConfirmForm, UploadForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from core.errors import DomainError
from mt4bridge.enums import ServerKind, UploadState
from mt4bridge.models import HistoryUpload
from mt4bridge.queries import servers_visible_to, uploads_visible_to
from mt4bridge.uploads import confirm_upload, discard_upload, store_upload
from trading.uploads import preview_upload

SHOWN = 100


@requires("mt4bridge.upload_history")
@require_http_methods(["GET", "HEAD", "POST"])
def upload_add(request: ActorRequest, pk: int) -> HttpResponse:
    """Hand over a file; nothing of it counts before it is confirmed."""
    server = get_object_or_404(servers_visible_to(request.actor), pk=pk, kind=ServerKind.FILES)
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        file, now = form.cleaned_data["file"], timezone.now()
        try:
            upload = store_upload(
                server=server, content=file.read(), file_name=file.name, login=form.cleaned_data["login"],
                currency=form.cleaned_data["currency"], actor=request.actor, now=now,
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            if upload.uploaded_at < now:
                messages.info(request, _("This file is here already. It counts once."))
            return redirect("backoffice:upload", upload.pk)
    rows = list(uploads_visible_to(request.actor).filter(server=server).order_by("-pk")[:SHOWN])
    status = UNPROCESSABLE if request.method == "POST" else 200
    context = {"server": server, "form": form, "rows": rows}
    return show(request, "uploads/add.html", context, nav="servers", status=status)


@requires("mt4bridge.view_server")
@require_safe
def upload_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show what is in a file, what it would change, and, once it is recorded, what it did."""
    upload = get_object_or_404(uploads_visible_to(request.actor), pk=pk)
    return _page(request, upload, None)


@requires("mt4bridge.upload_history")
@require_POST
def upload_confirm(request: ActorRequest, pk: int) -> HttpResponse:
    """Let a file count: its server's walker records it in the next round."""
    upload = get_object_or_404(uploads_visible_to(request.actor), pk=pk)
    if upload.state != UploadState.PENDING:
        messages.error(request, _("This file has been decided about already."))
        return redirect("backoffice:upload", upload.pk)
    form = ConfirmForm(preview_upload(upload).unknown_symbols, request.POST)
    if form.is_valid():
        try:
            confirm_upload(upload=upload, symbols=form.rows(), actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The file is confirmed and is recorded in the next round."))
            return redirect("backoffice:upload", upload.pk)
    return _page(request, upload, form)


@requires("mt4bridge.upload_history")
@require_POST
def upload_discard(request: ActorRequest, pk: int) -> HttpResponse:
    """Drop a file that does not count yet."""
    upload = get_object_or_404(uploads_visible_to(request.actor), pk=pk)
    try:
        discard_upload(upload=upload, actor=request.actor, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("backoffice:upload", upload.pk)
    messages.success(request, _("%(file)s is discarded.") % {"file": upload.file_name})
    return redirect("backoffice:upload_add", upload.server_id)


def _page(request: ActorRequest, upload: HistoryUpload, form: ConfirmForm | None) -> HttpResponse:
    preview = preview_upload(upload) if upload.state != UploadState.DISCARDED else None
    pending = upload.state == UploadState.PENDING
    if form is None and pending and preview is not None:
        form = ConfirmForm(preview.unknown_symbols)
    balance = Decimal(upload.facts["balance"]) if upload.facts.get("balance") else None
    context = {"upload": upload, "preview": preview, "form": form, "pending": pending, "balance": balance}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "uploads/page.html", context, nav="servers", status=status)
