"""The doorbell of the outbox: mail and SMS leave here."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from crm.flows.telling import tell
from notifications.delivery import deliver, has_work
from notifications.rendering import house_of
from tenancy.context import current_broker, each_broker
from tenancy.tasks import BrokerTask, PlatformTask

DELIVERY_SECONDS = 100  # shorter than a lease of two minutes: a living worker never loses a message to another


@shared_task(base=PlatformTask, name="crm.flows.message_tasks.wake_messages")
def wake_messages(**_: Any) -> None:
    """Ring for every broker with a message that is due."""
    now = timezone.now()
    for _broker in each_broker(reason="each broker has an outbox"):
        if has_work(now=now):
            deliver_messages.apply_async(expires=4)


@shared_task(
    base=BrokerTask,
    name="crm.flows.message_tasks.deliver_messages",
    acks_late=False,  # the rows are the truth: what a killed worker had taken comes back when its lease ends
    time_limit=DELIVERY_SECONDS,
    soft_time_limit=DELIVERY_SECONDS - 10,
)
def deliver_messages(**_: Any) -> None:
    """Deliver what is due at one broker, for about half a minute at most."""
    deliver(house=house_of(current_broker()), clock=timezone.now)


@shared_task(base=PlatformTask, name="crm.flows.message_tasks.wake_notices")
def wake_notices(**_: Any) -> None:
    """Ring for every broker's notices that follow from how things stand."""
    for _broker in each_broker(reason="each broker's people are told of what waits for them"):
        tell_notices.apply_async(expires=60)


@shared_task(base=BrokerTask, name="crm.flows.message_tasks.tell_notices")
def tell_notices(**_: Any) -> None:
    """Tell one broker's IBs and staff of what waits for them."""
    tell(now=timezone.now())
