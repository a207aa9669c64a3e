"""The index that IBs are found by: any part of a name or code."""

from typing import ClassVar

from django.db import migrations

INDEX = """
CREATE INDEX ib_search ON ib_ib USING gin (search_folded(' ' || name || ' ' || code) extensions.gin_trgm_ops);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ib", "0003_count_clients"), ("core", "0002_search_folded")]

    operations: ClassVar = [migrations.RunSQL(INDEX, "DROP INDEX ib_search")]
