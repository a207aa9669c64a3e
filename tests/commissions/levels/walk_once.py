"""One walk of levels in a process of its own: `python -m tests.commissions.levels.walk_once MOMENT`. For aurora."""

import sys
from datetime import datetime

import django

django.setup()

from crm.flows.level_flow import walk  # noqa: E402 -- app ready
from tenancy.context import broker_context, public_context  # noqa: E402 -- app ready
from tenancy.models import Broker  # noqa: E402 -- app ready

if __name__ == "__main__":
    moment = datetime.fromisoformat(sys.argv[1])
    with public_context():
        broker = Broker.objects.get(code="aurora")
    with broker_context(broker):
        walk(clock=lambda: moment)
