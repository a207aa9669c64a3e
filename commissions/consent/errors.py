"""Refusals of consent."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class NothingToAccept(DomainError):
    """The version does not wait for this IB's acceptance: it was replaced, withdrawn or accepted."""

    code = "nothing_to_accept"
    message = _("These terms do not wait for your acceptance any more. Look at your plan for those that do.")


class TermsChanged(DomainError):
    """The terms are not those that were shown."""

    code = "terms_changed"
    message = _("These are not the terms that you were shown. Read them again.")


class NoVersionToOffer(DomainError):
    """The plan has no version yet."""

    code = "no_version_to_offer"
    message = _("%(plan)s has no version yet that an IB could accept.")


class OfferClosed(DomainError):
    """Somebody was faster."""

    code = "offer_closed"
    message = _("This offer was decided already.")
