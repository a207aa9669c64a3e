"""Remove a broker with all of its data."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenancy.context import public_context
from tenancy.enums import BrokerStatus
from tenancy.models import Broker
from tenancy.services import remove_broker


class Command(BaseCommand):
    help = "Remove a broker: its schema with all data, its role, its hosts. There is no way back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_args: Any, **options: Any) -> None:
        code = options["code"]
        with public_context():
            broker = Broker.objects.filter(code=code).exclude(status=BrokerStatus.TEMPLATE).first()
        if broker is None:
            raise CommandError(f"There is no broker {code}.")
        if not options["yes"] and input(f"Type {code} to remove {broker.name} and all of its data: ") != code:
            raise CommandError("Nothing was removed.")
        remove_broker(broker)
        self.stdout.write(f"{broker.name} is removed")
