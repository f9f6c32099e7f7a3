from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields.ranges import DateTimeRangeField
from django.db import migrations, models

# A price version never changes, not even for a migration: so each is given the list by
# the default of the column, which goes at once.
ADD_BOOK = """
DO $$
BEGIN
    EXECUTE format(
        'ALTER TABLE billing_priceversion'
        ' ADD COLUMN price_book_id bigint NOT NULL DEFAULT %s'
        ' CONSTRAINT billing_priceversion_price_book_id_fk'
        ' REFERENCES billing_pricebook (id) DEFERRABLE INITIALLY DEFERRED',
        (SELECT id FROM billing_pricebook WHERE is_list)
    );
END $$;
ALTER TABLE billing_priceversion ALTER COLUMN price_book_id DROP DEFAULT;
CREATE INDEX billing_priceversion_price_book_id
    ON billing_priceversion (price_book_id);
"""
DROP_BOOK = "ALTER TABLE billing_priceversion DROP COLUMN price_book_id"


def _no_overlap(*same: str) -> ExclusionConstraint:
    span = models.Func(
        models.F("effective_from"),
        models.F("effective_to"),
        function="TSTZRANGE",
        output_field=DateTimeRangeField(),
    )
    return ExclusionConstraint(
        name="price_versions_do_not_overlap",
        expressions=[*((name, "=") for name in same), (span, "&&")],
    )


class Migration(migrations.Migration):
    """Taken back only while no book but the list has prices: else they overlap."""

    dependencies = [("billing", "0012_list_price_book")]

    operations = [
        migrations.RemoveConstraint("priceversion", "price_versions_do_not_overlap"),
        migrations.RunSQL(
            ADD_BOOK,
            DROP_BOOK,
            state_operations=[
                migrations.AddField(
                    "priceversion",
                    "price_book",
                    models.ForeignKey(
                        on_delete=models.PROTECT,
                        related_name="price_versions",
                        to="billing.pricebook",
                    ),
                )
            ],
        ),
        migrations.AddField(
            "priceversion",
            "pricings_document",
            models.JSONField(blank=True, default=dict),
        ),
        migrations.AddConstraint(
            "priceversion", _no_overlap("price_book", "served_model")
        ),
    ]
