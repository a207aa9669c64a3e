"""A server that only files speak for, as a `TradingServer`: its book is what the confirmed files say together.

Nobody is contacted. Nothing is ever missing from this book on purpose, so it never says that an account exists, and the
walker never takes a deal for deleted."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from core.money import minor_digits
from mt4bridge.enums import UploadState
from mt4bridge.masks import fits
from mt4bridge.models import FileDeal, FileSymbol, HistoryUpload, MtServer
from mt4bridge.read_only import ReadOnly
from mt4bridge.types import AccountState, BadRow, Capability, DealRow, GroupRow, PositionRow, SymbolRow, UserRow

LIST_LENGTH = 4_000


class FileServer(ReadOnly):
    """The book of one server. Always reads in the broker in force, so it may be kept between tasks."""

    kind_name = "files"
    can = frozenset((Capability.DEALS, Capability.USERS, Capability.CONFIGURATION))

    def __init__(self, server: MtServer) -> None:
        self._server_id = server.pk

    def connect(self) -> None:
        """Do nothing: there is nobody to reach."""

    def close(self) -> None:
        """Do nothing."""

    def drop(self) -> None:
        """Do nothing."""

    def ping(self) -> None:
        """Do nothing."""

    def server_time(self) -> datetime:
        """Return the present: everything that was handed over is here, and nothing is on its way."""
        return datetime.now(UTC).replace(microsecond=0)

    def groups(self) -> list[GroupRow]:
        """Return a group for each currency of the accounts."""
        currencies = sorted(set(self._uploads().values_list("currency", flat=True)))
        return [GroupRow(group_name(currency), currency, minor_digits(currency)) for currency in currencies]

    def symbols(self) -> list[SymbolRow]:
        return [
            SymbolRow(row.name, "", row.contract_size_e8, row.digits, "", row.quote_currency)
            for row in FileSymbol.objects.filter(server_id=self._server_id).order_by("name")
        ]

    def users(self, group_mask: str = "*") -> list[UserRow]:
        """Return the accounts of the files, each as its latest file shows it."""
        latest = {row.login: row for row in self._uploads().defer("content").order_by("rank", "pk")}
        rows = [_user(row) for _, row in sorted(latest.items())]
        return [row for row in rows if fits(row.group, group_mask)]

    def user(self, login: int) -> UserRow | None:
        return next((row for row in self.users() if row.login == login), None)

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:  # noqa: ARG002 -- files have none
        return []

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow | BadRow]]:
        rows = self._book().filter(deal_at__gte=since, deal_at__lt=until).order_by("deal_at", "ticket", "leg")
        part: list[DealRow | BadRow] = []
        for row in rows.iterator(LIST_LENGTH):
            part.append(unpacked(row.row))
            if len(part) == LIST_LENGTH:
                yield part
                part = []
        if part:
            yield part

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self._book().filter(login=login, deal_at__gte=since, deal_at__lt=until)
        return [unpacked(row.row) for row in rows.order_by("deal_at", "ticket", "leg")]

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self.deals_of_login(login=login, since=since, until=until)
        return [row for row in rows if isinstance(row, BadRow) or row.action > 1]

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        rows = self._book().filter(ticket__in=tickets).order_by("ticket", "leg")
        return [unpacked(row.row) for row in rows]

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        return self._book().filter(login=login, deal_at__gte=since, deal_at__lt=until).count()

    def account_states(self, logins: Collection[int]) -> list[AccountState]:  # noqa: ARG002 -- a file is no present
        return []

    def positions(self, logins: Collection[int]) -> list[PositionRow]:  # noqa: ARG002 -- a file is no present
        return []

    def _book(self) -> QuerySet[FileDeal]:
        return FileDeal.objects.filter(server_id=self._server_id)

    def _uploads(self) -> QuerySet[HistoryUpload]:
        states = (UploadState.CONFIRMED, UploadState.TAKEN)
        return HistoryUpload.objects.filter(server_id=self._server_id, state__in=states)


def group_name(currency: str) -> str:
    return f"files\\{currency.lower()}"


def packed(row: DealRow | BadRow) -> dict[str, Any]:
    """Return a row as JSON."""
    values = row._asdict()
    if isinstance(row, DealRow):
        values["deal_at"] = row.deal_at.isoformat()
    return values


def unpacked(values: dict[str, Any]) -> DealRow | BadRow:
    if "deal_at" not in values:
        return BadRow(**values)
    return DealRow(**{**values, "deal_at": datetime.fromisoformat(values["deal_at"])})


def _user(upload: HistoryUpload) -> UserRow:
    return UserRow(
        login=upload.login,
        group=group_name(upload.currency),
        name=upload.facts.get("name", ""),
        email="",
        country="",
        leverage=int(upload.facts.get("leverage") or 1),
        agent=0,
        balance=Decimal(upload.facts.get("balance") or 0),
        credit=Decimal(0),
        registered_at=upload.first_at or upload.uploaded_at,
    )
