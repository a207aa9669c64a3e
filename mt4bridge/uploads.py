"""Uploaded histories: kept as they came, read, confirmed into the book of their server, or discarded."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError, InvalidInput
from core.money import minor_digits
from mt4bridge.clock import ServerClock
from mt4bridge.enums import UPLOAD_MOVES, ServerKind, UploadState
from mt4bridge.file_server import packed
from mt4bridge.histories.deals import deal_rows
from mt4bridge.histories.read import parse_history
from mt4bridge.histories.totals import Difference, differences
from mt4bridge.histories.types import History, HistoryError
from mt4bridge.models import FileDeal, FileSymbol, HistoryUpload, MtServer
from mt4bridge.types import BadRow, DealRow, SymbolRow

MOST_BYTES = 8 << 20
CLOSED_FIRST = 10**12  # more than any second that a file can be printed in


class UploadUnusable(InvalidInput):
    code = "upload_unusable"
    message = _("This file cannot be used: %(reason)s.")


class UploadUnreadable(InvalidInput):
    code = "upload_unreadable"
    message = _("This file is no history that can be read here, or it is damaged. The reader says: %(found)s.")


class UploadMoved(DomainError):
    code = "upload_moved"
    message = _("Somebody has decided about this file already: it is %(state)s.")


class UploadNotHere(DomainError):
    code = "upload_not_here"
    message = _("Files are uploaded to servers of the kind “Files only”: other servers speak for themselves.")


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was understood. `rows` are its deals; `differences` what its own totals do not agree with."""

    history: History
    login: int
    currency: str
    rows: list[DealRow | BadRow]
    differences: list[Difference]


def read_upload(*, content: bytes, server: MtServer, login: int | None, currency: str) -> Read:
    """Read a file for one server. `login` and `currency` are asked for when the file does not say them.

    :raises UploadUnreadable: it is no history. :raises UploadUnusable: beside the field that it is about."""
    if len(content) > MOST_BYTES:
        raise UploadUnusable(field="file", reason=gettext("it is larger than %(most)s MB") % {"most": MOST_BYTES >> 20})
    try:
        history = parse_history(content)
    except HistoryError as error:
        raise UploadUnreadable(field="file", found=error.told(gettext)) from None
    found_login, found_currency = history.login or login, history.currency or currency
    if not found_login:
        raise UploadUnusable(field="login", reason=_("it does not say whose account it is; type the login"))
    if not found_currency:
        raise UploadUnusable(field="currency", reason=_("it does not say the account's currency; type it"))
    clock = ServerClock(server.clock_zone, server.clock_shift_minutes)
    rows = deal_rows(history, login=found_login, currency_digits=minor_digits(found_currency), clock=clock)
    return Read(history, found_login, found_currency, rows, differences(history))


def read_again(upload: HistoryUpload) -> Read:
    """Read a stored file; it was readable once."""
    return read_upload(
        content=bytes(upload.content), server=upload.server, login=upload.login, currency=upload.currency
    )


@transaction.atomic
def store_upload(
    *, server: MtServer, content: bytes, file_name: str, login: int | None, currency: str, actor: Actor, now: datetime
) -> HistoryUpload:
    """Keep a file to be looked at; the same file again is the upload that is there already. Nothing counts yet.

    :raises UploadNotHere: the server is reached otherwise. :raises UploadUnreadable: the file is no history."""
    if server.kind != ServerKind.FILES:
        raise UploadNotHere
    digest = hashlib.sha256(content).hexdigest()
    known = HistoryUpload.objects.filter(server=server, sha256=digest).exclude(state=UploadState.DISCARDED).first()
    if known is not None:
        return known
    read = read_upload(content=content, server=server, login=login, currency=currency)
    times = sorted(row.deal_at for row in read.rows if isinstance(row, DealRow))
    summary = read.history.summary
    upload = HistoryUpload(
        server=server, sha256=digest, content=content, kind=read.history.kind, login=read.login,
        file_name="".join(letter for letter in file_name if letter.isprintable())[:120] or "file",
        currency=read.currency, rank=read.history.printed_s or int(now.timestamp()), uploaded_by=actor.label,
        uploaded_at=now, first_at=times[0] if times else None, last_at=times[-1] if times else None,
        facts={
            "name": read.history.name, "leverage": read.history.leverage or 0, "rows": len(read.rows),
            "balance": str(summary.balance) if summary else "", "differences": read.differences,
        },
    )  # fmt: skip
    try:
        with transaction.atomic():
            upload.save()
    except IntegrityError:  # the same file at the same moment
        return HistoryUpload.objects.exclude(state=UploadState.DISCARDED).get(server=server, sha256=digest)
    _audit("mt4bridge.upload_history", upload, None, {"file": upload.file_name, "sha256": digest}, actor, now)
    return upload


@transaction.atomic
def confirm_upload(
    *, upload: HistoryUpload, symbols: Sequence[SymbolRow], actor: Actor, now: datetime
) -> HistoryUpload:
    """Put a file into the book of its server; the walker records what is new in its next round.

    `symbols` are those that the broker did not know, as staff said them.

    :raises UploadMoved: it was confirmed or discarded already."""
    row = _locked(upload, UploadState.CONFIRMED)
    read = read_again(row)
    for symbol in symbols:
        FileSymbol.objects.get_or_create(
            server=row.server, name=symbol.name,
            defaults={
                "digits": symbol.digits, "contract_size_e8": symbol.contract_size_e8,
                "quote_currency": symbol.currency_profit,
            },
        )  # fmt: skip
    winners = winning_rows(server_id=row.server_id, rows=read.rows, rank=row.rank)
    tickets = {each.ticket for each in winners if each.ticket}
    FileDeal.objects.filter(server=row.server, ticket__in=tickets).delete()
    ranks = _ranks(winners, row.rank)
    FileDeal.objects.bulk_create(
        [
            FileDeal(
                server=row.server, upload=row, ticket=each.ticket or 0, leg=each.leg, login=row.login,
                rank=ranks[each.ticket or 0], row=packed(each),
                deal_at=each.deal_at if isinstance(each, DealRow) else row.last_at or now,
            )
            for each in winners
        ],
        batch_size=5_000,
    )  # fmt: skip
    row.state = UploadState.CONFIRMED
    row.save(update_fields=["state"])
    after = {"state": row.state, "rows": len(winners), "symbols": [symbol.name for symbol in symbols]}
    _audit("mt4bridge.confirm_upload", row, {"state": UploadState.PENDING.value}, after, actor, now)
    return row


@transaction.atomic
def discard_upload(*, upload: HistoryUpload, actor: Actor, now: datetime) -> HistoryUpload:
    """Drop a file that does not count yet; the same file may be uploaded again later.

    :raises UploadMoved: it counts already."""
    row = _locked(upload, UploadState.DISCARDED)
    row.state = UploadState.DISCARDED.value
    row.content = b""
    row.save(update_fields=["state", "content"])
    before: dict[str, object] = {"state": UploadState.PENDING.value}
    _audit("mt4bridge.discard_upload", row, before, {"state": row.state}, actor, now)
    return row


def uploads_to_take(server_id: int) -> list[HistoryUpload]:
    """Return the confirmed files that the walker has not recorded yet, oldest first."""
    rows = HistoryUpload.objects.filter(server_id=server_id, state=UploadState.CONFIRMED)
    return list(rows.defer("content").order_by("pk"))


@transaction.atomic
def note_taken(*, upload: HistoryUpload, outcome: Mapping[str, int], now: datetime) -> None:
    """Note what the walker recorded of a file."""
    row = _locked(upload, UploadState.TAKEN)
    row.state, row.outcome, row.taken_at = UploadState.TAKEN, dict(outcome), now
    row.save(update_fields=["state", "outcome", "taken_at"])


def winning_rows(*, server_id: int, rows: Collection[DealRow | BadRow], rank: int) -> list[DealRow | BadRow]:
    """Return the rows whose tickets know as much as the book of the server or more: the others are older news."""
    ranks = _ranks(rows, rank)
    known = FileDeal.objects.filter(server_id=server_id, ticket__in=ranks.keys()).values_list("ticket", "rank")
    best = dict(known)
    return [row for row in rows if row.ticket and ranks[row.ticket] >= best.get(row.ticket, 0)]


def _ranks(rows: Collection[DealRow | BadRow], rank: int) -> dict[int, int]:
    """Return {ticket: rank}: in MT4 a ticket with its closing leg beats every file in which it was open."""
    closed = {row.ticket for row in rows if row.leg == 1}
    return {row.ticket: rank + (CLOSED_FIRST if row.ticket in closed else 0) for row in rows if row.ticket}


def _locked(upload: HistoryUpload, target: UploadState) -> HistoryUpload:
    row = HistoryUpload.objects.select_for_update(of=("self",)).select_related("server").get(pk=upload.pk)
    if target not in UPLOAD_MOVES.get(row.state, frozenset()):
        raise UploadMoved(state=UploadState(row.state).label)
    return row


def _audit(
    action: str, upload: HistoryUpload, before: dict[str, object] | None, after: dict[str, object], actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    record_audit(
        actor=actor, action=action, object_type="mt4bridge.HistoryUpload", object_id=upload.pk, before=before,
        after={"server_id": upload.server_id, **after}, now=now,
    )  # fmt: skip
