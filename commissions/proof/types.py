"""What a check returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from commissions.proof.enums import Rule

MOST_LETTERS = 300
MOST_OF_A_RULE = 500  # lines kept of one rule: more of the same helps nobody


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: which rule, where, and the deal that it is about.

    `said` holds %(name)s fields, which `values` fill; it stands in the catalogue, so that a page can translate it."""

    code: Rule
    said: str
    deal_id: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """Return where and what, in English."""
        return (self.said % self.values)[:MOST_LETTERS] if self.values else self.said[:MOST_LETTERS]

    @property
    def rule(self) -> str:
        return str(self.code.label)

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What one proof found, and what it looked at."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    queued: int = 0

    def add(self, findings: list[Finding]) -> None:
        self.findings += findings[:MOST_OF_A_RULE]
