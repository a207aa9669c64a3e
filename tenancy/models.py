"""The brokers of this installation and their hosts: the only tables of the public schema."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from tenancy.enums import BrokerStatus


class Broker(TenantMixin):
    """One broker: its own schema, its own database role, its brand."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=12, choices=BrokerStatus.choices, default=BrokerStatus.PROVISIONING)
    cell = models.CharField(max_length=20, default="main")  # which PostgreSQL holds the schema
    schema_version = models.CharField(max_length=64, blank=True, default="")  # hash of the applied migrations
    settlement_zone = models.CharField(max_length=64, default="UTC")  # IANA zone of statement days
    default_language = models.CharField(max_length=10, default="en")
    mark = models.CharField(max_length=2, default="K")  # one or two letters for the brand tile
    primary_color = models.CharField(max_length=7, default="#4f46e5")
    radius = models.CharField(max_length=10, default="0.5rem")
    created_at = models.DateTimeField(auto_now_add=True)

    auto_create_schema = False
    auto_drop_schema = False

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="broker_schema_name_valid", condition=models.Q(schema_name__regex=r"^[a-z][a-z0-9_]{2,40}$")
            ),
            models.CheckConstraint(name="broker_color_hex", condition=models.Q(primary_color__regex=r"^#[0-9a-f]{6}$")),
        ]

    def __str__(self) -> str:
        return self.code

    def __enter__(self) -> NoReturn:
        raise RuntimeError("use broker_context(broker): `with broker:` swaps brokers between threads")

    def __exit__(self, *_args: Any) -> None:
        return None


class Host(DomainMixin):
    """A host name that leads to one broker."""

    def __str__(self) -> str:
        return str(self.domain)
