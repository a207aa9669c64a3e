"""Refusals of delegation."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class NotAllowed(DomainError):
    code = "delegation_not_allowed"
    message = _("Your plan does not let you pass on a share here.")


class OverTheLimit(DomainError):
    code, http_status = "delegation_over_limit", 422
    message = _("Your broker allows at most %(most)s percent here.")


class NotYourOwn(DomainError):
    code, http_status = "not_directly_below", 404
    message = _("This IB does not stand directly below you.")


class PaidByBroker(DomainError):
    code = "paid_by_broker"
    message = _("%(ib)s is paid by a plan of the broker. Only the broker changes it.")


class ChangedMeanwhile(DomainError):
    code = "delegation_changed"
    message = _("This was changed from another window. Look at it again before you save.")


class NothingToPassOn(DomainError):
    code = "nothing_to_pass_on"
    message = _("No plan pays you now, so there is nothing to pass on.")


class TiersBelowOne(DomainError):
    code = "tiers_below_one"
    message = _("Your plan has tiers that lower its rates; a fixed share of them could be more than you get.")
