"""The audit trail is only added to; an approval changes once, by its decision."""

from typing import ClassVar

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION access_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_append_only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION access_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER audit_append_only ON access_auditevent;
DROP FUNCTION access_append_only();
"""

ONE_DECISION = """
CREATE FUNCTION access_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'requested' AND NEW.state <> 'requested'
        AND (NEW.id, NEW.action, NEW.object_type, NEW.object_id, NEW.payload, NEW.reason,
             NEW.requested_by_id, NEW.requested_at, NEW.expires_at)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.action, OLD.object_type, OLD.object_id, OLD.payload, OLD.reason,
             OLD.requested_by_id, OLD.requested_at, OLD.expires_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an approval changes once, by its decision'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_one_decision';
END $$;
CREATE TRIGGER approval_one_decision BEFORE UPDATE OR DELETE ON access_approval
    FOR EACH ROW EXECUTE FUNCTION access_approval_guard();
CREATE TRIGGER approval_never_emptied BEFORE TRUNCATE ON access_approval
    FOR EACH STATEMENT EXECUTE FUNCTION access_append_only();
"""
ONE_DECISION_BACK = """
DROP TRIGGER approval_never_emptied ON access_approval;
DROP TRIGGER approval_one_decision ON access_approval;
DROP FUNCTION access_approval_guard();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("access", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(ONE_DECISION, ONE_DECISION_BACK),
    ]
