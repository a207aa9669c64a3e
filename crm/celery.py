"""The workers: Celery is the doorbell, PostgreSQL holds the work. Settings: docs/decisions/0002."""

import os
from pathlib import Path

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")

app = Celery("keel")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
_VISIBILITY_SECONDS = 900

app.conf.update(
    broker_url=REDIS_URL,
    task_default_queue="default",
    task_routes={
        # Walks of servers that are up to date, and the bell for them, have workers of their own: they never wait.
        "crm.flows.tasks.wake_walkers": {"queue": "walk"},
        "crm.flows.tasks.walk_server": {"queue": "walk"},
        "crm.flows.tasks.sync_structure": {"queue": "mt5"},
        "crm.flows.tasks.compare_server": {"queue": "mt5"},
        "crm.flows.tasks.refresh_accounts": {"queue": "mt5"},
        "crm.flows.operation_tasks.relay_operations": {"queue": "mt5"},
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_acks_on_failure=True,
    task_acks_on_timeout=True,
    task_time_limit=300,
    task_soft_time_limit=270,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_transport_options={
        "visibility_timeout": _VISIBILITY_SECONDS,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    visibility_timeout=_VISIBILITY_SECONDS,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_max_tasks_per_child=1000,
    worker_max_memory_per_child=400_000,
    worker_enable_remote_control=True,
    broker_connection_retry_on_startup=True,
    timezone="UTC",
    beat_max_loop_interval=1,
    beat_schedule_filename=str(Path(os.environ.get("KEEL_STATE_DIR", ".run")) / "beat-schedule"),
    beat_schedule={
        "wake-walkers": {"task": "crm.flows.tasks.wake_walkers", "schedule": 1.0, "options": {"expires": 2}},
        "wake-operations": {
            "task": "crm.flows.operation_tasks.wake_operations",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "run-jobs": {"task": "crm.flows.tasks.wake_jobs", "schedule": 10.0, "options": {"expires": 20}},
        "wake-messages": {"task": "crm.flows.message_tasks.wake_messages", "schedule": 2.0, "options": {"expires": 4}},
        "wake-reconciling": {
            "task": "crm.flows.operation_tasks.wake_reconciling",
            "schedule": 600.0,
            "options": {"expires": 300},
        },
        "wake-notices": {"task": "crm.flows.message_tasks.wake_notices", "schedule": 60.0, "options": {"expires": 60}},
        "wake-levels": {"task": "crm.flows.tasks.wake_levels", "schedule": 600.0, "options": {"expires": 600}},
        "wake-settlement": {"task": "crm.flows.tasks.wake_settlement", "schedule": 30.0, "options": {"expires": 30}},
        "wake-structure": {"task": "crm.flows.tasks.wake_structure", "schedule": 30.0, "options": {"expires": 30}},
        "wake-months": {"task": "crm.flows.tasks.wake_months", "schedule": crontab(day_of_month=1, hour=1, minute=20)},
        "wake-rescans": {"task": "crm.flows.tasks.wake_rescans", "schedule": crontab(hour=1, minute=10)},
        "wake-proofs": {"task": "crm.flows.tasks.wake_proofs", "schedule": crontab(hour=3, minute=40)},
        "wake-upkeep": {"task": "crm.flows.tasks.wake_upkeep", "schedule": crontab(hour=2, minute=20)},
    },
)
app.set_default()
app.autodiscover_tasks(["crm.flows"])
app.autodiscover_tasks(["crm.flows"], related_name="message_tasks")
app.autodiscover_tasks(["crm.flows"], related_name="operation_tasks")
