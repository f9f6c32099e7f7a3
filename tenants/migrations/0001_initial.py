import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tenant",
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
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(unique=True)),
                ("cache_salt", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("is_prepaid", models.BooleanField(default=False)),
                ("are_cached_tokens_limited", models.BooleanField(default=False)),
                ("refuses_without_limiter", models.BooleanField(default=False)),
                (
                    "restriction",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("warned", "Warned"),
                            ("no_new_keys", "No New Keys"),
                            ("no_calls", "No Calls"),
                        ],
                        db_default="none",
                        default="none",
                        max_length=16,
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[
                            ("USD", "USD"),
                            ("EUR", "EUR"),
                            ("GBP", "GBP"),
                            ("CHF", "CHF"),
                            ("CAD", "CAD"),
                            ("AUD", "AUD"),
                            ("NZD", "NZD"),
                            ("SGD", "SGD"),
                            ("HKD", "HKD"),
                            ("SEK", "SEK"),
                            ("NOK", "NOK"),
                            ("DKK", "DKK"),
                            ("PLN", "PLN"),
                            ("CZK", "CZK"),
                            ("RON", "RON"),
                            ("ILS", "ILS"),
                            ("INR", "INR"),
                            ("BRL", "BRL"),
                            ("MXN", "MXN"),
                            ("ZAR", "ZAR"),
                        ],
                        db_default="USD",
                        default="USD",
                        max_length=3,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "currency__in",
                                (
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
                                ),
                            )
                        ),
                        name="tenant_currency_known",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "currency"), name="tenant_of_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "restriction__in",
                                ["none", "warned", "no_new_keys", "no_calls"],
                            )
                        ),
                        name="tenant_restriction_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
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
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="last login"
                    ),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "first_name",
                    models.CharField(
                        blank=True, max_length=150, verbose_name="first name"
                    ),
                ),
                (
                    "last_name",
                    models.CharField(
                        blank=True, max_length=150, verbose_name="last name"
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="date joined"
                    ),
                ),
                ("email", models.EmailField(max_length=254, unique=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="user_email_lower_case",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "user"),
                            ("key", "key"),
                            ("staff", "staff"),
                            ("system", "system"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(max_length=254)),
                ("action", models.CharField(max_length=60)),
                ("about_id", models.CharField(max_length=40)),
                ("words", models.CharField(max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant", "-id"], name="audit_entry_newest")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("actor_kind__in", ["user", "key", "staff", "system"])
                        ),
                        name="audit_entry_actor_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action__regex", "^[a-z_]+\\.[a-z_]+$")),
                        name="audit_entry_action_shape",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Project",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="projects",
                        to="tenants.tenant",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField()),
                (
                    "kv_timeout_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        verbose_name="lease conversations for, seconds",
                    ),
                ),
                (
                    "kv_tier",
                    models.CharField(
                        choices=[("auto", "auto"), ("hbm", "hbm"), ("host", "host")],
                        default="auto",
                        max_length=8,
                        verbose_name="lease in",
                    ),
                ),
                (
                    "kv_on_full",
                    models.CharField(
                        choices=[("degrade", "degrade"), ("fail", "fail")],
                        default="degrade",
                        max_length=8,
                        verbose_name="without room",
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("honours_cache_hints", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "name"), name="project_name_once_per_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kv_timeout_seconds__isnull", True),
                            models.Q(
                                ("kv_timeout_seconds__gt", 0),
                                ("kv_timeout_seconds__lte", 86400),
                            ),
                            _connector="OR",
                        ),
                        name="project_kv_timeout_within_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kv_tier__in", ["auto", "hbm", "host"])),
                        name="project_kv_tier_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kv_on_full__in", ["degrade", "fail"])),
                        name="project_kv_on_full_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="tenants.tenant",
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "owner"),
                            ("admin", "admin"),
                            ("developer", "developer"),
                            ("billing", "billing"),
                            ("viewer", "viewer"),
                        ],
                        max_length=16,
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("accepted_at__isnull", True), ("revoked_at__isnull", True)
                        ),
                        fields=("tenant", "email"),
                        name="invitation_one_open_per_address",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="invitation_email_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                ["owner", "admin", "developer", "billing", "viewer"],
                            )
                        ),
                        name="invitation_role_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("accepted_at__isnull", True),
                            ("revoked_at__isnull", True),
                            _connector="OR",
                        ),
                        name="invitation_ends_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Member",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "owner"),
                            ("admin", "admin"),
                            ("developer", "developer"),
                            ("billing", "billing"),
                            ("viewer", "viewer"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "user"), name="member_once_per_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                ["owner", "admin", "developer", "billing", "viewer"],
                            )
                        ),
                        name="member_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("query", models.CharField(blank=True, max_length=1000)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "user", "name"),
                        name="saved_view_once_per_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to="tenants.project",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(max_length=12)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "allowed_models",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        null=True,
                        size=None,
                    ),
                ),
                (
                    "is_of_playground",
                    models.BooleanField(db_default=False, default=False),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("is_of_playground", True), ("revoked_at__isnull", True)
                        ),
                        fields=("project", "created_by"),
                        name="api_key_one_of_playground",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_of_playground", False),
                            ("expires_at__isnull", False),
                            _connector="OR",
                        ),
                        name="api_key_of_playground_expires",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Budget",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.project",
                    ),
                ),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "day"), ("month", "month")], max_length=8
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
                (
                    "thresholds_percent",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), size=None
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "project", "api_key", "period"),
                        name="budget_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("project__isnull", True),
                            ("api_key__isnull", True),
                            _connector="OR",
                        ),
                        name="budget_of_one_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_nanos__gt", 0),
                            ("amount_nanos__lte", 9007199254740991),
                        ),
                        name="budget_amount_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period__in", ["day", "month"])),
                        name="budget_period",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RateLimit",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.project",
                    ),
                ),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.apikey",
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("requests_per_minute", "requests_per_minute"),
                            ("tokens_per_minute", "tokens_per_minute"),
                            ("images_per_minute", "images_per_minute"),
                            ("requests_per_day", "requests_per_day"),
                            ("requests_per_month", "requests_per_month"),
                            ("concurrent_requests", "concurrent_requests"),
                        ],
                        max_length=32,
                    ),
                ),
                ("amount", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "project", "api_key", "model", "kind"),
                        name="rate_limit_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("project__isnull", True),
                            ("api_key__isnull", True),
                            _connector="OR",
                        ),
                        name="rate_limit_of_one_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gt", 0), ("amount__lte", 9007199254740991)
                        ),
                        name="rate_limit_amount_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "requests_per_minute",
                                    "tokens_per_minute",
                                    "images_per_minute",
                                    "requests_per_day",
                                    "requests_per_month",
                                    "concurrent_requests",
                                ],
                            )
                        ),
                        name="rate_limit_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("model", ""), _negated=True),
                        name="rate_limit_model_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SpendLimit",
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.project",
                    ),
                ),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "day"), ("month", "month")], max_length=8
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "project", "api_key", "period"),
                        name="spend_limit_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("project__isnull", True),
                            ("api_key__isnull", True),
                            _connector="OR",
                        ),
                        name="spend_limit_of_one_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_nanos__gt", 0),
                            ("amount_nanos__lte", 9007199254740991),
                        ),
                        name="spend_limit_amount_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period__in", ["day", "month"])),
                        name="spend_limit_period",
                    ),
                ],
            },
        ),
    ]
