"""What servers say beside deals, with its history; how reading goes; what comparisons found."""

import django.db.models.deletion
from django.db import migrations, models

TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION trading_refuse_change();
"""
TABLES = ("trading_symbolspec", "trading_formergroup", "trading_syncdifference")
WALLS = [
    migrations.RunSQL(TRIGGER.format(table=table), f"DROP TRIGGER {table}_append_only ON {table}") for table in TABLES
]


class Migration(migrations.Migration):
    dependencies = [
        ("mt4bridge", "0001_initial"),
        ("trading", "0003_count_deals"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServerSync",
            fields=[
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="sync",
                        serialize=False,
                        to="mt4bridge.mtserver",
                    ),
                ),
                ("structure_at", models.DateTimeField(null=True)),
                ("paused_at", models.DateTimeField(null=True)),
                ("clock_wrong_since", models.DateTimeField(null=True)),
                ("clock_off_seconds", models.IntegerField(default=0)),
                ("backfill_from_at", models.DateTimeField(null=True)),
                ("backfill_started_at", models.DateTimeField(null=True)),
                ("backfill_done_at", models.DateTimeField(null=True)),
                ("backfill_rows", models.BigIntegerField(default=0)),
                ("minutes", models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name="SyncRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("nightly", "Last days, by count and sums"),
                            ("monthly", "Whole history, by tickets"),
                            ("balances", "Balance and credit of each account"),
                        ],
                        max_length=10,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("done_until", models.DateTimeField(null=True)),
                ("last_login", models.BigIntegerField(default=0)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("checked", models.BigIntegerField(default=0)),
                ("taken_over", models.BigIntegerField(default=0)),
                ("differences", models.IntegerField(default=0)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sync_runs", to="mt4bridge.mtserver"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SyncDifference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missing_here", "The server has a deal that was not stored"),
                            ("missing_there", "A stored deal is not on the server"),
                            ("content", "A deal differs"),
                            ("balance", "The balance is not the sum of the deals"),
                            ("credit", "The credit is not the sum of the credit operations"),
                            ("no_history", "The account is older than the deals that are read"),
                        ],
                        max_length=20,
                    ),
                ),
                ("login", models.BigIntegerField(null=True)),
                ("ticket", models.BigIntegerField(null=True)),
                ("here", models.CharField(blank=True, default="", max_length=200)),
                ("there", models.CharField(blank=True, default="", max_length=200)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="trading.syncrun"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FormerGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("until", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="former_groups",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "mt_group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trading.mtgroup"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "until"), name="former_group_once")],
            },
        ),
        migrations.CreateModel(
            name="ServerAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login", models.BigIntegerField()),
                ("group", models.CharField(max_length=64)),
                ("name", models.CharField(blank=True, default="", max_length=160)),
                ("email", models.CharField(blank=True, default="", max_length=160)),
                ("country", models.CharField(blank=True, default="", max_length=64)),
                ("leverage", models.PositiveIntegerField(default=0)),
                ("agent", models.BigIntegerField(default=0)),
                ("registered_at", models.DateTimeField()),
                ("first_seen_at", models.DateTimeField()),
                ("gone_at", models.DateTimeField(null=True)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="listed_accounts",
                        to="mt4bridge.mtserver",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("server", "login"), name="server_account_once")],
            },
        ),
        migrations.CreateModel(
            name="ServerChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField()),
                (
                    "of",
                    models.CharField(
                        choices=[("symbol", "Symbol"), ("group", "MT group"), ("account", "Trading account")],
                        max_length=10,
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                (
                    "field",
                    models.CharField(
                        choices=[
                            ("appeared", "New on the server"),
                            ("gone", "No longer on the server"),
                            ("contract_size", "Contract size"),
                            ("digits", "Digits"),
                            ("quote_currency", "Quote currency"),
                            ("path", "Folder"),
                            ("currency", "Currency"),
                            ("currency_digits", "Digits of the currency"),
                            ("group", "MT group"),
                            ("leverage", "Leverage"),
                            ("agent", "Agent account"),
                        ],
                        max_length=20,
                    ),
                ),
                ("before", models.CharField(blank=True, default="", max_length=200)),
                ("after", models.CharField(blank=True, default="", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("taken", "In force here"),
                            ("waiting", "Waits for a decision"),
                            ("accepted", "Accepted by staff"),
                            ("kept", "Not taken over, by staff"),
                        ],
                        default="taken",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="mt4bridge.mtserver"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["-id", "server"], name="server_change_latest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("server", "of", "name", "field"),
                        name="server_change_waits_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SymbolSpec",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField()),
                ("contract_size_e8", models.BigIntegerField()),
                ("digits", models.PositiveSmallIntegerField()),
                ("quote_currency", models.CharField(max_length=8)),
                ("path", models.CharField(blank=True, default="", max_length=200)),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="specs", to="trading.symbol"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("symbol", "seen_at"), name="symbol_spec_once"),
                    models.CheckConstraint(
                        condition=models.Q(("contract_size_e8__gt", 0)), name="symbol_spec_contract_size_positive"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at__isnull", True)), fields=("server", "kind"), name="sync_run_one_open"
            ),
        ),
        *WALLS,
    ]
