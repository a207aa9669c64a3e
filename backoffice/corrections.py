"""Where a change goes that touches judged deals: to its preview."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from access.decorators import ActorRequest
from commissions.whatif.models import Correction


def to_preview(request: ActorRequest, correction: Correction) -> HttpResponse:
    """Say that nothing has changed yet, and show the preview."""
    messages.info(request, _("This touches deals that were judged. Look at what it would change first."))
    return redirect("backoffice:correction", pk=correction.pk)
