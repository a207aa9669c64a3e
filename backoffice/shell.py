"""How every page of the back office answers: whole with its menu, or only the part that htmx asked for."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from access.decorators import ActorRequest
from backoffice.menu import menu_for, waiting_counts
from core.errors import DomainError
from ui.fragments import is_fragment

UNPROCESSABLE = 422


def show(
    request: ActorRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    nav: str,
    part: str = "",
    status: int = 200,
    waiting: Mapping[str, int] | None = None,
) -> HttpResponse:
    """Render a page below `templates/backoffice/`; `part` names what a fragment request gets instead. `waiting`: the
    menu's counts where the page has them already.

    Adds `now`, the right codes as `rights`, and, to a whole page, the menu with `nav` marked."""
    now = timezone.now()
    known = {"now": now, "rights": _Rights(request.actor), **context}
    if part and is_fragment(request):
        return render(request, f"backoffice/{part}", known, status=status)
    counts = waiting_counts(request.actor, now=now) if waiting is None else waiting
    known |= {"nav": nav, "menu": menu_for(request.actor, counts)}
    return render(request, f"backoffice/{template}", known, status=status)


def put_on_form(form: Any, error: DomainError) -> None:
    """Set a refusal beside the field that it names, or above the form."""
    form.add_error(error.field if error.field in form.fields else None, str(error))


class _Rights:
    """Answers `{% if "ib.move_ib" in rights %}`: a page shows only what its reader may do."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __contains__(self, right: str) -> bool:
        return bool(self._actor.has(right))
