"""Statements and payouts."""

import django.contrib.postgres.constraints
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import commissions.settlement.models

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

# The moves are those of commissions.settlement.enums.STATEMENT_MOVES; a test compares both.
WALLS = """
CREATE FUNCTION commissions_statement_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT (OLD.state || ' ' || NEW.state) = ANY (ARRAY[
      'open review', 'open held', 'open approved', 'open paid', 'open carried', 'review approved', 'review held',
      'held review', 'approved held', 'approved waiting_for_transfer', 'approved paid', 'waiting_for_transfer paid'
  ]) THEN
    RAISE EXCEPTION 'a statement does not go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statement_move_known', TABLE = TG_TABLE_NAME;
  END IF;
  IF (NEW.id, NEW.payee_id, NEW.previous_id, NEW.cycle, NEW.from_day, NEW.to_day, NEW.carried_in, NEW.due_in)
      IS DISTINCT FROM
      (OLD.id, OLD.payee_id, OLD.previous_id, OLD.cycle, OLD.from_day, OLD.to_day, OLD.carried_in, OLD.due_in)
    OR OLD.state <> 'open' AND (NEW.closing_id, NEW.cut_at, NEW.lines_total, NEW.lines_deals, NEW.total,
        NEW.carried_out, NEW.paid_before, NEW.payable, NEW.due_out, NEW.minimum, NEW.destination, NEW.mt_account_id)
      IS DISTINCT FROM (OLD.closing_id, OLD.cut_at, OLD.lines_total, OLD.lines_deals, OLD.total,
        OLD.carried_out, OLD.paid_before, OLD.payable, OLD.due_out, OLD.minimum, OLD.destination, OLD.mt_account_id)
  THEN
    RAISE EXCEPTION 'the figures of a statement never change; a correction is a line of a later one'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'commissions_append_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER statement_guard BEFORE UPDATE ON commissions_statement
  FOR EACH ROW EXECUTE FUNCTION commissions_statement_guard();
CREATE TRIGGER statement_never_deleted BEFORE DELETE OR TRUNCATE ON commissions_statement
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();

CREATE FUNCTION commissions_payout_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.state <> 'waiting_for_transfer' OR NEW.state <> 'transferred'
    OR (NEW.id, NEW.statement_id, NEW.number, NEW.amount, NEW.destination, NEW.mt_account_id, NEW.entry_id, NEW.hold_id,
        NEW.paid_at) IS DISTINCT FROM (OLD.id, OLD.statement_id, OLD.number, OLD.amount, OLD.destination,
        OLD.mt_account_id, OLD.entry_id, OLD.hold_id, OLD.paid_at) THEN
    RAISE EXCEPTION 'a payout changes once, when its transfer is done'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'commissions_append_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_guard BEFORE UPDATE ON commissions_payout
  FOR EACH ROW EXECUTE FUNCTION commissions_payout_guard();
CREATE TRIGGER payout_never_deleted BEFORE DELETE OR TRUNCATE ON commissions_payout
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
"""
WALLS_BACK = """
DROP FUNCTION commissions_statement_guard() CASCADE;
DROP FUNCTION commissions_payout_guard() CASCADE;
DROP TRIGGER statement_never_deleted ON commissions_statement;
DROP TRIGGER payout_never_deleted ON commissions_payout;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commissions", "0007_tiers"),
        ("trading", "0003_count_deals"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayoutLimit",
            fields=[
                ("currency", models.CharField(max_length=8, primary_key=True, serialize=False)),
                ("amount", models.DecimalField(decimal_places=8, max_digits=20)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="payout_limit_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "cycle",
                    models.CharField(
                        choices=[
                            ("real_time", "Real time"),
                            ("daily", "Daily"),
                            ("weekly", "Weekly"),
                            ("monthly", "Monthly"),
                        ],
                        max_length=10,
                    ),
                ),
                ("from_day", models.DateField()),
                ("to_day", models.DateField()),
                ("cut_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Running"),
                            ("review", "To be reviewed"),
                            ("held", "On hold"),
                            ("approved", "Approved"),
                            ("waiting_for_transfer", "Waits for the transfer"),
                            ("paid", "Paid"),
                            ("carried", "Carried over"),
                        ],
                        max_length=20,
                    ),
                ),
                ("lines_total", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("lines_deals", models.BigIntegerField(default=0)),
                ("carried_in", models.DecimalField(decimal_places=8, default=0, max_digits=20)),
                ("total", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("carried_out", models.DecimalField(decimal_places=8, default=0, max_digits=20)),
                ("due_in", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("paid_before", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("payable", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("due_out", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("minimum", models.DecimalField(decimal_places=8, default=0, max_digits=20)),
                (
                    "destination",
                    models.CharField(choices=[("wallet", "Wallet"), ("mt_account", "Trading account")], max_length=10),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, default="", max_length=200)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("paid_at", models.DateTimeField(null=True)),
                (
                    "closing",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="commissions.closing",
                    ),
                ),
                (
                    "mt_account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "payee",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="commissions.payee",
                    ),
                ),
                (
                    "previous",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="following",
                        to="commissions.statement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Payout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("amount", models.DecimalField(decimal_places=8, max_digits=38)),
                (
                    "destination",
                    models.CharField(choices=[("wallet", "Wallet"), ("mt_account", "Trading account")], max_length=10),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("paid", "In the wallet"),
                            ("waiting_for_transfer", "Waits for the transfer"),
                            ("transferred", "On the trading account"),
                        ],
                        max_length=20,
                    ),
                ),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("hold_id", models.BigIntegerField(null=True, unique=True)),
                ("paid_at", models.DateTimeField()),
                ("transferred_at", models.DateTimeField(null=True)),
                (
                    "mt_account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.tradingaccount",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payouts", to="commissions.statement"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="statement",
            index=models.Index(fields=["state", "id"], name="statement_in_state"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(fields=("payee", "from_day"), name="statement_once"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (models.F("payee"), "="),
                    (commissions.settlement.models.DayRange(models.F("from_day"), models.F("to_day")), "&&"),
                ],
                name="statement_days_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("to_day__gt", models.F("from_day"))), name="statement_days_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "open"),
                    models.Q(
                        ("cut_at__isnull", False),
                        (
                            "payable",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("total"), "+", models.F("due_in")
                                ),
                                "-",
                                models.F("paid_before"),
                            ),
                        ),
                        (
                            "total",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("lines_total"), "+", models.F("carried_in")
                                ),
                                "-",
                                models.F("carried_out"),
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="statement_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("due_out", 0), ("state", "open")),
                    models.Q(("due_out", models.F("payable")), ("state", "carried")),
                    models.Q(
                        ("due_out", 0),
                        ("payable__gt", 0),
                        ("state__in", ["review", "held", "approved", "waiting_for_transfer"]),
                    ),
                    models.Q(("due_out", 0), ("payable__gte", 0), ("state", "paid")),
                    _connector="OR",
                ),
                name="statement_pays_or_carries",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("destination", "mt_account"), ("mt_account__isnull", False)),
                    models.Q(("destination", "wallet"), ("mt_account__isnull", True)),
                    _connector="OR",
                ),
                name="statement_account_with_its_destination",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.UniqueConstraint(fields=("statement", "number"), name="payout_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("number__gt", 0)), name="payout_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("destination", "wallet"),
                        ("hold_id__isnull", True),
                        ("mt_account__isnull", True),
                        ("state", "paid"),
                    ),
                    models.Q(
                        ("destination", "mt_account"),
                        ("hold_id__isnull", False),
                        ("mt_account__isnull", False),
                        ("state__in", ["waiting_for_transfer", "transferred"]),
                    ),
                    _connector="OR",
                ),
                name="payout_waits_with_its_hold",
            ),
        ),
        migrations.RunSQL(PIN + WALLS, WALLS_BACK),
    ]
