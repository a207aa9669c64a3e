"""The cursor counts the deals it has stored, so that no page counts the table."""

from django.db import migrations, models

COUNT = """
UPDATE trading_dealcursor c SET deals =
    (SELECT count(*) FROM trading_deal d WHERE d.server_id = c.server_id AND d.revision = 0)
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0002_walls")]
    operations = [
        migrations.AddField("dealcursor", "deals", models.BigIntegerField(default=0)),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
