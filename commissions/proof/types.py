"""What a check returns."""

from dataclasses import dataclass, field

from commissions.proof.enums import Rule

MOST_OF_A_RULE = 500  # lines kept of one rule: more of the same helps nobody


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: which rule, where, and the deal that it is about."""

    code: Rule
    detail: str
    deal_id: int | None = None

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
