import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models
from django.db.models import Q

CODES = tuple(
    # In the order of `tenants/domain/currency.py` on the day of this migration.
    code
    for codes in (
        "USD EUR GBP CHF CAD AUD NZD SGD HKD SEK",
        "NOK DKK PLN CZK RON ILS INR BRL MXN ZAR",
    )
    for code in codes.split()
)
CHOSEN = ("coupon", "plan")
"""Of these people choose it; the others have it from what they belong to."""
COPIED = ("creditnote", "invoice", "ledgeraccount", "payment", "subscription")

# What a row is in is what its tenant, plan or book is in. So a tenant that has any such
# row keeps its currency: an update of the key it refers to is refused.
KEYS = (
    ("billing_pricebook", "tenant_id", "tenants_tenant"),
    ("billing_ledgeraccount", "tenant_id", "tenants_tenant"),
    ("billing_invoice", "tenant_id", "tenants_tenant"),
    ("billing_creditnote", "tenant_id", "tenants_tenant"),
    ("billing_payment", "tenant_id", "tenants_tenant"),
    ("billing_subscription", "tenant_id", "tenants_tenant"),
    ("billing_subscription", "plan_id", "billing_plan"),
    ("billing_plan", "price_book_id", "billing_pricebook"),
)
SAME_CURRENCY = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, currency) REFERENCES {parent} (id, currency)
    DEFERRABLE INITIALLY DEFERRED
"""


def _same_currency(table: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{table}_{column}_currency"
    return migrations.RunSQL(
        SAME_CURRENCY.format(table=table, name=name, column=column, parent=parent),
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def _copied() -> "models.CharField[str, str]":
    return models.CharField(max_length=3, default="USD", db_default="USD")


def _chosen() -> "models.CharField[str, str]":
    return models.CharField(
        max_length=3,
        choices=[(code, code) for code in CODES],
        default="USD",
        db_default="USD",
    )


def _known(model: str, name: str) -> migrations.AddConstraint:
    condition = Q(currency__in=CODES)
    return migrations.AddConstraint(
        model, models.CheckConstraint(condition=condition, name=name)
    )


def _of_currency(model: str, name: str) -> migrations.AddConstraint:
    return migrations.AddConstraint(
        model, models.UniqueConstraint(fields=["id", "currency"], name=name)
    )


class Migration(migrations.Migration):
    """Taken back only while nothing is in another currency than US dollars."""

    dependencies = [
        ("billing", "0031_pricings_in_nanos"),
        ("tenants", "0008_currency"),
    ]

    operations = [
        migrations.RemoveConstraint("pricebook", "price_list_once"),
        migrations.RemoveConstraint("pricebook", "price_book_in_usd"),
        *(migrations.AddField(model, "currency", _chosen()) for model in CHOSEN),
        *(migrations.AddField(model, "currency", _copied()) for model in COPIED),
        migrations.AlterField(
            "pricebook",
            "currency",
            models.CharField(
                max_length=3, choices=[(code, code) for code in CODES], default="USD"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="couponredemption",
            trigger=pgtrigger.compiler.Trigger(
                name="in_the_tenants_currency",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_coupon c, tenants_tenant t\n    WHERE c.id = NEW.coupon_id AND t.id = NEW.tenant_id\n        AND c.amount_cents > 0 AND c.currency <> t.currency)\nTHEN\n    RAISE EXCEPTION 'coupon % is of another currency', NEW.coupon_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="510f6ecda33a55515a6deacd1cced5ff1badefba",
                    operation="INSERT",
                    pgid="pgtrigger_in_the_tenants_currency_ca04c",
                    table="billing_couponredemption",
                    when="BEFORE",
                ),
            ),
        ),
        _known("coupon", "coupon_currency_known"),
        _known("plan", "plan_currency_known"),
        _known("pricebook", "price_book_currency_known"),
        _of_currency("plan", "plan_of_currency"),
        _of_currency("pricebook", "price_book_of_currency"),
        migrations.AddConstraint(
            "pricebook",
            models.UniqueConstraint(
                fields=["currency"],
                condition=Q(is_list=True),
                name="price_list_once",
            ),
        ),
        *(_same_currency(*key) for key in KEYS),
    ]
