"""The ledger's walls: rules that hold whoever writes, enforced by the database.

Functions run as their owner with a search path pinned to the schema they are created in, temporary
tables last, so they write their own broker's tables only, also after a replay of the template's dump
under another schema name. Plans of trigger statements are kept for the session, and a new broker's
tables have no statistics: hence enable_seqscan off, LATERAL … OFFSET 0, ON CONFLICT and loops, which leave the
planner one way, by index, whatever it believes about sizes. Balances are locked in account order."""

from django.db import migrations

PIN = """
DO $$ BEGIN EXECUTE format('SET LOCAL search_path = %I, pg_temp', current_schema()); END $$;
"""

ACCOUNTS = """
CREATE FUNCTION ledger_minor_digits(currency text) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE
    WHEN currency IN ('BIF','CLP','DJF','GNF','ISK','JPY','KMF','KRW','PYG','RWF','UGX','UYI','VND','VUV','XAF','XOF',
                      'XPF') THEN 0
    WHEN currency IN ('BHD','IQD','JOD','KWD','LYD','OMR','TND') THEN 3
    WHEN currency IN ('CLF','UYW') THEN 4
    WHEN currency IN ('USDT','USDC') THEN 6
    WHEN currency IN ('BTC','ETH') THEN 8
    ELSE 2 END::smallint
$$;

ALTER TABLE ledger_ledgeraccount ADD CONSTRAINT ledger_account_rules_of_kind CHECK (
  (kind, normal_side, allow_negative) IN (
    ('rebate_expense', 'D', true), ('ib_accrued', 'C', true), ('client_accrued', 'C', true), ('wallet', 'C', false),
    ('mt_clearing', 'C', true), ('psp_clearing', 'D', true), ('fx_clearing', 'C', true), ('fee_income', 'C', true),
    ('adjustment', 'D', true)));
ALTER TABLE ledger_ledgeraccount ADD CONSTRAINT ledger_account_decimals_of_kind CHECK (
  decimals = CASE WHEN kind IN ('rebate_expense', 'ib_accrued', 'client_accrued', 'fx_clearing') THEN 8
                  ELSE ledger_minor_digits(currency) END);

CREATE FUNCTION ledger_open_balances() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO ledger_balance (ledger_account_id, normal_side, allow_negative, posted_debit, posted_credit, held, posting_count)
  SELECT id, normal_side, allow_negative, 0, 0, 0, 0 FROM new_rows ORDER BY id;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_account_opens_balance AFTER INSERT ON ledger_ledgeraccount
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_balances();
"""

APPEND_ONLY = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: the ledger is only added to, a mistake is reversed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_append_only', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER ledger_account_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_ledgeraccount
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_journalentry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_posting
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER hold_never_deleted BEFORE DELETE OR TRUNCATE ON ledger_hold
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION ledger_balance_by_trigger_only() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP IN ('DELETE', 'TRUNCATE') OR pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION '% of % is refused: balances follow postings and holds', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'balance_by_trigger_only', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER balance_by_trigger_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ledger_balance
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_balance_by_trigger_only();
ALTER TABLE ledger_balance SET (fillfactor = 50);
"""

ENTRIES = """
CREATE FUNCTION ledger_entry_of_this_transaction() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM new_rows WHERE txid <> pg_current_xact_id()) THEN
    RAISE EXCEPTION 'A journal entry carries the number of its own transaction'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_own_transaction', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER journal_entry_own_transaction AFTER INSERT ON ledger_journalentry
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_of_this_transaction();

-- The posting wall lets an entry's lines in only all at once and only in balance; this sees that they came.
CREATE FUNCTION ledger_entry_whole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger_posting WHERE entry_id = NEW.id) THEN
    RAISE EXCEPTION 'Journal entry % has no postings', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_whole', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_whole AFTER INSERT ON ledger_journalentry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_whole();

CREATE FUNCTION ledger_entry_mirrors() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger_journalentry e WHERE e.id = NEW.reverses_id AND e.reverses_id IS NOT NULL)
     OR (SELECT array_agg((ledger_account_id, side, amount)::text ORDER BY ledger_account_id, side, amount)
         FROM ledger_posting WHERE entry_id = NEW.id)
        IS DISTINCT FROM
        (SELECT array_agg((ledger_account_id, mirrored, amount)::text ORDER BY ledger_account_id, mirrored, amount)
         FROM (SELECT ledger_account_id, CASE side WHEN 'D' THEN 'C' ELSE 'D' END::varchar(1) AS mirrored, amount
               FROM ledger_posting WHERE entry_id = NEW.reverses_id) original) THEN
    RAISE EXCEPTION 'Journal entry % does not exactly mirror entry %', NEW.id, NEW.reverses_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_mirrors', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_mirrors AFTER INSERT ON ledger_journalentry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL)
  EXECUTE FUNCTION ledger_entry_mirrors();
"""

POSTINGS = """
CREATE FUNCTION ledger_posting_wall() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
  broken record;
BEGIN
  SELECT g.entry_id,
         bool_or(g.unknown) AS unknown,
         bool_or(g.fractions) AS fractions,
         min(g.first_line) <> 1 OR max(g.last_line) <> sum(g.lines) AS torn,
         bool_or(e.txid IS DISTINCT FROM pg_current_xact_id()) AS late,
         bool_or(g.difference <> 0) AS crooked
  INTO broken
  FROM (SELECT p.entry_id,
               bool_or(a.id IS NULL) AS unknown,
               bool_or(p.amount <> round(p.amount, a.decimals)) AS fractions,
               min(p.line) AS first_line, max(p.line) AS last_line, count(*) AS lines,
               sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) AS difference
        FROM new_rows p
        LEFT JOIN LATERAL (SELECT * FROM ledger_ledgeraccount WHERE id = p.ledger_account_id OFFSET 0) a ON true
        GROUP BY p.entry_id, a.currency) g
  LEFT JOIN LATERAL (SELECT txid FROM ledger_journalentry WHERE id = g.entry_id OFFSET 0) e ON true
  GROUP BY g.entry_id
  HAVING bool_or(g.unknown) OR bool_or(g.fractions) OR min(g.first_line) <> 1 OR max(g.last_line) <> sum(g.lines)
      OR bool_or(e.txid IS DISTINCT FROM pg_current_xact_id()) OR bool_or(g.difference <> 0)
  LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF broken.late THEN
    RAISE EXCEPTION 'Postings are added only in the transaction of their journal entry, not to entry %', broken.entry_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_with_its_entry', TABLE = TG_TABLE_NAME;
  ELSIF broken.unknown THEN
    RAISE EXCEPTION 'A posting of entry % names a ledger account that does not exist', broken.entry_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_account_exists', TABLE = TG_TABLE_NAME;
  ELSIF broken.fractions THEN
    RAISE EXCEPTION 'A posting of entry % has more decimals than its ledger account', broken.entry_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_decimals', TABLE = TG_TABLE_NAME;
  ELSIF broken.torn THEN
    RAISE EXCEPTION 'The postings of entry % are not written whole by one statement', broken.entry_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_lines_whole', TABLE = TG_TABLE_NAME;
  END IF;
  RAISE EXCEPTION 'The postings of entry % do not sum to zero in each currency', broken.entry_id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_sums_to_zero', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER posting_1_wall AFTER INSERT ON ledger_posting
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_wall();

CREATE FUNCTION ledger_lock_balances(ledger_account_ids bigint[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  PERFORM FROM ledger_balance WHERE ledger_account_id = ANY (ledger_account_ids)
    ORDER BY ledger_account_id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION ledger_move_balances() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  -- Every account has its balance row, so this only updates: by key, in the order of the accounts' ids.
  INSERT INTO ledger_balance AS b
    (ledger_account_id, normal_side, allow_negative, posted_debit, posted_credit, held, posting_count)
  SELECT ledger_account_id, 'C', true, coalesce(sum(amount) FILTER (WHERE side = 'D'), 0),
         coalesce(sum(amount) FILTER (WHERE side = 'C'), 0), 0, count(*)
  FROM new_rows GROUP BY ledger_account_id ORDER BY ledger_account_id
  ON CONFLICT (ledger_account_id) DO UPDATE
  SET posted_debit = b.posted_debit + excluded.posted_debit, posted_credit = b.posted_credit + excluded.posted_credit,
      posting_count = b.posting_count + excluded.posting_count;
  RETURN NULL;
END $$;
CREATE TRIGGER posting_2_moves_balance AFTER INSERT ON ledger_posting
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_move_balances();
"""

HOLDS = """
CREATE FUNCTION ledger_place_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
  move record;
BEGIN
  IF EXISTS (SELECT FROM new_rows h
             LEFT JOIN LATERAL (SELECT * FROM ledger_ledgeraccount WHERE id = h.ledger_account_id OFFSET 0) a ON true
             WHERE h.state <> 'held' OR a.id IS NULL OR h.amount <> round(h.amount, a.decimals)) THEN
    RAISE EXCEPTION 'A hold begins as held, on a ledger account that exists, in its decimals'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_begins_held', TABLE = TG_TABLE_NAME;
  END IF;
  FOR move IN SELECT ledger_account_id, sum(amount) AS amount FROM new_rows
              GROUP BY ledger_account_id ORDER BY ledger_account_id LOOP
    UPDATE ledger_balance SET held = held + move.amount WHERE ledger_account_id = move.ledger_account_id;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER hold_placed_moves_balance AFTER INSERT ON ledger_hold
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_place_holds();

CREATE FUNCTION ledger_guard_hold() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF OLD.state <> 'held' OR NEW.state = 'held'
     OR (NEW.id, NEW.ledger_account_id, NEW.amount, NEW.reason, NEW.idempotency_key, NEW.placed_at, NEW.actor_label)
        IS DISTINCT FROM
        (OLD.id, OLD.ledger_account_id, OLD.amount, OLD.reason, OLD.idempotency_key, OLD.placed_at, OLD.actor_label)
     OR NEW.actor_user_id IS DISTINCT FROM OLD.actor_user_id THEN
    RAISE EXCEPTION 'Hold % is %: a hold is captured or released once and nothing else of it changes', OLD.id, OLD.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_closed_once', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER hold_closed_once BEFORE UPDATE ON ledger_hold
  FOR EACH ROW EXECUTE FUNCTION ledger_guard_hold();

CREATE FUNCTION ledger_close_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
  move record;
BEGIN
  FOR move IN SELECT ledger_account_id, sum(amount) AS amount FROM new_rows
              GROUP BY ledger_account_id ORDER BY ledger_account_id LOOP
    UPDATE ledger_balance SET held = held - move.amount WHERE ledger_account_id = move.ledger_account_id;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER hold_closed_moves_balance AFTER UPDATE ON ledger_hold
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_close_holds();

CREATE FUNCTION ledger_hold_captured_exactly() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM ledger_journalentry e
    JOIN ledger_posting p ON p.entry_id = e.id AND p.ledger_account_id = NEW.ledger_account_id
    JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
    WHERE e.id = NEW.captured_by_id AND e.txid = pg_current_xact_id()
    GROUP BY e.id
    HAVING sum(CASE WHEN p.side = a.normal_side THEN -p.amount ELSE p.amount END) = NEW.amount) THEN
    RAISE EXCEPTION 'Hold % of % is not taken exactly by entry % of the same transaction', NEW.id, NEW.amount, NEW.captured_by_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_captured_exactly', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold_captured_exactly AFTER UPDATE ON ledger_hold
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'captured')
  EXECUTE FUNCTION ledger_hold_captured_exactly();
"""

UNDO = """
ALTER TABLE ledger_ledgeraccount DROP CONSTRAINT ledger_account_rules_of_kind,
  DROP CONSTRAINT ledger_account_decimals_of_kind;
DROP FUNCTION ledger_minor_digits(text), ledger_lock_balances(bigint[]);
DROP FUNCTION ledger_open_balances(), ledger_refuse_change(), ledger_balance_by_trigger_only(),
  ledger_entry_of_this_transaction(), ledger_entry_whole(), ledger_entry_mirrors(), ledger_posting_wall(),
  ledger_move_balances(), ledger_place_holds(), ledger_guard_hold(), ledger_close_holds(),
  ledger_hold_captured_exactly() CASCADE;
ALTER TABLE ledger_balance RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(PIN + ACCOUNTS + APPEND_ONLY + ENTRIES + POSTINGS + HOLDS, UNDO),
    ]
