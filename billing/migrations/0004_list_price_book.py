from django.db import migrations

MAKE_LIST = """
INSERT INTO billing_pricebook (name, is_list, currency, created_at)
    VALUES ('list', true, 'USD', now())
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_guards")]

    # Taken back by dropping the table: a price book is never deleted.
    operations = [migrations.RunSQL(MAKE_LIST, migrations.RunSQL.noop)]
