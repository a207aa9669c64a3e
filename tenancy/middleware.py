"""From the host name of a request to its broker."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from tenancy.context import activate
from tenancy.enums import BrokerStatus
from tenancy.models import Broker, Host


class BrokerMiddleware:
    """Put the broker of the request's host in force; without one there is a plain page and nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        activate(None)
        try:
            broker = find_broker(request)
            if broker is None:
                return _refusal(
                    _("No broker answers at this address. Check the address for a typing mistake."), status=404
                )
            if broker.status != BrokerStatus.ACTIVE:
                return _refusal(_("This broker is not open at the moment. Please come back later."), status=403)
            request.tenant = broker  # type: ignore[attr-defined]  # the name that django-tenants' parts expect
            activate(broker)
            return self.get_response(request)
        finally:
            activate(None)


def find_broker(request: HttpRequest) -> Broker | None:
    """Return the broker of the request's host name, or None."""
    try:
        name = request.get_host().rsplit(":", 1)[0].lower()
    except DisallowedHost:
        return None
    host = Host.objects.select_related("tenant").filter(domain=name).first()
    return host.tenant if host else None


def _refusal(sentence: str, *, status: int) -> HttpResponse:
    return HttpResponse(render_to_string("errors/plain.html", {"sentence": sentence}), status=status)
