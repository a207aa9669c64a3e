"""Celery tasks that carry their broker, and refuse to run without it."""

from typing import Any

from celery import Task

from tenancy.context import broker_context, current_schema, get_active_broker, public_context

HEADER = "keel_broker"


class BrokerMissing(RuntimeError):
    """A task for a broker was sent or started without one that is active."""


class BrokerTask(Task):
    """A task of one broker: sent with the schema in force, run in it, or refused."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        headers = dict(options.pop("headers", None) or {})
        if HEADER not in headers:
            if current_schema() == "public":
                raise BrokerMissing(f"{self.name} was sent without a broker in force")
            headers[HEADER] = current_schema()
        return super().apply_async(args, kwargs, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        schema_name = (self.request.headers or {}).get(HEADER) or getattr(self.request, HEADER, None)
        broker = get_active_broker(schema_name) if schema_name else None
        if broker is None:
            raise BrokerMissing(f"{self.name} was started without an active broker")
        with broker_context(broker):
            return super().__call__(*args, **kwargs)


class PlatformTask(Task):
    """A task of the platform: runs in the public schema and reaches brokers only through each_broker."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with public_context():
            return super().__call__(*args, **kwargs)
