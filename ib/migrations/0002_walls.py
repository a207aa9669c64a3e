"""The walls around the network: one lock, no cycle at any moment, no change of the tree past the service.

A plan made while a table was empty is kept by the session; enable_seqscan off keeps it on the indexes."""

from typing import ClassVar

from django.db import migrations

LOCK = """
CREATE SEQUENCE ib_tree_id_seq AS integer;
INSERT INTO ib_networkstate (id, version) VALUES (1, 0);
-- Advisory locks are shared by a whole database, so the broker's schema is part of the key.
CREATE FUNCTION ib_network_lock() RETURNS void LANGUAGE sql AS
    $$ SELECT pg_advisory_xact_lock(hashtextextended(current_schema()::text || '|ib.network', 0)) $$;
"""
LOCK_BACK = "DROP FUNCTION ib_network_lock(); DROP SEQUENCE ib_tree_id_seq;"

TREE_GUARD = """
CREATE FUNCTION ib_tree_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('keel.ib_tree_writer', true), '') <> 'on' THEN
        RAISE EXCEPTION 'the IB tree is changed by ib.services only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ib_tree_guard';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ib_tree_guard_update BEFORE UPDATE ON ib_ib FOR EACH ROW
    WHEN ((OLD.id, OLD.parent_id, OLD.lft, OLD.rght, OLD.tree_id, OLD.level)
          IS DISTINCT FROM (NEW.id, NEW.parent_id, NEW.lft, NEW.rght, NEW.tree_id, NEW.level))
    EXECUTE FUNCTION ib_tree_guard();
CREATE TRIGGER ib_tree_guard_write BEFORE INSERT OR DELETE OR TRUNCATE ON ib_ib
    FOR EACH STATEMENT EXECUTE FUNCTION ib_tree_guard();
"""
TREE_GUARD_BACK = """
DROP TRIGGER ib_tree_guard_update ON ib_ib;
DROP TRIGGER ib_tree_guard_write ON ib_ib;
DROP FUNCTION ib_tree_guard();
"""

# Deferred: django-mptt writes numbers first and the parent after them.
TREE_WHOLE = """
CREATE FUNCTION ib_tree_whole() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    PERFORM ib_network_lock();
    IF EXISTS (
        SELECT 1 FROM ib_ib i LEFT JOIN ib_ib p ON p.id = i.parent_id
        WHERE i.id = NEW.id AND NOT CASE
            WHEN i.parent_id IS NULL THEN i.level = 0 AND i.lft = 1
            ELSE i.tree_id = p.tree_id AND i.level = p.level + 1 AND i.lft > p.lft AND i.rght < p.rght
        END
    ) THEN
        RAISE EXCEPTION 'the tree numbers of IB % do not fit its parent', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ib_tree_whole';
    END IF;
    IF EXISTS (
        WITH RECURSIVE up(node) AS (
            SELECT parent_id FROM ib_ib WHERE id = NEW.id
            UNION
            SELECT i.parent_id FROM up JOIN ib_ib i ON i.id = up.node
        )
        SELECT 1 FROM up WHERE node = NEW.id
    ) THEN
        RAISE EXCEPTION 'IB % would stand below itself', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ib_tree_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ib_tree_whole_insert AFTER INSERT ON ib_ib DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ib_tree_whole();
CREATE CONSTRAINT TRIGGER ib_tree_whole_update AFTER UPDATE ON ib_ib DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.parent_id, OLD.tree_id, OLD.level) IS DISTINCT FROM (NEW.parent_id, NEW.tree_id, NEW.level))
    EXECUTE FUNCTION ib_tree_whole();
"""
TREE_WHOLE_BACK = """
DROP TRIGGER ib_tree_whole_insert ON ib_ib;
DROP TRIGGER ib_tree_whole_update ON ib_ib;
DROP FUNCTION ib_tree_whole();
"""

# Walk up from the new link; `during` is the part of its period in which the path so far exists.
LINK_NO_CYCLE = """
CREATE FUNCTION ib_link_no_cycle() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    PERFORM ib_network_lock();
    IF EXISTS (
        WITH RECURSIVE up(node, during) AS (
            SELECT parent_id, tstzrange(active_from, active_to) FROM ib_iblink WHERE id = NEW.id
            UNION
            SELECT l.parent_id, up.during * tstzrange(l.active_from, l.active_to)
            FROM up JOIN ib_iblink l
                ON l.ib_id = up.node AND tstzrange(l.active_from, l.active_to) && up.during
            WHERE up.node <> NEW.ib_id
        )
        SELECT 1 FROM up WHERE node = NEW.ib_id
    ) THEN
        RAISE EXCEPTION 'IB % would stand below itself at some moment', NEW.ib_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ib_link_no_cycle';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ib_link_no_cycle AFTER INSERT OR UPDATE ON ib_iblink DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION ib_link_no_cycle();
"""
LINK_NO_CYCLE_BACK = "DROP TRIGGER ib_link_no_cycle ON ib_iblink; DROP FUNCTION ib_link_no_cycle();"

CHANGE_APPEND_ONLY = """
CREATE FUNCTION ib_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'network_change_append_only';
END $$;
CREATE TRIGGER network_change_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ib_networkchange
    FOR EACH STATEMENT EXECUTE FUNCTION ib_append_only();
"""
CHANGE_APPEND_ONLY_BACK = "DROP TRIGGER network_change_append_only ON ib_networkchange; DROP FUNCTION ib_append_only();"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ib", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL(LOCK, LOCK_BACK),
        migrations.RunSQL(TREE_GUARD, TREE_GUARD_BACK),
        migrations.RunSQL(TREE_WHOLE, TREE_WHOLE_BACK),
        migrations.RunSQL(LINK_NO_CYCLE, LINK_NO_CYCLE_BACK),
        migrations.RunSQL(CHANGE_APPEND_ONLY, CHANGE_APPEND_ONLY_BACK),
    ]
