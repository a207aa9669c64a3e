"""Place clients and trading accounts in the network, from a moment on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min

from access.services import record_audit
from access.types import Actor
from clients.models import Client
from ib.enums import ChangeKind
from ib.models import IB, AccountLink, ClientLink, IbLink
from ib.queries.places import in_force
from ib.services.errors import AlreadyPlaced, AlreadyThere, NobodyThere, ParentNotYetThere
from ib.services.periods import put_from
from ib.services.state import Span, lock_network, record_change, record_placements
from trading.models import TradingAccount


@transaction.atomic
def move_client(*, client: Client, ib: IB | None, at: datetime, actor: Actor, now: datetime, reason: str = "") -> Span:
    """Let the client be `ib`'s (None: nobody's) from `at` until its next recorded move; return that period.

    :raises AlreadyThere: that is so at that moment.
    :raises ParentNotYetThere: the IB's place in the network begins later."""
    lock_network()
    rows = ClientLink.objects.filter(client=client)
    before = in_force(rows, at=at).select_related("ib").first()
    if (None if before is None else before.ib_id) == (None if ib is None else ib.pk):
        raise AlreadyThere(subject=client.code)
    _check_there(ib, at)
    span = put_from(rows, at=at, subject={"client": client}, values=None if ib is None else {"ib": ib})
    record_change(kind=ChangeKind.CLIENT, client_id=client.pk, span=span, now=now)
    record_audit(
        actor=actor, action="ib.move_client", object_type="client", object_id=client.pk,
        before=_place(before), after=_after(ib, span), reason=reason, now=now,
    )  # fmt: skip
    return span


@transaction.atomic
def move_account(
    *, account: TradingAccount, ib: IB | None, at: datetime, actor: Actor, now: datetime, reason: str = ""
) -> Span:
    """Let one trading account count as `ib`'s (None: nobody's) from `at` on, whatever its client's IB is.

    Holds until the account's next recorded move; `release_account` lets it follow its client again.

    :raises AlreadyThere: that is so at that moment.
    :raises ParentNotYetThere: the IB's place in the network begins later."""
    lock_network()
    rows = AccountLink.objects.filter(account=account)
    before = in_force(rows, at=at).select_related("ib").first()
    if before is not None and before.ib_id == (None if ib is None else ib.pk):
        raise AlreadyThere(subject=str(account.login))
    _check_there(ib, at)
    span = put_from(rows, at=at, subject={"account": account}, values={"ib": ib})
    _record_account(account, before, _after(ib, span), span, actor=actor, now=now, reason=reason)
    return span


@transaction.atomic
def release_account(*, account: TradingAccount, at: datetime, actor: Actor, now: datetime, reason: str = "") -> Span:
    """Let a trading account follow its client again from `at` on, until its next recorded move.

    :raises NobodyThere: it has no link of its own at that moment."""
    lock_network()
    rows = AccountLink.objects.filter(account=account)
    before = in_force(rows, at=at).select_related("ib").first()
    if before is None:
        raise NobodyThere(subject=str(account.login))
    span = put_from(rows, at=at, subject={"account": account}, values=None)
    _record_account(account, before, None, span, actor=actor, now=now, reason=reason)
    return span


@transaction.atomic
def place_clients(*, places: Mapping[int, int], at: datetime, actor: Actor, now: datetime) -> int:
    """Give many clients (client id → IB id) that were never placed their IB from `at` on, as an import does.

    All or none; return how many.

    :raises AlreadyPlaced: one of them has or had an IB.
    :raises ParentNotYetThere: an IB's place in the network begins later."""
    lock_network()
    placed = ClientLink.objects.filter(client_id__in=places).select_related("client").order_by("client_id").first()
    if placed is not None:
        raise AlreadyPlaced(subject=placed.client.code)
    for ib in IB.objects.order_by("pk").filter(pk__in=set(places.values())).annotate(since=Min("links__active_from")):
        if ib.since is None or ib.since > at:
            raise _not_yet_there(ib, ib.since)
    ClientLink.objects.bulk_create(
        [ClientLink(client_id=client_id, ib_id=ib_id, active_from=at) for client_id, ib_id in places.items()],
        batch_size=10_000,
    )
    record_placements(client_ids=places.keys(), span=Span(at, None), now=now)
    record_audit(
        actor=actor, action="ib.place_clients", object_type="client", object_id="", before=None,
        after={"clients": len(places), "from": at}, now=now,
    )  # fmt: skip
    return len(places)


def _check_there(ib: IB | None, at: datetime) -> None:
    if ib is None:
        return
    since = IbLink.objects.filter(ib=ib).aggregate(since=Min("active_from"))["since"]
    if since is None or since > at:
        raise _not_yet_there(ib, since)


def _not_yet_there(ib: IB, since: datetime | None) -> ParentNotYetThere:
    return ParentNotYetThere(field="ib", parent=ib.code, since=f"{since:%Y-%m-%d %H:%M} UTC" if since else "—")


def _record_account(
    account: TradingAccount, before: AccountLink | None, after: dict[str, Any] | None, span: Span,
    *, actor: Actor, now: datetime, reason: str,
) -> None:  # fmt: skip
    record_change(kind=ChangeKind.ACCOUNT, account_id=account.pk, span=span, now=now)
    record_audit(
        actor=actor, action="ib.move_account", object_type="trading_account", object_id=account.pk,
        before=_place(before), after=after, reason=reason, now=now,
    )  # fmt: skip


def _place(link: ClientLink | AccountLink | None) -> dict[str, Any] | None:
    return None if link is None else {"ib": link.ib.code if link.ib else None, "from": link.active_from}


def _after(ib: IB | None, span: Span) -> dict[str, Any]:
    return {"ib": None if ib is None else ib.code, "from": span.start, "to": span.end}
