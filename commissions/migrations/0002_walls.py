"""History stays as it is: append-only triggers, equal lengths of a judgement's arrays, and room for updates in IbDay."""

from django.db import migrations

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

STATE = "INSERT INTO commissions_planstate (id, version) VALUES (1, 0);"

APPEND_ONLY = """
CREATE FUNCTION commissions_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what was judged and published stays, a change is a new row', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'commissions_append_only', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER judgement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_judgement
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER judge_batch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_judgebatch
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER plan_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_planversion
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER rate_row_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_raterow
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER plan_change_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_planchange
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER payee_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commissions_payee
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
CREATE TRIGGER ib_day_never_deleted BEFORE DELETE OR TRUNCATE ON commissions_ibday
  FOR EACH STATEMENT EXECUTE FUNCTION commissions_refuse_change();
"""

ARRAYS = """
ALTER TABLE commissions_judgement ADD CONSTRAINT judgement_equal_lengths CHECK (
  cardinality(verdict) = cardinality(payee) AND cardinality(rate_row) = cardinality(payee)
  AND cardinality(amount_e8) = cardinality(payee)
  AND (booked_e8 IS NULL OR cardinality(booked_e8) = cardinality(payee))
  AND levels BETWEEN 0 AND cardinality(payee));
ALTER TABLE commissions_ibday SET (fillfactor = 50);
"""

BACK = """
ALTER TABLE commissions_judgement DROP CONSTRAINT judgement_equal_lengths;
ALTER TABLE commissions_ibday RESET (fillfactor);
DROP FUNCTION commissions_refuse_change() CASCADE;
DELETE FROM commissions_planstate;
"""


class Migration(migrations.Migration):
    dependencies = [("commissions", "0001_initial")]

    operations = [migrations.RunSQL(PIN + STATE + APPEND_ONLY + ARRAYS, BACK)]
