"""The index that clients are found by: any part of a name, code or e-mail address."""

from typing import ClassVar

from django.db import migrations

INDEX = """
CREATE INDEX client_search ON clients_client
  USING gin (search_folded(' ' || name || ' ' || code || ' ' || email) extensions.gin_trgm_ops);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("clients", "0002_codes"), ("core", "0002_search_folded")]

    operations: ClassVar = [migrations.RunSQL(INDEX, "DROP INDEX client_search")]
