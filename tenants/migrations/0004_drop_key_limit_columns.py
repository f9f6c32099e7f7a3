from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_move_key_limits")]

    operations = [
        migrations.RemoveConstraint(
            model_name="apikey",
            name="api_key_requests_per_minute_positive",
        ),
        migrations.RemoveConstraint(
            model_name="apikey",
            name="api_key_tokens_per_minute_positive",
        ),
        migrations.RemoveField(
            model_name="apikey",
            name="requests_per_minute",
        ),
        migrations.RemoveField(
            model_name="apikey",
            name="tokens_per_minute",
        ),
    ]
