"""Suspend a broker, or open it again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from tenancy.context import public_context
from tenancy.enums import BrokerStatus
from tenancy.models import Broker
from tenancy.services import set_status


class Command(BaseCommand):
    help = "Suspend a broker (its pages and tasks stop at once) or open it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")
        parser.add_argument("status", choices=[BrokerStatus.ACTIVE.value, BrokerStatus.SUSPENDED.value])

    def handle(self, *_args: Any, **options: Any) -> None:
        with public_context():
            broker = Broker.objects.filter(code=options["code"]).first()
        if broker is None:
            raise CommandError(f"There is no broker {options['code']}.")
        try:
            set_status(broker=broker, wanted=BrokerStatus(options["status"]))
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{broker.name} is {options['status']}")
