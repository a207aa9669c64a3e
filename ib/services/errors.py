"""Why the network refuses a change. Several services share each of them."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class CycleRefused(DomainError):
    code, http_status = "ib_cycle", 409
    message = _(
        "%(ib)s cannot stand under %(parent)s: from %(moment)s on, %(parent)s itself stands below %(ib)s (%(path)s)."
    )


class ParentNotYetThere(DomainError):
    code, http_status = "ib_not_yet_there", 409
    message = _("%(parent)s is in the network from %(since)s on only. Choose that moment or a later one.")


class AlreadyThere(DomainError):
    code, http_status = "already_there", 409
    message = _("%(subject)s stands there at that moment already.")


class NobodyThere(DomainError):
    code, http_status = "nobody_there", 409
    message = _("%(subject)s has no link at that moment that could end.")


class CodeTaken(DomainError):
    code, http_status = "ib_code_taken", 409
    message = _("The code, client or user of IB %(ib)s belongs to another IB already.")


class UnknownParent(DomainError):
    code, http_status = "ib_parent_unknown", 422
    message = _("IB %(ib)s names %(parent)s as its parent, which is neither in the list nor in the network.")


class AlreadyPlaced(DomainError):
    code, http_status = "already_placed", 409
    message = _("%(subject)s is placed already. Move it instead.")


class ShareOutOfRange(DomainError):
    code, http_status = "share_out_of_range", 422
    message = _("A share is between 0 and 100 percent, with at most 8 decimals.")
