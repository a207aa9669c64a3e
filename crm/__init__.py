"""The project: settings, addresses, workers, and the journeys that pass through several apps."""

from crm.celery import app as celery_app

__all__ = ["celery_app"]
