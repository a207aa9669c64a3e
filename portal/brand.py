"""The broker's brand for browsers: its style sheet and its web app manifest."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from access.decorators import public
from tenancy.context import current_broker
from ui.theme import Brand

YEAR_SECONDS = 31_536_000


@public
@require_safe
@cache_control(max_age=YEAR_SECONDS, immutable=True, public=True)
def brand_css(_request: HttpRequest, digest: str) -> HttpResponse:
    """Send the brand's style sheet; its address changes with its content, so it is kept for good."""
    brand = Brand.of(current_broker())
    if digest != brand.digest:
        raise Http404
    return HttpResponse(brand.css, content_type="text/css; charset=utf-8")


@public
@require_safe
@cache_control(max_age=3600, public=True)
def manifest(_request: HttpRequest) -> JsonResponse:
    """Describe the portal to a phone that puts it on its home screen."""
    brand = Brand.of(current_broker())
    content = {
        "name": brand.name,
        "short_name": brand.name.split()[0],
        "start_url": reverse("start"),
        "display": "standalone",
        "theme_color": brand.primary_color,
        "background_color": "#ffffff",
    }
    return JsonResponse(content, content_type="application/manifest+json")
