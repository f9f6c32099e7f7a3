"""The standard VAT rates of the European Union's members since 2025.

Source: the European Commission's Taxes in Europe Database (TEDB), read 2026-11. Changes in
that time: Slovakia 20 to 23 % on 2025-01-01, Estonia 22 to 24 % on 2025-07-01, Romania 19
to 21 % on 2025-08-01. Later ones, and other countries' rates, are staff's to enter.
"""

from datetime import date
from typing import Any

from django.db import migrations

SINCE = date(2025, 1, 1)
RATES = {
    "AT": 2000, "BE": 2100, "BG": 2000, "CY": 1900, "CZ": 2100, "DE": 1900, "DK": 2500,
    "ES": 2100, "FI": 2550, "FR": 2000, "GR": 2400, "HR": 2500, "HU": 2700, "IE": 2300,
    "IT": 2200, "LT": 2100, "LU": 1700, "LV": 2100, "MT": 1800, "NL": 2100, "PL": 2300,
    "PT": 2300, "SE": 2500, "SI": 2200, "SK": 2300,
}  # fmt: skip
CHANGED = [
    ("EE", 2200, SINCE, date(2025, 7, 1)),
    ("EE", 2400, date(2025, 7, 1), None),
    ("RO", 1900, SINCE, date(2025, 8, 1)),
    ("RO", 2100, date(2025, 8, 1), None),
]


def enter(apps: Any, _schema_editor: Any) -> None:
    tax_rate = apps.get_model("billing", "TaxRate")
    known = [(country, rate, SINCE, None) for country, rate in RATES.items()]
    for country, rate, begin, end in known + CHANGED:
        tax_rate.objects.get_or_create(
            country=country,
            effective_from=begin,
            defaults={"rate_basis_points": rate, "effective_to": end},
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_list_price_book")]

    operations = [migrations.RunPython(enter, migrations.RunPython.noop)]
