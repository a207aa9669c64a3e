import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mt4bridge", "0003_httpbridge")]

    operations = [
        migrations.CreateModel(
            name="HistoryUpload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("file_name", models.CharField(max_length=120)),
                ("content", models.BinaryField()),
                ("kind", models.CharField(max_length=20)),
                ("login", models.BigIntegerField()),
                ("currency", models.CharField(max_length=8)),
                ("rank", models.BigIntegerField()),
                ("facts", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "To be looked at"),
                            ("confirmed", "Confirmed, is being recorded"),
                            ("taken", "Recorded"),
                            ("discarded", "Discarded"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("uploaded_by", models.CharField(max_length=200)),
                ("uploaded_at", models.DateTimeField()),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                ("taken_at", models.DateTimeField(null=True)),
                ("outcome", models.JSONField(default=dict)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uploads", to="mt4bridge.mtserver"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "discarded"), _negated=True),
                        fields=("server", "sha256"),
                        name="history_upload_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FileDeal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ticket", models.BigIntegerField()),
                ("leg", models.SmallIntegerField(default=0)),
                ("login", models.BigIntegerField()),
                ("rank", models.BigIntegerField()),
                ("deal_at", models.DateTimeField()),
                ("row", models.JSONField()),
                (
                    "server",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="file_deals",
                        to="mt4bridge.mtserver",
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deals", to="mt4bridge.historyupload"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["server", "deal_at"], name="file_deal_by_time")],
                "constraints": [models.UniqueConstraint(fields=("server", "ticket", "leg"), name="file_deal_once")],
            },
        ),
        migrations.CreateModel(
            name="FileSymbol",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=32)),
                ("digits", models.PositiveSmallIntegerField()),
                ("contract_size_e8", models.BigIntegerField()),
                ("quote_currency", models.CharField(max_length=8)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="file_symbols",
                        to="mt4bridge.mtserver",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("server", "name"), name="file_symbol_once")],
            },
        ),
    ]
