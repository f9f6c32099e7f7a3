from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0005_cached_prompts"),
        ("tenants", "0005_retention"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="cachedpromptplacement",
            name="cached_prompt_placement_tier",
        ),
        migrations.RemoveConstraint(
            model_name="enginecapacity",
            name="engine_capacity_tier",
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(("tier__in", ["hbm", "host", "disk"])),
                name="cached_prompt_placement_tier",
            ),
        ),
        migrations.AddConstraint(
            model_name="enginecapacity",
            constraint=models.CheckConstraint(
                condition=models.Q(("tier__in", ["hbm", "host", "disk"])),
                name="engine_capacity_tier",
            ),
        ),
    ]
