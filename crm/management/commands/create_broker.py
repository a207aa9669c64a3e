"""Open a new broker on this installation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access.enums import UserKind
from access.models import Role
from access.services import create_user, grant_role
from access.types import Actor
from core.errors import DomainError
from crm.flows.brokers import open_broker
from tenancy.context import broker_context
from tenancy.provisioning import ProvisioningFailed
from tenancy.services import BrokerSpec


class Command(BaseCommand):
    help = "Open a broker: its schema, its database role, its hosts, and its first member of staff."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="short name, letters, digits and dashes")
        parser.add_argument("--name", required=True, help="name that clients see")
        parser.add_argument(
            "--host", required=True, action="append", help="host name that leads to it; may be repeated"
        )
        parser.add_argument("--zone", default="UTC", help="IANA zone of its statement days")
        parser.add_argument("--language", default="en", choices=["en", "zh-hans", "zh-hant"])
        parser.add_argument("--color", default="#4f46e5", help="brand colour, #rrggbb")
        parser.add_argument("--owner", help="e-mail of the first member of staff; the password is asked for")

    def handle(self, *_args: Any, **options: Any) -> None:
        password = self._ask_password() if options["owner"] else ""
        spec = BrokerSpec(
            code=options["code"], name=options["name"], hosts=tuple(options["host"]), settlement_zone=options["zone"],
            default_language=options["language"], primary_color=options["color"].lower(), mark=options["name"][:1],
        )  # fmt: skip
        try:
            broker = open_broker(spec, now=timezone.now())
            if options["owner"]:
                with broker_context(broker):
                    _add_owner(options["owner"], password)
        except (DomainError, ProvisioningFailed) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{broker.name} is open at {', '.join(spec.hosts)}")

    def _ask_password(self) -> str:
        import getpass  # noqa: PLC0415 -- only when a person is there

        return getpass.getpass("Password of the first member of staff: ")


def _add_owner(email: str, password: str) -> None:
    actor, now = Actor.system("create_broker"), timezone.now()
    user = create_user(email=email, name=email, kind=UserKind.STAFF, password=password, actor=actor, now=now)
    grant_role(user=user, role=Role.objects.get(code="owner"), actor=actor, now=now)
