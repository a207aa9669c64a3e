"""Refusals of this app."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput


class CursorBusy(DomainError):
    code = "cursor_busy"
    message = _("Another worker is walking this server at the moment.")


class CursorMoved(DomainError):
    code = "cursor_moved"
    message = _("Another worker has walked this server in the meantime; this round is dropped.")


class LotFactorIsSet(DomainError):
    code = "lot_factor_is_set"
    message = _(
        "The group %(group)s already counts %(factor)s of a lot. A factor is set once; make a new group to change it."
    )


class SymbolIsClassified(DomainError):
    code = "symbol_is_classified"
    message = _("The symbol %(symbol)s is in the group %(group)s already. A symbol gets its group once.")


class LotFactorInvalid(InvalidInput):
    code = "lot_factor_invalid"
    message = _("A lot factor is a number above 0 with at most 8 decimals.")
