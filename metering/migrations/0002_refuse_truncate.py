from django.db import migrations

# Triggers of a statement are not handed on to partitions: each needs its own.
GUARD = """
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
UNGUARD = """
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN
        SELECT tgrelid FROM pg_trigger WHERE tgname = 'usage_event_no_truncate'
    LOOP
        EXECUTE format('DROP TRIGGER usage_event_no_truncate ON %s', part);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
