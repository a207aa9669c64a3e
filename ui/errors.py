"""Failures as plain sentences in the user's language: a page, or a toast when only a fragment was asked for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from ui.fragments import is_fragment

Sentence = str | Promise
NOTHING_CHANGED = _("Nothing was changed.")


def refusal(request: HttpRequest, *, status: int, sentence: Sentence, advice: Sentence = "") -> HttpResponse:
    """Answer with one sentence and what to do; a fragment becomes a toast beside the untouched page."""
    context = {"status": status, "sentence": sentence, "advice": advice}
    if not is_fragment(request):
        return render(request, "errors/page.html", context, status=status)
    response = render(request, "errors/_toast.html", context, status=status)
    response.headers["HX-Retarget"] = "#toasts"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django passes it by name
    return refusal(request, status=400, sentence=_("This request could not be read."), advice=NOTHING_CHANGED)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django passes it by name
    return refusal(
        request,
        status=403,
        sentence=_("You do not have the right to see or do this."),
        advice=_("Ask an administrator of your broker if you need it. Nothing was changed."),
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django passes it by name
    return refusal(
        request,
        status=404,
        sentence=_("There is nothing at this address."),
        advice=_("It may have been moved, or the address has a typing mistake."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 -- Django passes it by name
    return refusal(
        request,
        status=403,
        sentence=_("This form is no longer valid."),
        advice=_("Reload the page and send it again. Nothing was changed."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer without a database, a broker or a session: any of them may be what failed."""
    sentence = _("Something went wrong on our side. Nothing was changed; please try again.")
    name = "errors/_toast.html" if is_fragment(request) else "errors/plain.html"
    response = HttpResponse(render_to_string(name, {"sentence": sentence}), status=500)
    if is_fragment(request):
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


class DomainErrors:
    """Turn an expected failure that no view caught into its sentence and status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        return refusal(request, status=exception.http_status, sentence=str(exception), advice=NOTHING_CHANGED)
