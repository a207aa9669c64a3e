"""The history of a message is only added to; the message itself keeps who gets what."""

from typing import ClassVar

from django.db import migrations

WALLS = """
CREATE FUNCTION notifications_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'notifications_append_only', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER message_attempt_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notifications_messageattempt
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_append_only();
CREATE TRIGGER message_never_deleted BEFORE DELETE OR TRUNCATE ON notifications_message
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_append_only();
"""
WALLS_BACK = """
DROP TRIGGER message_never_deleted ON notifications_message;
DROP TRIGGER message_attempt_append_only ON notifications_messageattempt;
DROP FUNCTION notifications_append_only();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("notifications", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(WALLS, WALLS_BACK)]
