"""A second, slow and obvious reading of the scenario specification: every rule, no code of the engine.

Written from the text of the specification. Fractions and plain dicts, no database, no cache that could hide a mistake:
what is known at a moment is computed anew from the document. Where the text is silent, the decisions of
docs/decisions/0012 are followed, and the line that does so names them."""

from tests.reference.play import Judged, Result, final_result, judge_document, pays_at, statements
from tests.reference.validity import faults, plan_faults
from tests.reference.world import World

__all__ = [
    "Judged",
    "Result",
    "World",
    "faults",
    "final_result",
    "judge_document",
    "pays_at",
    "plan_faults",
    "statements",
]
