"""Levels of IBs: ladders, evaluations, placements, the exclusion list; what was published and measured stays."""

import django.contrib.postgres.constraints
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ib.models

WALLS = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
CREATE TRIGGER ladder_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_ladderversion
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER level_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_level
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER level_run_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_levelrun
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER level_result_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_levelresult
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER level_decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_leveldecision
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
"""

WALLS_BACK = """
DROP TRIGGER ladder_version_append_only ON commissions_ladderversion;
DROP TRIGGER level_append_only ON commissions_level;
DROP TRIGGER level_run_append_only ON commissions_levelrun;
DROP TRIGGER level_result_append_only ON commissions_levelresult;
DROP TRIGGER level_decision_append_only ON commissions_leveldecision;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commissions", "0004_settlement_terms"),
        ("ib", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Ladder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="LevelResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level_before", models.CharField(max_length=40)),
                ("level_next", models.CharField(max_length=40)),
                ("level_reached", models.CharField(max_length=40)),
                ("level_after", models.CharField(max_length=40)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("stays", "Stays"),
                            ("below", "Below its level"),
                            ("promotion", "Promotion"),
                            ("demotion", "Demotion"),
                            ("excluded", "Excluded"),
                            ("placed", "Placed by staff"),
                        ],
                        max_length=9,
                    ),
                ),
                ("needs_approval", models.BooleanField()),
                ("periods_below", models.PositiveSmallIntegerField()),
                ("in_grace", models.BooleanField()),
                ("lots", models.DecimalField(decimal_places=8, max_digits=38)),
                ("active_clients", models.IntegerField()),
                ("notional_usd", models.DecimalField(decimal_places=8, max_digits=38, null=True)),
                ("net_deposit_usd", models.DecimalField(decimal_places=8, max_digits=38, null=True)),
                ("deals", models.IntegerField()),
                ("unmeasured_deals", models.IntegerField()),
                (
                    "ib",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="level_results", to="ib.ib"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LadderVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("effective_date", models.DateField()),
                ("published_at", models.DateTimeField()),
                ("published_by", models.CharField(max_length=200)),
                (
                    "period",
                    models.CharField(
                        choices=[("month", "Calendar month"), ("quarter", "Calendar quarter")], max_length=7
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[("direct", "Own clients only"), ("network", "Own clients and those of all IBs below")],
                        max_length=7,
                    ),
                ),
                (
                    "approval",
                    models.CharField(
                        choices=[
                            ("never", "No: changes apply by themselves"),
                            ("demotions", "Demotions only"),
                            ("always", "Every change"),
                        ],
                        max_length=9,
                    ),
                ),
                ("demotion_after", models.PositiveSmallIntegerField(null=True)),
                (
                    "demotion_target",
                    models.CharField(
                        choices=[("reached", "The level that its figures reach"), ("one_down", "One level down")],
                        max_length=8,
                    ),
                ),
                ("grace_periods", models.PositiveSmallIntegerField()),
                ("active_min_lots", models.DecimalField(decimal_places=8, max_digits=20)),
                ("count_own_trades", models.BooleanField()),
                ("takes_new", models.BooleanField()),
                (
                    "ladder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="commissions.ladder"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Level",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("code", models.SlugField(max_length=40)),
                ("name", models.CharField(max_length=80)),
                (
                    "match",
                    models.CharField(choices=[("all", "All conditions"), ("any", "Any one condition")], max_length=3),
                ),
                ("min_lots", models.DecimalField(decimal_places=8, max_digits=28, null=True)),
                ("min_active_clients", models.PositiveIntegerField(null=True)),
                ("min_notional_usd", models.DecimalField(decimal_places=8, max_digits=28, null=True)),
                ("min_net_deposit_usd", models.DecimalField(decimal_places=8, max_digits=28, null=True)),
                ("rank", models.IntegerField(null=True)),
                ("keep_percent", models.DecimalField(decimal_places=8, max_digits=11, null=True)),
                (
                    "plan",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commissions.plan"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="levels",
                        to="commissions.ladderversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LevelDecision",
            fields=[
                (
                    "result",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="decision",
                        serialize=False,
                        to="commissions.levelresult",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("applied", "Applied"),
                            ("rejected", "Refused"),
                            ("excluded", "Not applied: the IB is on the exclusion list"),
                            ("superseded", "Replaced by a later evaluation"),
                        ],
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                ("decided_by_label", models.CharField(max_length=200)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="LevelExclusion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=500)),
                ("active_from", models.DateTimeField()),
                ("active_to", models.DateTimeField(null=True)),
                ("excluded_by", models.CharField(max_length=200)),
                (
                    "ib",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="level_exclusions", to="ib.ib"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LevelPlacement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level_code", models.CharField(max_length=40)),
                ("active_from", models.DateTimeField()),
                ("active_to", models.DateTimeField(null=True)),
                (
                    "ib",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="level_placements", to="ib.ib"
                    ),
                ),
                (
                    "ladder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="placements", to="commissions.ladder"
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commissions.levelresult",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LevelProgress",
            fields=[
                (
                    "ib",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="level_progress",
                        serialize=False,
                        to="ib.ib",
                    ),
                ),
                ("first_date", models.DateField()),
                ("end_date", models.DateField()),
                ("level_code", models.CharField(max_length=40)),
                ("level_reached", models.CharField(max_length=40)),
                ("level_after", models.CharField(max_length=40)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("stays", "Stays"),
                            ("below", "Below its level"),
                            ("promotion", "Promotion"),
                            ("demotion", "Demotion"),
                            ("excluded", "Excluded"),
                            ("placed", "Placed by staff"),
                        ],
                        max_length=9,
                    ),
                ),
                ("periods_below", models.PositiveSmallIntegerField()),
                ("lots", models.DecimalField(decimal_places=8, max_digits=38)),
                ("active_clients", models.IntegerField()),
                ("notional_usd", models.DecimalField(decimal_places=8, max_digits=38, null=True)),
                ("net_deposit_usd", models.DecimalField(decimal_places=8, max_digits=38, null=True)),
                ("deals", models.IntegerField()),
                ("unmeasured_deals", models.IntegerField()),
                ("measured_at", models.DateTimeField()),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commissions.ladderversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LevelRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_date", models.DateField()),
                ("end_date", models.DateField()),
                ("effective_at", models.DateTimeField()),
                ("revision", models.PositiveSmallIntegerField()),
                ("measured_at", models.DateTimeField()),
                ("complete_until", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ladder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="commissions.ladder",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="commissions.ladderversion"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="levelresult",
            name="run",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="results",
                to="commissions.levelrun",
            ),
        ),
        migrations.AddConstraint(
            model_name="ladderversion",
            constraint=models.UniqueConstraint(
                fields=("ladder", "effective_date", "published_at"), name="ladder_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="ladderversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("demotion_after__isnull", True), ("demotion_after__gt", 0), _connector="OR"),
                name="ladder_demotion_after_a_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="level",
            constraint=models.UniqueConstraint(fields=("version", "position"), name="level_position_once"),
        ),
        migrations.AddConstraint(
            model_name="level",
            constraint=models.UniqueConstraint(fields=("version", "code"), name="level_code_once"),
        ),
        migrations.AddConstraint(
            model_name="level",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("position", 0),
                        ("min_active_clients__isnull", True),
                        ("min_lots__isnull", True),
                        ("min_net_deposit_usd__isnull", True),
                        ("min_notional_usd__isnull", True),
                    ),
                    models.Q(
                        ("position__gt", 0),
                        models.Q(
                            ("min_active_clients__isnull", True),
                            ("min_lots__isnull", True),
                            ("min_net_deposit_usd__isnull", True),
                            ("min_notional_usd__isnull", True),
                            _negated=True,
                        ),
                    ),
                    _connector="OR",
                ),
                name="level_lowest_asks_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="level",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("keep_percent__isnull", True),
                    models.Q(("keep_percent__gte", 0), ("keep_percent__lte", 100)),
                    _connector="OR",
                ),
                name="level_share_in_range",
            ),
        ),
        migrations.AddField(
            model_name="leveldecision",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="levelexclusion",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (models.F("ib"), "="),
                    (ib.models.Period(models.F("active_from"), models.F("active_to")), "&&"),
                ],
                name="level_exclusion_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="levelexclusion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("active_to__isnull", True), ("active_to__gt", models.F("active_from")), _connector="OR"
                ),
                name="level_exclusion_period_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="levelexclusion",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="level_exclusion_reason_given"
            ),
        ),
        migrations.AddConstraint(
            model_name="levelplacement",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (models.F("ib"), "="),
                    (ib.models.Period(models.F("active_from"), models.F("active_to")), "&&"),
                ],
                name="level_placement_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="levelplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("active_to__isnull", True), ("active_to__gt", models.F("active_from")), _connector="OR"
                ),
                name="level_placement_period_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="levelprogress",
            index=models.Index(fields=["version", "outcome"], name="level_progress_by_outcome"),
        ),
        migrations.AddConstraint(
            model_name="levelrun",
            constraint=models.UniqueConstraint(fields=("ladder", "first_date", "revision"), name="level_run_once"),
        ),
        migrations.AddConstraint(
            model_name="levelrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("end_date__gt", models.F("first_date"))), name="level_run_period_in_order"
            ),
        ),
        migrations.AddIndex(
            model_name="levelresult",
            index=models.Index(
                condition=models.Q(("outcome__in", ("promotion", "demotion"))),
                fields=["run"],
                name="level_result_changes",
            ),
        ),
        migrations.AddConstraint(
            model_name="levelresult",
            constraint=models.UniqueConstraint(fields=("run", "ib"), name="level_result_once"),
        ),
        migrations.RunSQL(WALLS, WALLS_BACK),
    ]
