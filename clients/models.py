"""The people who trade at this broker."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clients.enums import ClientStatus


class Client(models.Model):
    """A person or company that trades, or could."""

    user = models.OneToOneField("access.User", on_delete=models.PROTECT, null=True, related_name="client")
    code = models.CharField(max_length=20, unique=True)  # C200114, from a sequence of this broker
    name = models.CharField(max_length=150)
    email = models.EmailField()  # where to write; two members of a family may share one
    country = models.CharField(max_length=2, blank=True, default="")  # ISO 3166-1 alpha-2
    phone = models.CharField(max_length=30, blank=True, default="")
    status = models.CharField(max_length=10, choices=ClientStatus.choices, default=ClientStatus.ACTIVE)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="client_code_shape", condition=Q(code__regex=r"^C[0-9]{6,}$")),
            models.CheckConstraint(
                name="client_country_shape", condition=Q(country="") | Q(country__regex=r"^[A-Z]{2}$")
            ),
            models.CheckConstraint(name="client_name_given", condition=~Q(name="")),
        ]
        indexes: ClassVar = [models.Index(name="client_by_email", fields=["email"])]

    def __str__(self) -> str:
        return self.code
