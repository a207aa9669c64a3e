"""The whole network for the engine, at one version, as columns."""

from array import array
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from django.db import connection, transaction

from ib.enums import ChangeKind
from ib.models import IB, NetworkChange, NetworkState
from ib.types import OPEN_END_US, AffectedPeriod, AgreementPeriod, IbFacts, NetworkSnapshot, Periods

_TRIES_WITHOUT_LOCK = 3
_CHUNK = 20_000

# Times as microseconds since 1970: `extract(epoch …)` is numeric, so this is exact.
_TIMES = """(extract(epoch FROM active_from) * 1000000)::bigint,
    coalesce((extract(epoch FROM active_to) * 1000000)::bigint, 9223372036854775807)"""
_IB_PARENTS = f"SELECT ib_id, coalesce(parent_id, 0), {_TIMES} FROM ib_iblink ORDER BY ib_id, active_from"  # noqa: S608 -- own text
_CLIENT_IBS = f"""SELECT client_id, ib_id, {_TIMES} FROM ib_clientlink
    WHERE %(ids)s::bigint[] IS NULL OR client_id = ANY(%(ids)s) ORDER BY client_id, active_from"""  # noqa: S608 -- own text
_ACCOUNT_IBS = f"""SELECT account_id, coalesce(ib_id, 0), {_TIMES} FROM ib_accountlink
    WHERE %(ids)s::bigint[] IS NULL OR account_id = ANY(%(ids)s) ORDER BY account_id, active_from"""  # noqa: S608 -- own text
_AGREEMENTS = f"SELECT ib_id, {_TIMES}, keep_percent, rank, active FROM ib_agreement ORDER BY ib_id, active_from"  # noqa: S608 -- own text


def network_version() -> int:
    """Return the network's version. A snapshot of another version is out of date."""
    return NetworkState.objects.values_list("version", flat=True).get(pk=1)


def network_snapshot(
    *,
    client_ids: Collection[int] | None = None,
    account_ids: Collection[int] | None = None,
    known: NetworkSnapshot | None = None,
) -> NetworkSnapshot:
    """Return the network with its whole past and future, all of it at one version.

    With `client_ids` or `account_ids` only those have links in it: what a batch needs, however many there are.
    `known`: an earlier snapshot, whose IBs are taken over when only clients and accounts have been placed since: a
    live batch of some deals does not read 20,000 IBs again. Six statements, or four; read again when the network
    changed meanwhile."""
    for _attempt in range(_TRIES_WITHOUT_LOCK):
        snapshot = _read(client_ids, account_ids, known)
        if snapshot.version == network_version():
            return snapshot
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT version FROM ib_networkstate WHERE id = 1 FOR SHARE")
        return _read(client_ids, account_ids, known)


def affected_since(*, version: int) -> list[AffectedPeriod]:
    """Return the changes after `version` that deals may have to be judged again for, oldest first.

    An IB or agreement change concerns every deal whose chain holds the IB, before or after the change."""
    rows = NetworkChange.objects.filter(version__gt=version).order_by("version")
    columns = ("version", "ib_id", "client_id", "account_id", "affected_from", "affected_to")
    return [AffectedPeriod(*row) for row in rows.values_list(*columns)]


def _read(
    client_ids: Collection[int] | None, account_ids: Collection[int] | None, known: NetworkSnapshot | None
) -> NetworkSnapshot:
    version = network_version()
    if known is None or not _only_placements(known.version, version):
        known = _read_ibs(version)
    return replace(
        known,
        version=version,
        client_ibs=_periods(_CLIENT_IBS, client_ids),
        account_ibs=_periods(_ACCOUNT_IBS, account_ids),
    )


def _read_ibs(version: int) -> NetworkSnapshot:
    """Return what a snapshot says of IBs; the links of clients and accounts are left empty."""
    ibs: dict[int, IbFacts] = {}
    self_ib: dict[int, int] = {}
    for ib_id, code, currency, client_id in IB.objects.order_by().values_list("pk", "code", "currency", "client_id"):
        ibs[ib_id] = IbFacts(code, currency)
        if client_id is not None:
            self_ib[client_id] = ib_id
    nobody = Periods(array("q"), array("q"), array("q"), array("q"))
    return NetworkSnapshot(
        version=version,
        ib_version=version,
        ibs=ibs,
        self_ib=self_ib,
        ib_parents=_periods(_IB_PARENTS, None),
        client_ibs=nobody,
        account_ibs=nobody,
        agreements=_agreements(),
    )


def _only_placements(before: int, after: int) -> bool:
    """Whether all changes between two versions placed clients or accounts: each notes the versions it took."""
    if not 0 <= after - before <= _CHUNK:
        return False
    kinds = (ChangeKind.CLIENT, ChangeKind.ACCOUNT)
    placed = NetworkChange.objects.filter(version__gt=before, version__lte=after, kind__in=kinds)
    return before == after or placed.count() == after - before


def _periods(statement: str, ids: Collection[int] | None) -> Periods:
    columns = Periods(array("q"), array("q"), array("q"), array("q"))
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": None if ids is None else list(ids)})
        while rows := cursor.fetchmany(_CHUNK):
            subject, target, start_us, end_us = zip(*rows, strict=True)
            columns.subject.extend(subject)
            columns.target.extend(target)
            columns.start_us.extend(start_us)
            columns.end_us.extend(end_us)
    return columns


def _agreements() -> dict[int, tuple[AgreementPeriod, ...]]:
    found: defaultdict[int, list[AgreementPeriod]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_AGREEMENTS)
        for ib_id, *period in cursor.fetchall():
            found[ib_id].append(AgreementPeriod(*period))
    return {ib_id: tuple(periods) for ib_id, periods in found.items()}


assert OPEN_END_US == 9223372036854775807, "the statements above spell it out"  # noqa: S101 -- ties two spellings
