"""Deals and rates are added to, never changed: the database refuses anything else, also to the tables' owner."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION trading_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION trading_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change();
"""
UNDO = """
DROP TRIGGER {table}_append_only ON {table};
DROP TRIGGER {table}_no_truncate ON {table};
"""
TABLES = ("trading_deal", "trading_fxrate")


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION trading_refuse_change()"),
        *(migrations.RunSQL(TRIGGER.format(table=table), UNDO.format(table=table)) for table in TABLES),
    ]
