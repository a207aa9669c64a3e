"""The outbox of account orders: only legal moves, what was asked for never changes, secrets are only wiped."""

from django.db import migrations

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

# The moves are those of trading.operations.enums.OPERATION_MOVES; a test compares both.
WALLS = """
CREATE FUNCTION trading_order_begins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.state <> 'planned' OR NEW.attempts <> 0 OR NEW.fence <> 0 OR NEW.first_sent_at IS NOT NULL THEN
    RAISE EXCEPTION 'an order begins planned'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'account_order_begins_planned', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER account_order_begins BEFORE INSERT ON trading_accountorder
  FOR EACH ROW EXECUTE FUNCTION trading_order_begins();

CREATE FUNCTION trading_order_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.state IN ('confirmed', 'refused') AND
     (to_jsonb(NEW) - 'main_sealed' - 'investor_sealed' - 'revealed_at') IS DISTINCT FROM
     (to_jsonb(OLD) - 'main_sealed' - 'investor_sealed' - 'revealed_at') THEN
    RAISE EXCEPTION 'order % has ended', OLD.token
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_order_ended', TABLE = TG_TABLE_NAME;
  END IF;
  IF NEW.main_sealed NOT IN (OLD.main_sealed, '') OR NEW.investor_sealed NOT IN (OLD.investor_sealed, '')
    OR OLD.revealed_at IS NOT NULL AND NEW.revealed_at IS DISTINCT FROM OLD.revealed_at
    OR NOT OLD.waits_for_approval AND NEW.waits_for_approval THEN
    RAISE EXCEPTION 'secrets of order % are only wiped, and approval is given once', OLD.token
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_order_secret', TABLE = TG_TABLE_NAME;
  END IF;
  IF NEW.state <> OLD.state AND NOT (OLD.state || ' ' || NEW.state) = ANY (ARRAY[
      'planned sending', 'planned refused', 'sending confirmed', 'sending refused', 'sending unknown',
      'sending planned', 'unknown confirmed', 'unknown sending', 'unknown review', 'review confirmed',
      'review refused', 'review unknown'
  ]) THEN
    RAISE EXCEPTION 'an order does not go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'account_order_move_known', TABLE = TG_TABLE_NAME;
  END IF;
  IF NEW.fence < OLD.fence OR NEW.state <> OLD.state AND NEW.fence <> OLD.fence + 1
    OR NEW.attempts <> OLD.attempts + (NEW.state = 'sending' AND OLD.state <> 'sending')::int
    OR OLD.first_sent_at IS NOT NULL AND NEW.first_sent_at IS DISTINCT FROM least(OLD.first_sent_at, NEW.first_sent_at)
  THEN
    RAISE EXCEPTION 'order %: its fence, attempts and first sending only go forward', OLD.token
      USING ERRCODE = 'check_violation', CONSTRAINT = 'account_order_fenced', TABLE = TG_TABLE_NAME;
  END IF;
  IF (NEW.id, NEW.kind, NEW.server_id, NEW.client_id, NEW.account_type_id, NEW.login, NEW.leverage, NEW.agent,
      NEW.token, NEW.idempotency_key, NEW.planned_at, NEW.planned_by)
    IS DISTINCT FROM
     (OLD.id, OLD.kind, OLD.server_id, OLD.client_id, OLD.account_type_id, OLD.login, OLD.leverage, OLD.agent,
      OLD.token, OLD.idempotency_key, OLD.planned_at, OLD.planned_by)
    OR OLD.account_id IS NOT NULL AND NEW.account_id IS DISTINCT FROM OLD.account_id THEN
    RAISE EXCEPTION 'what order % asks for never changes', OLD.token
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_order_frozen', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER account_order_guard BEFORE UPDATE ON trading_accountorder
  FOR EACH ROW EXECUTE FUNCTION trading_order_guard();
CREATE TRIGGER account_order_never_deleted BEFORE DELETE OR TRUNCATE ON trading_accountorder
  FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change();

CREATE FUNCTION trading_order_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.state <> OLD.state THEN
    INSERT INTO trading_accountorderevent
      (order_id, number, state_before, state, at, by, reason, detail, attempt, fence)
    SELECT NEW.id, count(*) + 1, CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.state END, NEW.state, NEW.state_at,
           NEW.state_by, NEW.reason, NEW.detail, NEW.attempts, NEW.fence
    FROM trading_accountorderevent WHERE order_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER account_order_moved AFTER INSERT OR UPDATE ON trading_accountorder
  FOR EACH ROW EXECUTE FUNCTION trading_order_moved();
CREATE TRIGGER account_order_event_by_trigger_only
  BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON trading_accountorderevent
  FOR EACH STATEMENT EXECUTE FUNCTION trading_event_by_trigger_only();
"""
WALLS_BACK = """
DROP TRIGGER account_order_event_by_trigger_only ON trading_accountorderevent;
DROP FUNCTION trading_order_begins() CASCADE;
DROP FUNCTION trading_order_guard() CASCADE;
DROP FUNCTION trading_order_moved() CASCADE;
DROP TRIGGER account_order_never_deleted ON trading_accountorder;
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0007_account_orders")]
    operations = [migrations.RunSQL(PIN + WALLS, WALLS_BACK)]
