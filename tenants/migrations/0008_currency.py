from django.db import migrations, models

CODES = [
    "USD",
    "EUR",
    "GBP",
    "CHF",
    "CAD",
    "AUD",
    "NZD",
    "SGD",
    "HKD",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "RON",
    "ILS",
    "INR",
    "BRL",
    "MXN",
    "ZAR",
]


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_money_in_nanos")]

    operations = [
        migrations.AddField(
            "tenant",
            "currency",
            models.CharField(
                choices=[(code, code) for code in CODES],
                db_default="USD",
                default="USD",
                max_length=3,
            ),
        ),
        migrations.AddConstraint(
            "tenant",
            models.CheckConstraint(
                condition=models.Q(currency__in=tuple(CODES)),
                name="tenant_currency_known",
            ),
        ),
        migrations.AddConstraint(
            "tenant",
            models.UniqueConstraint(
                fields=["id", "currency"], name="tenant_of_currency"
            ),
        ),
    ]
