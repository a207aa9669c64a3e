"""The nightly proof: what was checked, what differs, and what to do about each line."""

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.shell import show
from commissions.proof.queries import differences_of, proofs_visible_to


@requires("commissions.view_rebate")
@require_safe
def proof_page(request: ActorRequest) -> HttpResponse:
    """Show a run, the newest unless `?run=` names another, with the runs before it."""
    runs = proofs_visible_to(request.actor)
    wanted = request.GET.get("run", "")
    run = next((each for each in runs if str(each.pk) == wanted), None) if wanted else next(iter(runs), None)
    if wanted and run is None:
        raise Http404
    context = {"runs": runs, "run": run, "groups": differences_of(run) if run else [], "now": timezone.now()}
    return show(request, "proof/page.html", context, nav="proof")
