"""A server is introduced before its accounts are read, and who is new among them is known once all of them were."""

from django.db import migrations, models

READ_BEFORE = """UPDATE trading_serversync s SET introduced_at = structure_at, accounts_at = CASE WHEN EXISTS (
    SELECT 1 FROM trading_serveraccount a WHERE a.server_id = s.server_id) THEN structure_at END"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0011_revised_deals")]
    operations = [
        migrations.AddField("serversync", "introduced_at", models.DateTimeField(null=True)),
        migrations.AddField("serversync", "accounts_at", models.DateTimeField(null=True)),
        migrations.RunSQL(READ_BEFORE, migrations.RunSQL.noop),
    ]
