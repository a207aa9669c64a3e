"""What was booked for a day is found without reading every payee's roll-ups."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("commissions", "0015_payout_kept")]
    operations = [
        migrations.AddIndex(
            model_name="ibday",
            index=BrinIndex(name="ib_day_by_block", fields=["day"], pages_per_range=64, autosummarize=True),
        ),
    ]
