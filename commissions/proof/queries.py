"""Reads for the pages: the last runs of the proof and what each found."""

from dataclasses import dataclass

from access.types import Actor
from commissions.proof.enums import ADVICE, Rule
from commissions.proof.models import ProofDifference, ProofRun


@dataclass(frozen=True, slots=True)
class DifferenceGroup:
    """The lines of one rule in one run, with what to do about them."""

    rule: Rule
    label: str
    advice: str
    lines: list[ProofDifference]


def last_proof() -> ProofRun | None:
    """Return the newest run, finished or not, or None. One statement."""
    return ProofRun.objects.order_by("-started_at", "-pk").first()


def proofs_visible_to(actor: Actor, *, limit: int = 30) -> list[ProofRun]:
    """Return the newest runs; staff with the right see them."""
    if not (actor.sees_all and actor.has("commissions.view_rebate")):
        return []
    return list(ProofRun.objects.order_by("-started_at", "-pk")[:limit])


def differences_of(run: ProofRun) -> list[DifferenceGroup]:
    """Return what a run found, by rule, in the order of the rules. One statement."""
    rows = list(ProofDifference.objects.filter(run=run).order_by("pk"))
    groups = [(rule, [row for row in rows if row.rule == rule.value]) for rule in Rule]
    return [DifferenceGroup(rule, str(rule.label), str(ADVICE[rule]), lines) for rule, lines in groups if lines]
