"""The job queue of record: work that must happen after a commit, or at a moment, whatever dies."""

from typing import ClassVar

from django.db import models

from core.enums import JobState


class Job(models.Model):
    """One piece of later work. Celery is only the doorbell; this row is the work."""

    name = models.CharField(max_length=100)  # registered job name, e.g. "ib.apply_moves"
    key = models.CharField(max_length=200, unique=True)  # natural key: the same work is queued once
    params = models.JSONField(default=dict)  # ids only
    run_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="job_finished_when_done", condition=~models.Q(state="done") | models.Q(finished_at__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="job_due", fields=["run_at"], condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"
