"""The doorbells of what is sent to MT servers, and of its comparison with what is there."""

import logging
from datetime import datetime
from typing import Any

from celery import shared_task
from django.utils import timezone

from crm.flows import agent_flow, operation_flow, payout_flow
from crm.flows.alone import alone_at
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.queries import servers_to_contact
from mt4bridge.services import note_error
from tenancy.context import each_broker
from tenancy.tasks import BrokerTask, PlatformTask
from trading.operations.account_orders import wipe_old_passwords
from trading.operations.order_queries import order_servers_with_work
from trading.operations.queries import servers_with_work
from trading.operations.reconciling import reconcile

logger = logging.getLogger(__name__)

_EXPIRES_S = 5


@shared_task(base=PlatformTask, name="crm.flows.operation_tasks.wake_operations")
def wake_operations(**_: Any) -> None:
    """Ring for payouts, and for every MT server with something to send or to settle, unless it is in back-off."""
    now = timezone.now()
    for _broker in each_broker(reason="each broker has an outbox to its MT servers"):
        walk_payouts.apply_async(expires=_EXPIRES_S)
        for server_id in sorted(_with_work(now) & set(servers_to_contact(now=now))):
            relay_operations.apply_async(kwargs={"server_id": server_id}, expires=_EXPIRES_S)


def _with_work(now: datetime) -> set[int]:
    return servers_with_work(now=now) | order_servers_with_work(now=now)


@shared_task(base=BrokerTask, name="crm.flows.operation_tasks.relay_operations")
def relay_operations(*, server_id: int, **_: Any) -> None:
    """Settle and send the operations of one server, as its only sender."""
    server = MtServer.objects.get(pk=server_id)
    with alone_at(f"operations:{server_id}") as alone:
        if alone:
            try:
                operation_flow.relay(server=server, gateway=open_gateway(server), clock=timezone.now)
            except BridgeError as error:
                note_error(server=server, error=error, now=timezone.now())


@shared_task(base=BrokerTask, name="crm.flows.operation_tasks.keep_accounts")
def keep_accounts(**_: Any) -> None:
    """Write the agent field of accounts whose IB changed, and wipe passwords that nobody had shown in time."""
    now = timezone.now()
    agent_flow.walk(now=now)
    wipe_old_passwords(now=now)


@shared_task(base=BrokerTask, name="crm.flows.operation_tasks.walk_payouts")
def walk_payouts(**_: Any) -> None:
    """Plan the transfers of payouts to trading accounts, and end the payouts whose transfers have ended."""
    payout_flow.walk(now=timezone.now())


@shared_task(base=PlatformTask, name="crm.flows.operation_tasks.wake_reconciling")
def wake_reconciling(**_: Any) -> None:
    """Ring for the comparison of every broker's outbox with the deals of its MT servers."""
    for _broker in each_broker(reason="each broker's outbox is compared with its MT servers"):
        reconcile_operations.apply_async(expires=300)
        keep_accounts.apply_async(expires=300)


@shared_task(base=BrokerTask, name="crm.flows.operation_tasks.reconcile_operations")
def reconcile_operations(**_: Any) -> None:
    """Compare one broker's outbox with the deals that are stored; a new difference is a line of the log too."""
    for server_id in MtServer.objects.order_by("pk").values_list("pk", flat=True):
        for difference in reconcile(server_id=server_id, now=timezone.now()).new:
            logger.error("outbox and MT server differ: %s %s %s", *difference[:3], extra={"server_id": server_id})
