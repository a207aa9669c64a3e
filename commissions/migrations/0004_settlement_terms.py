"""Settlement terms, and the cuts that close days."""

import django.db.models.deletion
from django.db import migrations, models

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

WALLS = """
CREATE FUNCTION commissions_closing_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.closed_until <= (SELECT max(closed_until) FROM commissions_closing WHERE cycle = NEW.cycle) THEN
      RAISE EXCEPTION 'the % cycle is closed until % already', NEW.cycle, NEW.closed_until
        USING ERRCODE = 'check_violation', CONSTRAINT = 'closing_only_forward', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.made_at IS NOT NULL OR (NEW.id, NEW.cycle, NEW.closed_until, NEW.cut_at)
      IS DISTINCT FROM (OLD.id, OLD.cycle, OLD.closed_until, OLD.cut_at) THEN
    RAISE EXCEPTION 'a cut is never changed'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'commissions_append_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER closing_guard BEFORE INSERT OR UPDATE ON commissions_closing
  FOR EACH ROW EXECUTE FUNCTION commissions_closing_guard();
CREATE TRIGGER closing_never_deleted BEFORE DELETE OR TRUNCATE ON commissions_closing
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();

CREATE FUNCTION commissions_settlement_terms_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.effective_day < (SELECT max(closed_until) FROM commissions_closing) THEN
    RAISE EXCEPTION 'settlement terms cannot begin on a day that is closed'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_terms_open_day', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER settlement_terms_guard BEFORE INSERT ON commissions_settlementterms
  FOR EACH ROW EXECUTE FUNCTION commissions_settlement_terms_guard();
CREATE TRIGGER settlement_terms_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_settlementterms
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
"""
WALLS_BACK = """
DROP FUNCTION commissions_closing_guard() CASCADE;
DROP FUNCTION commissions_settlement_terms_guard() CASCADE;
DROP TRIGGER closing_never_deleted ON commissions_closing;
DROP TRIGGER settlement_terms_append_only ON commissions_settlementterms;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commissions", "0003_accounting_days"),
        ("ib", "0002_walls"),
        ("trading", "0003_count_deals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Closing",
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
                ("closed_until", models.DateField()),
                ("cut_at", models.DateTimeField()),
                ("made_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SettlementTerms",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("ib", "IB"), ("client", "Client")], max_length=6)),
                ("effective_day", models.DateField()),
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
                ("minimum", models.DecimalField(decimal_places=8, default=0, max_digits=20)),
                (
                    "destination",
                    models.CharField(
                        choices=[("wallet", "Wallet"), ("mt_account", "Trading account")],
                        default="wallet",
                        max_length=10,
                    ),
                ),
                ("needs_review", models.BooleanField(default=True)),
                ("is_held", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_by", models.CharField(max_length=200)),
            ],
        ),
        migrations.AddIndex(
            model_name="ibday",
            index=models.Index(
                condition=models.Q(("statement_day__gt", models.F("day"))),
                fields=["payee_id", "statement_day"],
                name="ib_day_moved",
            ),
        ),
        migrations.AddConstraint(
            model_name="ibday",
            constraint=models.CheckConstraint(
                condition=models.Q(("statement_day__gte", models.F("day"))), name="ib_day_statement_not_before"
            ),
        ),
        migrations.AddIndex(
            model_name="closing",
            index=models.Index(condition=models.Q(("made_at__isnull", True)), fields=["id"], name="closing_unmade"),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=models.UniqueConstraint(fields=("cycle", "closed_until"), name="closing_once"),
        ),
        migrations.AddField(
            model_name="settlementterms",
            name="ib",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="settlement_terms", to="ib.ib"
            ),
        ),
        migrations.AddField(
            model_name="settlementterms",
            name="mt_account",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trading.tradingaccount"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementterms",
            index=models.Index(fields=["ib", "effective_day"], name="settlement_terms_of_ib"),
        ),
        migrations.AddConstraint(
            model_name="settlementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum__gte", 0)), name="settlement_terms_minimum_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "ib"), ("ib__isnull", True), _connector="OR"),
                name="settlement_terms_client_has_no_ib",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("destination", "mt_account"), ("mt_account__isnull", False)),
                    models.Q(("destination", "wallet"), ("mt_account__isnull", True)),
                    _connector="OR",
                ),
                name="settlement_terms_account_with_its_destination",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cycle", "real_time"), _negated=True), ("needs_review", False), _connector="OR"
                ),
                name="settlement_terms_real_time_unreviewed",
            ),
        ),
        migrations.RunSQL(PIN + WALLS, WALLS_BACK),
    ]
