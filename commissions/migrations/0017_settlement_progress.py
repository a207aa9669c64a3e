"""A round of settlement goes in steps."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commissions", "0016_days_by_block")]
    operations = [
        migrations.CreateModel(
            name="SettlementProgress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("closing_id", models.BigIntegerField(default=0)),
                ("stated_until", models.BigIntegerField(default=0)),
                ("paid_until", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="settlement_progress_one_row")
                ],
            },
        ),
    ]
