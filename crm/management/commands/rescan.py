"""Read a past period of an MT server again: takes over deals that were added, edited or deleted late."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.flows import deal_flow
from crm.flows.alone import the_only_walker
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from tenancy.context import each_broker


class Command(BaseCommand):
    help = "Read an MT server again from a day on and judge what changed; works beside the walker, which then waits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--broker", required=True, help="code of the broker")
        parser.add_argument("--server", required=True, help="name of the MT server")
        parser.add_argument("--since", required=True, help="first day to read, YYYY-MM-DD (UTC)")

    def handle(self, *_args: Any, **options: Any) -> None:
        for broker in each_broker(reason="the command names one broker by its code"):
            if broker.code == options["broker"]:
                self._rescan(options)
                return
        raise CommandError(f"There is no active broker with the code {options['broker']}.")

    def _rescan(self, options: dict[str, Any]) -> None:
        server = MtServer.objects.filter(name=options["server"]).first()
        if server is None:
            raise CommandError(f"There is no MT server with the name {options['server']}.")
        since = datetime.fromisoformat(options["since"]).replace(tzinfo=UTC)
        with the_only_walker(server.pk) as alone:
            if not alone:
                raise CommandError("The server is being walked at this moment; try again.")
            try:
                done = deal_flow.rescan(server=server, gateway=open_gateway(server), since=since, now=timezone.now())
            except BridgeError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(
            f"{server.name}: {done.new} new, {done.revised} edited, {done.deleted} deleted, {done.held} held, "
            f"{done.judged} judged"
        )
