"""The outbox of balance operations: only legal moves, what was asked for never changes, every move is kept."""

from django.db import migrations

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

# The moves are those of trading.operations.enums.OPERATION_MOVES; a test compares both.
WALLS = """
CREATE FUNCTION trading_operation_begins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.state <> 'planned' OR NEW.attempts <> 0 OR NEW.fence <> 0 OR NEW.first_sent_at IS NOT NULL THEN
    RAISE EXCEPTION 'an operation begins planned'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_operation_begins_planned', TABLE = TG_TABLE_NAME;
  END IF;
  IF NOT EXISTS (SELECT FROM trading_tradingaccount a JOIN trading_mtgroup g ON g.id = a.mt_group_id
      WHERE a.id = NEW.account_id AND a.server_id = NEW.server_id AND g.currency = NEW.currency
        AND g.currency_digits = NEW.digits) THEN
    RAISE EXCEPTION 'an operation is in the currency of its account'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_operation_of_its_account', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER balance_operation_begins BEFORE INSERT ON trading_balanceoperation
  FOR EACH ROW EXECUTE FUNCTION trading_operation_begins();

CREATE FUNCTION trading_operation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.state IN ('confirmed', 'refused') THEN
    RAISE EXCEPTION 'operation % has ended', OLD.ref
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'balance_operation_ended', TABLE = TG_TABLE_NAME;
  END IF;
  IF NEW.state <> OLD.state AND NOT (OLD.state || ' ' || NEW.state) = ANY (ARRAY[
      'planned sending', 'planned refused', 'sending confirmed', 'sending refused', 'sending unknown',
      'sending planned', 'unknown confirmed', 'unknown sending', 'unknown review', 'review confirmed',
      'review refused', 'review unknown'
  ]) THEN
    RAISE EXCEPTION 'an operation does not go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_operation_move_known', TABLE = TG_TABLE_NAME;
  END IF;
  IF NEW.fence < OLD.fence OR NEW.state <> OLD.state AND NEW.fence <> OLD.fence + 1
    OR NEW.attempts <> OLD.attempts + (NEW.state = 'sending' AND OLD.state <> 'sending')::int
    OR OLD.first_sent_at IS NOT NULL AND NEW.first_sent_at IS DISTINCT FROM least(OLD.first_sent_at, NEW.first_sent_at)
  THEN
    RAISE EXCEPTION 'operation %: its fence, attempts and first sending only go forward', OLD.ref
      USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_operation_fenced', TABLE = TG_TABLE_NAME;
  END IF;
  IF (NEW.id, NEW.server_id, NEW.account_id, NEW.kind, NEW.purpose, NEW.amount, NEW.currency, NEW.digits,
      NEW.check_margin, NEW.ref, NEW.note, NEW.idempotency_key, NEW.ledger_account_id, NEW.hold_id, NEW.planned_at,
      NEW.planned_by)
    IS DISTINCT FROM
     (OLD.id, OLD.server_id, OLD.account_id, OLD.kind, OLD.purpose, OLD.amount, OLD.currency, OLD.digits,
      OLD.check_margin, OLD.ref, OLD.note, OLD.idempotency_key, OLD.ledger_account_id, OLD.hold_id, OLD.planned_at,
      OLD.planned_by) THEN
    RAISE EXCEPTION 'what operation % asks for never changes', OLD.ref
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'balance_operation_frozen', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER balance_operation_guard BEFORE UPDATE ON trading_balanceoperation
  FOR EACH ROW EXECUTE FUNCTION trading_operation_guard();
CREATE TRIGGER balance_operation_never_deleted BEFORE DELETE OR TRUNCATE ON trading_balanceoperation
  FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change();

CREATE FUNCTION trading_operation_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.state <> OLD.state THEN
    INSERT INTO trading_operationevent
      (operation_id, number, state_before, state, at, by, reason, detail, attempt, fence)
    SELECT NEW.id, count(*) + 1, CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.state END, NEW.state, NEW.state_at,
           NEW.state_by, NEW.reason, NEW.detail, NEW.attempts, NEW.fence
    FROM trading_operationevent WHERE operation_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER balance_operation_moved AFTER INSERT OR UPDATE ON trading_balanceoperation
  FOR EACH ROW EXECUTE FUNCTION trading_operation_moved();

CREATE FUNCTION trading_event_by_trigger_only() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' OR pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION '% of % is refused: moves write it', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'operation_event_by_trigger_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER operation_event_by_trigger_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON trading_operationevent
  FOR EACH STATEMENT EXECUTE FUNCTION trading_event_by_trigger_only();
"""
WALLS_BACK = """
DROP FUNCTION trading_operation_begins() CASCADE;
DROP FUNCTION trading_operation_guard() CASCADE;
DROP FUNCTION trading_operation_moved() CASCADE;
DROP FUNCTION trading_event_by_trigger_only() CASCADE;
DROP TRIGGER balance_operation_never_deleted ON trading_balanceoperation;
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0005_operations")]
    operations = [migrations.RunSQL(PIN + WALLS, WALLS_BACK)]
