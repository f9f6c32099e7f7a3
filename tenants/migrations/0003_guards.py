from django.db import migrations

# A row and what it belongs to are of the same tenant: Django cannot declare such a key.
UNIQUE = """
ALTER TABLE tenants_project
    ADD CONSTRAINT project_id_with_tenant UNIQUE (id, tenant_id);
ALTER TABLE tenants_apikey
    ADD CONSTRAINT api_key_id_with_tenant UNIQUE (id, tenant_id);
"""
NOT_UNIQUE = """
ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_id_with_tenant;
ALTER TABLE tenants_project DROP CONSTRAINT project_id_with_tenant;
"""
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, tenant_id) REFERENCES {parent} (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""
KEYS = (
    (
        "tenants_apikey",
        "api_key_tenant_is_the_projects",
        "project_id",
        "tenants_project",
    ),
    *(
        (table, f"{table}_{what}_is_the_tenants", column, parent)
        for table in ("tenants_ratelimit", "tenants_spendlimit", "tenants_budget")
        for what, column, parent in (
            ("key", "api_key_id", "tenants_apikey"),
            ("project", "project_id", "tenants_project"),
        )
    ),
)


def _same_tenant(table: str, name: str, column: str, parent: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        SAME_TENANT.format(table=table, name=name, column=column, parent=parent),
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_triggers")]

    operations = [
        migrations.RunSQL(UNIQUE, NOT_UNIQUE),
        *(_same_tenant(*key) for key in KEYS),
        migrations.RunSQL(
            "CREATE SEQUENCE tenants_snapshot_version",
            "DROP SEQUENCE tenants_snapshot_version",
        ),
    ]
