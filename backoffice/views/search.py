"""The command palette: clients, IBs, logins and tickets by one line of text."""

from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.clients import MAX_LOGIN_DIGITS, matching
from backoffice.lists import read_text
from backoffice.shell import show
from clients.queries import clients_visible_to
from ib.queries import ibs_visible_to
from trading.queries import accounts_visible_to, deals_of_ticket

EACH = 6


@requires("backoffice.view_overview")
@require_safe
def search(request: ActorRequest) -> HttpResponse:
    """Find what the person may see: at most some of each kind, five statements."""
    words = read_text(request.GET, "q", most=100)
    context = {"q": words, "clients": [], "ibs": [], "accounts": [], "deals": []}
    if words:
        context |= _by_words(request, words)
    if words.isascii() and words.isdigit() and len(words) <= MAX_LOGIN_DIGITS:
        context |= _by_number(request, int(words))
    return show(request, "search/page.html", context, nav="", part="search/_hits.html")


def _by_words(request: ActorRequest, words: str) -> dict[str, object]:
    ibs = ibs_visible_to(request.actor).filter(Q(code__istartswith=words) | Q(name__icontains=words))
    return {
        "clients": list(clients_visible_to(request.actor).filter(matching(words)).order_by("-pk")[:EACH]),
        "ibs": list(ibs.order_by("code")[:EACH]),
    }


def _by_number(request: ActorRequest, number: int) -> dict[str, object]:
    accounts = accounts_visible_to(request.actor)
    return {
        "accounts": list(accounts.filter(login=number).order_by("server__name")[:EACH]),
        "deals": list(deals_of_ticket(ticket=number, accounts=accounts)[:EACH]),
    }
