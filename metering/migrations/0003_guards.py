from django.db import migrations

# On the row, so that it guards each partition addressed by its own name too.
APPEND_ONLY = """
CREATE FUNCTION usage_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'usage_event is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_event_append_only BEFORE UPDATE OR DELETE ON usage_event
    FOR EACH ROW EXECUTE FUNCTION usage_event_is_append_only();
"""

# Triggers of a statement are not handed on to partitions: each needs its own.
NO_TRUNCATE = """
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN SELECT relid FROM pg_partition_tree('usage_event') LOOP
        EXECUTE format(
            'CREATE TRIGGER usage_event_no_truncate BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION usage_event_is_append_only()', part);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_triggers")]

    operations = [
        migrations.RunSQL(
            APPEND_ONLY, "DROP FUNCTION usage_event_is_append_only CASCADE"
        ),
        # Taken back with the function above.
        migrations.RunSQL(NO_TRUNCATE, migrations.RunSQL.noop),
    ]
