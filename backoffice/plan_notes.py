"""What a plan names and nobody knows: no fault, for symbols may come later, but worth a look before publishing."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from commissions.terms import Terms
from trading.models import MtGroup, Symbol, SymbolGroup

MOST_NAMES = 500


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names to suggest while typing."""

    traded: list[str]  # symbol groups first
    mt_groups: list[str]


def known_names() -> KnownNames:
    """Return the names of symbol groups, symbols and MT groups, each once. Three statements."""
    groups = list(SymbolGroup.objects.order_by("code").values_list("code", flat=True)[:MOST_NAMES])
    symbols = list(Symbol.objects.order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES])
    mt_groups = list(MtGroup.objects.order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES])
    return KnownNames([*groups, *symbols], mt_groups)


def notes_about(terms: Terms) -> list[str]:
    """Return a sentence for each name in the rates that is no symbol, symbol group or MT group here."""
    found = [
        *_unknown(terms, "symbol_group", SymbolGroup.objects.values_list("code", flat=True),
                  _("No symbol group is called %(name)s.")),
        *_unknown(terms, "symbol", Symbol.objects.values_list("name", flat=True), _("No symbol is called %(name)s.")),
        *_unknown(terms, "mt_group", MtGroup.objects.values_list("name", flat=True),
                  _("No MT group is called %(name)s.")),
    ]  # fmt: skip
    if not terms.rates:
        found.append(_("The plan has no rates: an IB earns nothing for its direct clients."))
    return found


def _unknown(terms: Terms, key: str, known: QuerySet[Any, str], sentence: str) -> list[str]:
    names = dict.fromkeys(name for rate in terms.rates if (name := getattr(rate, key)))
    if not names:
        return []
    there = set(known.order_by())
    return [sentence % {"name": name} for name in names if name not in there]
