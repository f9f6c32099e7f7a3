import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0027_payments_by_card"),
        ("tenants", "0006_restriction"),
    ]

    operations = [
        migrations.CreateModel(
            name="AutoRecharge",
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
                ("is_enabled", models.BooleanField(default=True)),
                ("threshold_nano_usd", models.BigIntegerField()),
                ("amount_cents", models.BigIntegerField()),
                ("monthly_max_cents", models.BigIntegerField()),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="auto_recharge",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_cents__gt", 0),
                            ("monthly_max_cents__gte", models.F("amount_cents")),
                            ("threshold_nano_usd__gte", 0),
                        ),
                        name="auto_recharge_amounts_make_sense",
                    )
                ],
            },
        ),
    ]
