"""What each proof found. Kept as it was: a later run that is silent says that it was put right."""

from datetime import timedelta
from typing import ClassVar

from django.db import models

from commissions.proof.enums import Rule
from core.types import DbAccess


class ProofRun(models.Model):
    """One run of the proof over a broker; without `finished_at` it is still going on, or it broke off."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=200)  # who or what asked for it
    checked = models.JSONField(default=dict)  # what was looked at: deals, payees, sampled, server days …
    differences = models.IntegerField(default=0)
    queued = models.IntegerField(default=0)  # deals that waited to be judged again, and were left out

    class Meta:
        indexes: ClassVar = [models.Index(name="proof_run_latest", fields=["-started_at"])]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%dT%H:%M:%S}: {self.differences}"

    @property
    def took(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None


class ProofDifference(models.Model):
    """One line that a person can act on. Append only."""

    db_access = DbAccess.APPEND

    run = models.ForeignKey(ProofRun, on_delete=models.PROTECT, related_name="lines")
    rule = models.CharField(max_length=20, choices=Rule.choices)
    detail = models.CharField(max_length=300)  # where and what, in English
    said = models.CharField(max_length=200, default="")  # the same as a text of the catalogue with %(name)s fields
    values = models.JSONField(default=dict)  # what fills them
    deal_id = models.BigIntegerField(null=True)  # the deal's first revision, where it is about one

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"
