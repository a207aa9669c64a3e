"""A payout that its trading account could not take stays in the wallet."""

from django.db import migrations, models

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""
GUARD = """
CREATE OR REPLACE FUNCTION commissions_payout_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.state <> 'waiting_for_transfer' OR NEW.state NOT IN ({after})
    OR (NEW.id, NEW.statement_id, NEW.number, NEW.amount, NEW.destination, NEW.mt_account_id, NEW.entry_id, NEW.hold_id,
        NEW.paid_at) IS DISTINCT FROM (OLD.id, OLD.statement_id, OLD.number, OLD.amount, OLD.destination,
        OLD.mt_account_id, OLD.entry_id, OLD.hold_id, OLD.paid_at) THEN
    RAISE EXCEPTION 'a payout changes once, when its transfer is done'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'commissions_append_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
"""
CONDITION = models.Q(destination="wallet", state="paid", hold_id__isnull=True, mt_account__isnull=True) | models.Q(
    destination="mt_account",
    state__in=["waiting_for_transfer", "transferred", "kept"],
    hold_id__isnull=False,
    mt_account__isnull=False,
)


class Migration(migrations.Migration):
    dependencies = [("commissions", "0014_delegation")]
    operations = [
        migrations.AlterField(
            model_name="payout",
            name="state",
            field=models.CharField(
                choices=[
                    ("paid", "In the wallet"),
                    ("waiting_for_transfer", "Waits for the transfer"),
                    ("transferred", "On the trading account"),
                    ("kept", "Stays in the wallet"),
                ],
                max_length=20,
            ),
        ),
        migrations.RemoveConstraint(model_name="payout", name="payout_waits_with_its_hold"),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(name="payout_waits_with_its_hold", condition=CONDITION),
        ),
        migrations.RunSQL(PIN + GUARD.format(after="'transferred', 'kept'"), PIN + GUARD.format(after="'transferred'")),
    ]
