"""The exact calculation of one deal over its chain, in fractions. Pure: no Django, no clock.

The engine runs it for every deal that the vector path cannot take, to find that path's coefficients, and to
explain a rebate: the steps of an explanation are what this code did."""

from commissions.calculation.chain import judge_chain
from commissions.calculation.facts import (
    UNTIERED,
    ChainResult,
    DealFacts,
    FxLookup,
    Member,
    Outcome,
    Part,
    PartKind,
    Step,
    SymbolFacts,
    TierPiece,
    UsdQuote,
)
from commissions.calculation.verdicts import HELD, Verdict

__all__ = [
    "HELD",
    "UNTIERED",
    "ChainResult",
    "DealFacts",
    "FxLookup",
    "Member",
    "Outcome",
    "Part",
    "PartKind",
    "Step",
    "SymbolFacts",
    "TierPiece",
    "UsdQuote",
    "Verdict",
    "judge_chain",
]
