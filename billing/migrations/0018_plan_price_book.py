import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_eu_vat_rates")]

    operations = [
        migrations.AddField(
            "plan",
            "price_book",
            models.ForeignKey(
                blank=True,
                limit_choices_to={"tenant__isnull": True},
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="plans",
                to="billing.pricebook",
            ),
        )
    ]
