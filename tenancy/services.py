"""Create, migrate, suspend and remove brokers. Runs under the owner's login."""

from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from django_tenants.migration_executors.base import run_migrations
from django_tenants.utils import get_public_schema_name

from core.errors import DomainError
from tenancy.context import public_context
from tenancy.enums import BROKER_MOVES, BrokerStatus
from tenancy.grants import apply_grants, apply_public_grants
from tenancy.models import Broker, Host
from tenancy.names import TEMPLATE_SCHEMA, new_schema_name, role_of
from tenancy.provisioning import build_schema, code_version, drop_schema


class BrokerExists(DomainError):
    code = "broker_exists"
    message = _("A broker with the code %(code)s or one of its hosts exists already.")


class BrokerMoveRefused(DomainError):
    code = "broker_move_refused"
    message = _("A broker that is %(status)s cannot become %(wanted)s.")


@dataclass(frozen=True, slots=True)
class BrokerSpec:
    """What a new broker is: its code and name, the host names that lead to it, its brand and zone."""

    code: str
    name: str
    hosts: tuple[str, ...]
    mark: str = "K"
    primary_color: str = "#4f46e5"
    radius: str = "0.5rem"
    settlement_zone: str = "UTC"
    default_language: str = "en"
    schema_name: str = field(default_factory=new_schema_name)


def create_broker(spec: BrokerSpec) -> Broker:
    """Create a broker with its schema and role; active only when all of it stands.

    :raises BrokerExists: the code or a host is taken."""
    with public_context():
        broker: Broker = _reserve(spec)
        try:
            build_schema(broker.schema_name)
        except BaseException:
            broker.delete()
            raise
        broker.schema_version = code_version()
        broker.status = BrokerStatus.ACTIVE
        broker.save(update_fields=["schema_version", "status"])
    return broker


def _reserve(spec: BrokerSpec) -> Broker:
    taken = Broker.objects.filter(code=spec.code).exists() or Host.objects.filter(domain__in=spec.hosts).exists()
    if taken:
        raise BrokerExists(code=spec.code)
    with transaction.atomic():
        broker: Broker = Broker.objects.create(
            schema_name=spec.schema_name, code=spec.code, name=spec.name, mark=spec.mark,
            primary_color=spec.primary_color, radius=spec.radius, settlement_zone=spec.settlement_zone,
            default_language=spec.default_language,
        )  # fmt: skip
        Host.objects.bulk_create(
            [Host(tenant=broker, domain=host, is_primary=i == 0) for i, host in enumerate(spec.hosts)]
        )
    return broker


def set_status(*, broker: Broker, wanted: BrokerStatus) -> Broker:
    """Suspend or reactivate a broker; its pages and tasks follow at once.

    :raises BrokerMoveRefused: the move is not in BROKER_MOVES."""
    with public_context(), transaction.atomic():
        row: Broker = Broker.objects.select_for_update().get(pk=broker.pk)
        if wanted not in BROKER_MOVES.get(BrokerStatus(row.status), frozenset()):
            raise BrokerMoveRefused(status=row.get_status_display(), wanted=wanted.label)
        row.status = wanted
        row.save(update_fields=["status"])
    return row


def remove_broker(broker: Broker) -> None:
    """Remove a broker with its schema, role and hosts. For scratch brokers and after an export."""
    with public_context():
        Broker.objects.filter(pk=broker.pk).update(status=BrokerStatus.SUSPENDED)  # no new task or page starts
        drop_schema(broker.schema_name)
        broker.delete()


def migrate_all(*, verbosity: int = 1) -> list[str]:
    """Bring the public schema, the template and every broker to the code's migrations; return the changed schemas.

    Brokers whose stored version equals the code's are skipped (one query). Stops at the first error, is resumable."""
    with public_context():
        _run("public", verbosity=verbosity)
        apply_public_grants()
        Broker.objects.get_or_create(
            schema_name=TEMPLATE_SCHEMA,
            defaults={"code": "template", "name": "Template", "status": BrokerStatus.TEMPLATE},
        )
        lagging = Broker.objects.exclude(schema_version=code_version()).order_by("pk")
        schemas = list(lagging.values_list("schema_name", flat=True))
        schemas.sort(key=lambda name: name != TEMPLATE_SCHEMA)  # the template is the canary
    for schema_name in schemas:
        migrate_one(schema_name, verbosity=verbosity)
    return schemas


def migrate_one(schema_name: str, *, verbosity: int = 1) -> None:
    """Migrate one schema, renew its grants and note the version."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema_name}"')
    _run(schema_name, verbosity=verbosity)
    with public_context():
        if schema_name != TEMPLATE_SCHEMA:
            role_of(schema_name)
            apply_grants(schema_name)
        Broker.objects.filter(schema_name=schema_name).update(schema_version=code_version())


def _run(schema_name: str, *, verbosity: int) -> None:
    """Migrate one schema. The public one has this app's tables alone: to walk through all others would take as long."""
    app_label = "tenancy" if schema_name == get_public_schema_name() else None
    options = {
        "verbosity": verbosity, "interactive": False, "app_label": app_label, "migration_name": None, "fake": False,
        "database": "default", "fake_initial": False, "plan": False, "run_syncdb": False, "check_unapplied": False,
        "prune": False, "skip_checks": True, "force_color": False, "no_color": True, "stdout": None, "stderr": None,
    }  # fmt: skip
    run_migrations((), options, "keel", schema_name)
