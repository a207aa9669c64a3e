"""Find IBs by what somebody types: parts of name and code."""

from django.db.models import QuerySet

from clients.search import CANDIDATES, best
from core.search import contains_words
from ib.models import IB


def find_ibs(rows: QuerySet[IB], text: str, *, limit: int) -> list[IB]:
    """Return the IBs among `rows` that fit best: the code meant, names that begin so, then the newest.

    Two statements."""
    found = list(rows.filter(code__iexact=text).order_by("pk")[:limit])
    found += list(rows.filter(contains_words(text, "name", "code")).order_by()[:CANDIDATES])
    return best(found, text, limit=limit, texts=lambda one: (one.code, one.name))
