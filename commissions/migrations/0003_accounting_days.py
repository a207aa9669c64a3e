"""Statement days in place of periods; a batch says where it booked what belongs to closed days."""

from django.db import migrations, models

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

# Nothing was ever settled before this, so every line belongs to its deal's day.
DAYS = """
CREATE TABLE commissions_ibday_by_day AS
  SELECT payee_id, day, day AS statement_day, symbol_group_id, via_ib_id, via_account_id, sum(deals)::integer AS deals,
    sum(amount) AS amount, sum(lots) AS lots
  FROM commissions_ibday GROUP BY payee_id, day, symbol_group_id, via_ib_id, via_account_id;
ALTER TABLE commissions_ibday DISABLE TRIGGER ib_day_never_deleted;
TRUNCATE commissions_ibday;
ALTER TABLE commissions_ibday ENABLE TRIGGER ib_day_never_deleted;
ALTER TABLE commissions_ibday RENAME COLUMN period TO statement_day;
INSERT INTO commissions_ibday (payee_id, day, statement_day, symbol_group_id, via_ib_id, via_account_id, deals, amount,
    lots)
  SELECT * FROM commissions_ibday_by_day;
DROP TABLE commissions_ibday_by_day;
ALTER TABLE commissions_judgement DROP COLUMN period;
ALTER TABLE commissions_judgebatch ADD COLUMN booking_day date;
ALTER TABLE commissions_judgebatch ADD COLUMN closing_id bigint NOT NULL DEFAULT 0;
ALTER TABLE commissions_judgebatch ALTER COLUMN closing_id DROP DEFAULT;
ALTER TABLE commissions_judgebatch DISABLE TRIGGER judge_batch_append_only;
UPDATE commissions_judgebatch SET booking_day = (booked_at AT TIME ZONE 'UTC')::date;
ALTER TABLE commissions_judgebatch ENABLE TRIGGER judge_batch_append_only;
ALTER TABLE commissions_judgebatch ALTER COLUMN booking_day SET NOT NULL;
"""
DAYS_BACK = """
ALTER TABLE commissions_ibday RENAME COLUMN statement_day TO period;
ALTER TABLE commissions_judgement ADD COLUMN period date;
ALTER TABLE commissions_judgement DISABLE TRIGGER judgement_append_only;
UPDATE commissions_judgement SET period = date_trunc('month', day)::date;
ALTER TABLE commissions_judgement ENABLE TRIGGER judgement_append_only;
ALTER TABLE commissions_judgement ALTER COLUMN period SET NOT NULL;
ALTER TABLE commissions_judgebatch DROP COLUMN booking_day, DROP COLUMN closing_id;
"""


class Migration(migrations.Migration):
    dependencies = [("commissions", "0002_walls")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PIN + DAYS, PIN + DAYS_BACK)],
            state_operations=[
                migrations.RemoveField("judgement", "period"),
                migrations.AddField("judgebatch", "booking_day", models.DateField()),
                migrations.AddField("judgebatch", "closing_id", models.BigIntegerField(default=0)),
                migrations.RemoveField("ibday", "pk"),
                migrations.RenameField("ibday", "period", "statement_day"),
                migrations.AddField(
                    "ibday",
                    "pk",
                    models.CompositePrimaryKey(
                        "payee_id",
                        "day",
                        "statement_day",
                        "symbol_group_id",
                        "via_ib_id",
                        "via_account_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
            ],
        ),
    ]
