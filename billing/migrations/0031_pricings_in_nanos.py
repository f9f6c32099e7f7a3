from django.db import migrations

# A price version never changes; the names in its document do, this once.
RENAME = """
ALTER TABLE billing_priceversion DISABLE TRIGGER USER;
UPDATE billing_priceversion
    SET pricings_document = replace(pricings_document::text, '{}', '{}')::jsonb
    WHERE pricings_document <> '{{}}';
ALTER TABLE billing_priceversion ENABLE TRIGGER USER;
"""
OLD, NEW = "_nano_usd", "_nanos"


class Migration(migrations.Migration):
    dependencies = [("billing", "0030_money_in_nanos")]

    operations = [
        migrations.RunSQL(RENAME.format(OLD, NEW), RENAME.format(NEW, OLD)),
    ]
