"""Give the demo brokers' back office something to decide, once their first deals are judged."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from access.models import User
from core.errors import DomainError
from crm.demo.office import fill_office
from crm.demo.once import GaveUp, wait_until
from crm.demo.setup import STAFF
from crm.management.commands.demo import BROKERS
from tenancy.context import broker_context, public_context
from tenancy.models import Broker
from trading.models import DealCursor


class Command(BaseCommand):
    help = "Fill the demo brokers' back office once their deals are judged; `./run demo` starts it."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for spec in BROKERS:
            with public_context():
                broker = Broker.objects.get(code=spec.code)
            with broker_context(broker):
                self._fill(spec.code)

    def _fill(self, code: str) -> None:
        owner = User.objects.get(email=f"{STAFF[0][0]}@{code}.example")
        try:
            wait_until(_all_judged, "the first deals were not judged")
            fill_office(owner=owner, now=timezone.now())
        except (DomainError, GaveUp) as error:
            self.stderr.write(f"  The back office of {code} has less to show: {error}")


def _all_judged() -> bool:
    return not DealCursor.objects.filter(complete_until__isnull=True).exists()
