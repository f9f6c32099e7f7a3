import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_guards_of_documents"),
        ("tenants", "0005_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceBook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("is_list", models.BooleanField(default=False)),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("created_at", models.DateTimeField()),
                (
                    "tenant",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="price_book",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_list", True)),
                        fields=("is_list",),
                        name="price_list_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_list", False),
                            ("tenant__isnull", True),
                            _connector="OR",
                        ),
                        name="price_list_is_for_anybody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency", "USD")),
                        name="price_book_in_usd",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pricebook",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'a price book never changes: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b3cae50fbee2dfde5bac08741a79611e4fce34ab",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_1c834",
                    table="billing_pricebook",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="pricebook",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="3f8c3da89bed66eac4b14ab9e4ebc7740390bd2a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_0484c",
                    table="billing_pricebook",
                    when="BEFORE",
                ),
            ),
        ),
    ]
