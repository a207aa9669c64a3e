"""The sequence behind client codes: C200101, C200102, … for each broker."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("clients", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL("CREATE SEQUENCE clients_code_seq START 200101", "DROP SEQUENCE clients_code_seq"),
    ]
