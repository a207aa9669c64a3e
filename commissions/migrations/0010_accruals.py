"""Lines that belong to no rebate of a deal, and what is worked out for them."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""
WALL = """
CREATE TRIGGER accrual_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_accrual
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0002_codes"),
        ("commissions", "0009_corrections"),
    ]

    operations = [
        migrations.AlterField(
            model_name="judgebatch",
            name="kind",
            field=models.CharField(
                choices=[("new", "New deals"), ("again", "Judged again"), ("cpa", "CPA and advances")], max_length=6
            ),
        ),
        migrations.CreateModel(
            name="CpaClient",
            fields=[
                (
                    "client",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="clients.client",
                    ),
                ),
                ("is_stale", models.BooleanField()),
                ("stamp", models.BigIntegerField(default=0)),
                ("seen_at", models.DateTimeField(null=True)),
                ("quiet_ib_id", models.BigIntegerField(null=True)),
                ("quiet_version_id", models.BigIntegerField(null=True)),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=8), default=list, size=None
                    ),
                ),
                (
                    "missing_at",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), default=list, size=None
                    ),
                ),
                (
                    "missing_groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("is_stale", True)), fields=["client"], name="cpa_client_stale")
                ],
            },
        ),
        migrations.CreateModel(
            name="HeldBack",
            fields=[
                ("deal_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("client_id", models.BigIntegerField()),
                ("ib_id", models.BigIntegerField()),
                ("deal_at", models.DateTimeField()),
                ("server_id", models.BigIntegerField()),
                ("ticket", models.BigIntegerField()),
                ("leg", models.SmallIntegerField()),
                ("line", models.DecimalField(decimal_places=20, max_digits=60)),
                ("to_recover", models.DecimalField(decimal_places=20, max_digits=60)),
            ],
            options={
                "indexes": [models.Index(fields=["client_id", "ib_id"], name="held_back_of_client")],
            },
        ),
        migrations.CreateModel(
            name="Accrual",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("cpa", "CPA for a client"), ("manual", "Booked by hand")], max_length=8),
                ),
                ("account_id", models.BigIntegerField(default=0)),
                ("deal_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                ("day", models.DateField()),
                ("statement_day", models.DateField()),
                ("revision", models.SmallIntegerField(default=0)),
                ("amount_e8", models.BigIntegerField()),
                ("booked_e8", models.BigIntegerField()),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("deposit", "A deposit or withdrawal"),
                            ("deal", "A deal"),
                            ("correction", "What it rests on changed"),
                            ("staff", "Entered by staff"),
                        ],
                        max_length=12,
                    ),
                ),
                ("batch_id", models.BigIntegerField()),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                (
                    "client",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "corrects",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="commissions.accrual",
                    ),
                ),
                (
                    "payee",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accruals",
                        to="commissions.payee",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commissions.planversion",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["payee", "day"], name="accrual_of_payee")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deal_id", "payee", "kind", "revision"), name="accrual_revision_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("revision", 0), ("corrects__isnull", False), _connector="OR"),
                        name="accrual_revision_names_what_it_corrects",
                    ),
                ],
            },
        ),
        migrations.RunSQL(PIN + WALL, "DROP TRIGGER accrual_append_only ON commissions_accrual;"),
    ]
