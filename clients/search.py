"""Find clients by what somebody types: parts of name, code and e-mail address, and the first digits of a login."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from clients.models import Client
from core.search import contains_words

CANDIDATES = 300  # looked at before the best are chosen: a search for one letter must not sort a million rows
Row = TypeVar("Row", bound=Model)


def matching(text: str) -> Q:
    """Return the condition of clients with every word of the text in name, code or e-mail address."""
    return contains_words(text, "name", "code", "email")


def find_clients(rows: QuerySet[Client], text: str, *, limit: int, also: Iterable[int] = ()) -> list[Client]:
    """Return the clients among `rows` that fit best: the one meant exactly, names that begin so, then the newest.

    `also`: ids of clients found by something else, such as a login; they come first. Three statements at most."""
    exact = Q(code__iexact=text) | Q(email=text.lower())
    found = list(rows.filter(exact).order_by("-pk")[:limit])
    ids = list(also)[:limit]
    found += list(rows.filter(pk__in=ids).order_by("-pk")) if ids else []
    found += list(rows.filter(matching(text)).order_by()[:CANDIDATES])
    return best(found, text, limit=limit, texts=lambda one: (one.code, one.email, one.name), first=set(ids))


def best(
    found: Iterable[Row],
    text: str,
    *,
    limit: int,
    texts: Callable[[Row], tuple[str, ...]],
    first: set[int] | None = None,
) -> list[Row]:
    """Return each found row once, the best first: exact, then one of its texts begins so, then the newest."""
    wanted, known = text.casefold(), first or set()

    def rank(row: Row) -> tuple[int, int]:
        words = [part.casefold() for part in texts(row)]
        if wanted in words:
            return 0, -row.pk
        if row.pk in known:
            return 1, -row.pk
        begins = any(part.startswith(wanted) or f" {wanted}" in part for part in words)
        return (2 if begins else 3), -row.pk

    return sorted({row.pk: row for row in found}.values(), key=rank)[:limit]
