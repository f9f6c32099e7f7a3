from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_restriction"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="budget",
            name="budget_amount_in_range",
        ),
        migrations.RemoveConstraint(
            model_name="spendlimit",
            name="spend_limit_amount_in_range",
        ),
        migrations.RenameField(
            model_name="budget",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="spendlimit",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_nanos__gt", 0), ("amount_nanos__lte", 9007199254740991)
                ),
                name="budget_amount_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="spendlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_nanos__gt", 0), ("amount_nanos__lte", 9007199254740991)
                ),
                name="spend_limit_amount_in_range",
            ),
        ),
    ]
