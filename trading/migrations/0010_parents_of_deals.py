"""The server, account and symbol of stored deals are checked once for all rows of a statement.

A foreign key asks for each row; three of them cost more than storing the row with all of its indexes (decision 0023).
The check is stricter: account and symbol must be of the deal's own server. Their rows cannot go while deals name them."""

from django.db import migrations, models

CHECK = """
CREATE FUNCTION trading_deal_has_parents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE orphan bigint;
BEGIN
    -- EXECUTE plans anew: one live deal and a hundred thousand of a first read need different plans
    EXECUTE 'SELECT f.ticket FROM fresh f
        LEFT JOIN trading_tradingaccount a ON a.id = f.account_id AND a.server_id = f.server_id
        LEFT JOIN trading_symbol s ON s.id = f.symbol_id AND s.server_id = f.server_id
        WHERE a.id IS NULL OR (f.symbol_id IS NOT NULL AND s.id IS NULL) LIMIT 1' INTO orphan;
    IF orphan IS NOT NULL THEN
        RAISE EXCEPTION 'deal % names an account or a symbol that its server does not have', orphan
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'deal_has_parents', TABLE = 'trading_deal';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deal_has_parents AFTER INSERT ON trading_deal REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION trading_deal_has_parents();
CREATE FUNCTION trading_keep_parent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE has_deals boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM trading_deal WHERE %I = $1)', TG_ARGV[0]) INTO has_deals USING OLD.id;
    IF has_deals THEN
        RAISE EXCEPTION 'deals name row % of %', OLD.id, TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER account_of_deals_stays BEFORE DELETE ON trading_tradingaccount
    FOR EACH ROW EXECUTE FUNCTION trading_keep_parent('account_id');
CREATE TRIGGER symbol_of_deals_stays BEFORE DELETE ON trading_symbol
    FOR EACH ROW EXECUTE FUNCTION trading_keep_parent('symbol_id');
CREATE TRIGGER account_keeps_its_server BEFORE UPDATE OF id, server_id ON trading_tradingaccount
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.server_id <> NEW.server_id)
    EXECUTE FUNCTION trading_refuse_change();
CREATE TRIGGER symbol_keeps_its_server BEFORE UPDATE OF id, server_id ON trading_symbol
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.server_id <> NEW.server_id)
    EXECUTE FUNCTION trading_refuse_change();
"""
UNDO = """
DROP TRIGGER symbol_keeps_its_server ON trading_symbol;
DROP TRIGGER account_keeps_its_server ON trading_tradingaccount;
DROP TRIGGER symbol_of_deals_stays ON trading_symbol;
DROP TRIGGER account_of_deals_stays ON trading_tradingaccount;
DROP FUNCTION trading_keep_parent() CASCADE;
DROP FUNCTION trading_deal_has_parents() CASCADE;
"""


def _parent(field: str, model: str, **more: bool) -> migrations.AlterField:
    key = models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=models.PROTECT, related_name="deals", to=model, **more
    )
    return migrations.AlterField("deal", field, key)


class Migration(migrations.Migration):
    dependencies = [("trading", "0009_login_text")]
    operations = [
        _parent("server", "mt4bridge.mtserver"),
        _parent("account", "trading.tradingaccount"),
        _parent("symbol", "trading.symbol", null=True),
        migrations.RunSQL(CHECK, UNDO),
    ]
