"""Signed-in GETs of an IB's and of staff's pages through the web server, as browsers send them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from django.db import connection
from django.urls import reverse

from bench._load import Loaded, say
from bench._network import IB_EMAIL, PASSWORD, STAFF_EMAIL, TOP
from crm.demo.browser import Person
from house.keel_processes import processes
from house.ports import free_port
from ib.models import IB
from ib.queries.staff import below
from mt4bridge.simulator.generate import FIRST_LOGIN

# Deals of the last days that the IB has a verdict on; the ones that people ask about.
_RECENT = """SELECT j.deal_id FROM commissions_judgement j JOIN commissions_payee p ON p.ib_id = %s
    WHERE j.deal_at >= %s AND j.leaf_ib_id = ANY(%s) AND p.id = ANY(j.payee) ORDER BY j.deal_at DESC LIMIT 500"""


@dataclass(frozen=True, slots=True)
class Page:
    """A page to measure: who looks, and the address of each look."""

    name: str
    email: str
    address: Callable[[Random], str]


class PageFailed(RuntimeError):
    """A page did not answer as it should."""


@contextmanager
def web() -> Iterator[int]:
    """Have the real web server running under the application's own database login; yields its port."""
    port = free_port()
    with processes(["web"], {"KEEL_AS_OWNER": "", "KEEL_PORT": str(port)}, web_port=port):
        yield port


def measure_pages(loaded: Loaded, *, port: int, requests: int) -> dict[str, dict[str, float]]:
    """Return milliseconds of each page: the median and the 95th percentile of many looks, and the slowest."""
    figures: dict[str, dict[str, float]] = {}
    for page in _pages(loaded):
        random, person = Random(page.name), sign_in(loaded, port, page.email)
        for _warm in range(4):  # each of the web server's processes has seen the page
            look(person, page.address(random))
        times = sorted(look(person, page.address(random)) for _request in range(requests))
        figures[page.name] = {
            "p50": quantile(times, 0.5), "p95": quantile(times, 0.95), "max": round(times[-1], 1),
        }  # fmt: skip
        say(f"{page.name}: {figures[page.name]}")
    return figures


def sign_in(loaded: Loaded, port: int, email: str) -> Person:
    """Return somebody of the broker who is signed in."""
    person = Person(port=port, host=f"{loaded.broker.code}.localhost")
    person.sign_in(email=email, password=PASSWORD)
    return person


def look(person: Person, address: str) -> float:
    """Return the milliseconds of one GET, from the request to the last byte.

    :raises PageFailed: the answer is not a page."""
    began = time.perf_counter()
    status, _text = person.get(address)
    took = (time.perf_counter() - began) * 1000
    if status != 200:
        raise PageFailed(f"{address} answered {status}")
    return took


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    index = max(0, -(-len(ordered) * round(share * 100) // 100) - 1)
    return round(ordered[index], 1)


def _pages(loaded: Loaded) -> list[Page]:
    top = IB.objects.get(code=TOP)
    found = below(ib_id=top.pk, at=loaded.end)
    say(f"the IB has {found.ibs} IBs, {found.clients} clients and {found.accounts} accounts below it")
    inner = list(top.children.order_by("pk").values_list("pk", flat=True))
    deals = _recent_deals(top, loaded)
    months = list(_months(loaded))
    rebates, network = reverse("portal:rebates"), reverse("portal:network", args=[top.pk])

    def of_month(base: str) -> Callable[[Random], str]:
        return lambda random: base + random.choice(months)

    def branch(random: Random) -> str:
        return reverse("portal:network", args=[random.choice(inner)]) + random.choice(months)

    def why(random: Random) -> str:
        return reverse("portal:why", args=[random.choice(deals)])

    def of_client(random: Random) -> str:
        return f"{rebates}{random.choice(months)}&client={FIRST_LOGIN + random.randrange(50_000)}"

    return [
        Page("month", IB_EMAIL, of_month(reverse("portal:dashboard"))),
        Page("dashboard", IB_EMAIL, lambda _random: reverse("portal:dashboard")),
        Page("network", IB_EMAIL, of_month(network)),
        Page("network_below", IB_EMAIL, branch),
        Page("rebates", IB_EMAIL, of_month(rebates)),
        Page("rebates_of_client", IB_EMAIL, of_client),
        Page("rebates_by_verdict", IB_EMAIL, lambda random: f"{rebates}{random.choice(months)}&verdict=self_trade"),
        Page("why", IB_EMAIL, why),
        Page("plan", IB_EMAIL, lambda _random: reverse("portal:plan")),
        Page("staff_overview", STAFF_EMAIL, lambda _random: reverse("backoffice:overview")),
        Page("staff_ibs", STAFF_EMAIL, lambda _random: reverse("backoffice:ibs")),
        Page("staff_ib", STAFF_EMAIL, lambda _random: reverse("backoffice:ib", args=[top.pk])),
        Page("staff_clients", STAFF_EMAIL, lambda _random: reverse("backoffice:clients")),
        Page("staff_ledger", STAFF_EMAIL, lambda _random: reverse("backoffice:ledger")),
    ]


def _months(loaded: Loaded) -> Iterator[str]:
    """Yield the query of each whole month that was loaded."""
    first = date(loaded.start.year + loaded.start.month // 12, loaded.start.month % 12 + 1, 1)
    while True:
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        if following > loaded.end.date():
            return
        yield f"?since={first}&until={following - timedelta(days=1)}"
        first = following


def _recent_deals(top: IB, loaded: Loaded) -> list[int]:
    ibs = list(top.get_descendants().values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, [top.pk, loaded.end - timedelta(days=30), ibs])
        return [deal_id for (deal_id,) in cursor.fetchall()]
