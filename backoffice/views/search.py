"""The command palette: clients, IBs, logins and tickets by one line of text."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.lists import read_text
from backoffice.shell import show
from clients.queries import clients_visible_to
from clients.search import find_clients
from ib.queries import ibs_visible_to
from ib.queries.search import find_ibs
from trading.queries import (
    MAX_LOGIN_DIGITS,
    accounts_of_login,
    accounts_visible_to,
    clients_of_login,
    deals_of_ticket,
)

EACH = 6


@requires("backoffice.view_overview")
@require_safe
def search(request: ActorRequest) -> HttpResponse:
    """Find what the person may see: at most some of each kind, seven statements."""
    words = read_text(request.GET, "q", most=100)
    context = {"q": words, "clients": [], "ibs": [], "accounts": [], "deals": []}
    if words:
        context |= _by_words(request, words)
    if words.isascii() and words.isdigit() and len(words) <= MAX_LOGIN_DIGITS:
        context |= _by_number(request, int(words))
    return show(request, "search/page.html", context, nav="", part="search/_hits.html")


def _by_words(request: ActorRequest, words: str) -> dict[str, object]:
    also = clients_of_login(words, accounts=accounts_visible_to(request.actor), most=EACH)
    return {
        "clients": find_clients(clients_visible_to(request.actor), words, limit=EACH, also=also),
        "ibs": find_ibs(ibs_visible_to(request.actor), words, limit=EACH),
    }


def _by_number(request: ActorRequest, number: int) -> dict[str, object]:
    accounts = accounts_visible_to(request.actor)
    return {
        "accounts": list(accounts_of_login(str(number), accounts=accounts)[:EACH]),
        "deals": list(deals_of_ticket(ticket=number, accounts=accounts)[:EACH]),
    }
