from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0009_roles"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="is_of_playground",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("is_of_playground", True), ("revoked_at__isnull", True)
                ),
                fields=("project", "created_by"),
                name="api_key_one_of_playground",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_of_playground", False),
                    ("expires_at__isnull", False),
                    _connector="OR",
                ),
                name="api_key_of_playground_expires",
            ),
        ),
    ]
