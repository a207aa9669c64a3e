"""The nightly proof: what was checked, what differs, and what to do about each line."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.shell import show
from commissions.calculation import Verdict
from commissions.proof.models import ProofDifference
from commissions.proof.queries import differences_of, proofs_visible_to
from trading.enums import HoldReason
from ui import verdicts


@requires("commissions.view_rebate")
@require_safe
def proof_page(request: ActorRequest) -> HttpResponse:
    """Show a run, the newest unless `?run=` names another, with the runs before it."""
    runs = proofs_visible_to(request.actor)
    wanted = request.GET.get("run", "")
    run = next((each for each in runs if str(each.pk) == wanted), None) if wanted else next(iter(runs), None)
    if wanted and run is None:
        raise Http404
    found = differences_of(run) if run else []
    groups = [{"group": group, "lines": [_told(line) for line in group.lines]} for group in found]
    context = {"runs": runs, "run": run, "groups": groups, "now": timezone.now()}
    return show(request, "proof/page.html", context, nav="proof")


def _told(line: ProofDifference) -> dict[str, Any]:
    """Return a difference in the page's language, codes by their names; one of an earlier release as it was kept."""
    words = {name: NAMES[name](value) if name in NAMES else value for name, value in line.values.items()}
    return {"deal_id": line.deal_id, "text": gettext(line.said) % words if line.said else line.detail}


def _verdict(code: str) -> str:
    return verdicts.label(Verdict[code.upper()]) if code.upper() in Verdict.__members__ else "\N{EM DASH}"


def _reason(code: str) -> str:
    return str(HoldReason(code).label) if code in HoldReason.values else code


NAMES: dict[str, Callable[[str], str]] = {"reason": _reason, "verdict": _verdict, "computed_verdict": _verdict}
