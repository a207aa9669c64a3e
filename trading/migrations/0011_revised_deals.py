"""The few revisions above the first, by themselves: judging asks of each deal of a position whether it has one."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trading", "0010_parents_of_deals")]

    operations: ClassVar = [
        migrations.AddIndex(
            "deal",
            models.Index(
                name="deal_revised", fields=["server", "ticket", "leg", "revision"], condition=Q(revision__gt=0)
            ),
        ),
    ]
