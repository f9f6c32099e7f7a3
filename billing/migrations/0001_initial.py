import uuid

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("inference", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        BtreeGistExtension(),
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
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="auto_recharge",
                        to="tenants.tenant",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("threshold_nanos", models.BigIntegerField()),
                ("amount_cents", models.BigIntegerField()),
                ("monthly_max_cents", models.BigIntegerField()),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_cents__gt", 0),
                            ("monthly_max_cents__gte", models.F("amount_cents")),
                            ("threshold_nanos__gte", 0),
                        ),
                        name="auto_recharge_amounts_make_sense",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BillingPeriod",
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
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="billing_periods",
                        to="tenants.tenant",
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("generation", models.BigIntegerField(db_default=1)),
                ("rated_generation", models.BigIntegerField(db_default=0)),
                ("revision", models.BigIntegerField(db_default=0)),
                ("rated_at", models.DateTimeField(blank=True, null=True)),
                ("rate_after", models.DateTimeField(blank=True, null=True)),
                (
                    "goodwill_covered_nanos",
                    models.BigIntegerField(db_default=0, default=0),
                ),
                ("problem", models.TextField(blank=True, db_default="")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("generation__gt", models.F("rated_generation"))
                        ),
                        fields=["rate_after", "id"],
                        name="billing_period_to_rate",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "starts_at"), name="billing_period_once"
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="billing_period_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("goodwill_covered_nanos__gte", 0)),
                        name="billing_period_covered_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BudgetAlert",
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
                        related_name="budget_alerts",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="tenants.budget",
                    ),
                ),
                ("period_starts_on", models.DateField()),
                ("threshold_percent", models.PositiveSmallIntegerField()),
                ("amount_nanos", models.BigIntegerField()),
                ("alerted_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "budget",
                            "period_starts_on",
                            "threshold_percent",
                            "amount_nanos",
                        ),
                        name="budget_alert_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Coupon",
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
                ("code", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=100)),
                ("percent_basis_points", models.PositiveIntegerField(default=0)),
                ("amount_cents", models.BigIntegerField(default=0)),
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
                ("months", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("redemptions_max", models.PositiveIntegerField(blank=True, null=True)),
                ("redeem_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount_cents", 0),
                                ("percent_basis_points__gt", 0),
                                ("percent_basis_points__lte", 10000),
                            ),
                            models.Q(
                                ("amount_cents__gt", 0), ("percent_basis_points", 0)
                            ),
                            _connector="OR",
                        ),
                        name="coupon_takes_one_thing_off",
                    ),
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
                        name="coupon_currency_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerTransaction",
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
                        related_name="ledger_transactions",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("usage_rated", "usage_rated"),
                            ("invoice_issued", "invoice_issued"),
                            ("invoice_voided", "invoice_voided"),
                            ("invoice_written_off", "invoice_written_off"),
                            ("credit_note_issued", "credit_note_issued"),
                            ("goodwill_covered", "goodwill_covered"),
                            ("credit_granted", "credit_granted"),
                            ("credit_drawn", "credit_drawn"),
                            ("credit_returned", "credit_returned"),
                            ("credit_expired", "credit_expired"),
                            ("credit_withdrawn", "credit_withdrawn"),
                            ("payment_received", "payment_received"),
                            ("payment_reversed", "payment_reversed"),
                            ("refund_paid", "refund_paid"),
                            ("refund_failed", "refund_failed"),
                        ],
                        max_length=32,
                    ),
                ),
                ("reference", models.CharField(max_length=100, unique=True)),
                ("booked_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "booked_at"],
                        name="ledger_transaction_by_time",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="ledger_transaction_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "usage_rated",
                                    "invoice_issued",
                                    "invoice_voided",
                                    "invoice_written_off",
                                    "credit_note_issued",
                                    "goodwill_covered",
                                    "credit_granted",
                                    "credit_drawn",
                                    "credit_returned",
                                    "credit_expired",
                                    "credit_withdrawn",
                                    "payment_received",
                                    "payment_reversed",
                                    "refund_paid",
                                    "refund_failed",
                                ],
                            )
                        ),
                        name="ledger_transaction_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditThreshold",
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
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_threshold",
                        to="tenants.tenant",
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_nanos__gt", 0)),
                        name="credit_threshold_positive",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentNumber",
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
                ("series", models.CharField(max_length=20)),
                ("year", models.PositiveSmallIntegerField()),
                ("last_number", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("series", "year"), name="document_number_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LegalEntity",
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
                ("name", models.CharField(max_length=200)),
                ("address", models.CharField(blank=True, max_length=300)),
                ("postcode", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("country", models.CharField(default="US", max_length=2)),
                (
                    "vat_id",
                    models.CharField(blank=True, max_length=20, verbose_name="VAT id"),
                ),
                ("email", models.EmailField(blank=True, max_length=254)),
                (
                    "iban",
                    models.CharField(blank=True, max_length=34, verbose_name="IBAN"),
                ),
                (
                    "bic",
                    models.CharField(blank=True, max_length=11, verbose_name="BIC"),
                ),
                (
                    "number_prefix",
                    models.CharField(default="TF", max_length=10, unique=True),
                ),
                ("is_tax_inclusive", models.BooleanField(default=False)),
                ("payment_days", models.PositiveSmallIntegerField(default=14)),
            ],
            options={
                "verbose_name_plural": "legal entities",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")),
                        name="legal_entity_country",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptAnswer",
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
                ("caller", models.CharField(max_length=40)),
                ("idempotency_key", models.CharField(max_length=100)),
                ("digest", models.BinaryField(max_length=32)),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created_at"], name="kept_answer_by_age")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller", "idempotency_key"), name="kept_answer_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LeaseEventCursor",
            fields=[
                (
                    "engine",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="lease_event_cursor",
                        serialize=False,
                        to="inference.engine",
                    ),
                ),
                ("receipt_id", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="LedgerAccount",
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
                        related_name="ledger_accounts",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "currency",
                    models.CharField(db_default="USD", default="USD", max_length=3),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unbilled", "unbilled"),
                            ("receivable", "receivable"),
                            ("revenue", "revenue"),
                            ("rounding", "rounding"),
                            ("credit", "credit"),
                            ("funds", "funds"),
                            ("tax", "tax"),
                            ("adjustments", "adjustments"),
                            ("uncollectible", "uncollectible"),
                            ("promotions", "promotions"),
                            ("breakage", "breakage"),
                        ],
                        max_length=16,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "kind"), name="ledger_account_once_per_tenant"
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="ledger_account_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "unbilled",
                                    "receivable",
                                    "revenue",
                                    "rounding",
                                    "credit",
                                    "funds",
                                    "tax",
                                    "adjustments",
                                    "uncollectible",
                                    "promotions",
                                    "breakage",
                                ],
                            )
                        ),
                        name="ledger_account_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentMethod",
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
                        related_name="payment_methods",
                        to="tenants.tenant",
                    ),
                ),
                ("provider_id", models.CharField(max_length=100, unique=True)),
                ("brand", models.CharField(max_length=30)),
                ("last4", models.CharField(max_length=4)),
                ("expires_month", models.PositiveSmallIntegerField(null=True)),
                ("expires_year", models.PositiveSmallIntegerField(null=True)),
                ("is_default", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True), ("removed_at", None)),
                        fields=("tenant",),
                        name="payment_method_one_default",
                    )
                ],
            },
        ),
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
                ("is_list", models.BooleanField(default=False)),
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
                        default="USD",
                        max_length=3,
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_list", True)),
                        fields=("currency",),
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
                        name="price_book_currency_known",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "currency"), name="price_book_of_currency"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffToken",
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
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="StripeEvent",
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
                ("stripe_id", models.CharField(max_length=100, unique=True)),
                ("type", models.CharField(max_length=100)),
                ("api_version", models.CharField(blank=True, max_length=50)),
                ("payload", models.JSONField()),
                ("received_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("apply_after", models.DateTimeField()),
                ("tries", models.PositiveIntegerField(default=0)),
                ("problem", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)),
                        fields=["apply_after", "id"],
                        name="stripe_event_unapplied",
                    ),
                    models.Index(fields=["-received_at"], name="stripe_event_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StripeTenant",
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
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stripe_tenant",
                        to="tenants.tenant",
                    ),
                ),
                ("stripe_id", models.CharField(max_length=100, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="TaxRate",
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
                    "country",
                    models.CharField(
                        max_length=2,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{2}$", "Two capital letters, as in ISO 3166-1."
                            )
                        ],
                    ),
                ),
                (
                    "rate_basis_points",
                    models.PositiveIntegerField(
                        help_text="In hundredths of a percent: 1900 is 19 %."
                    ),
                ),
                ("effective_from", models.DateField()),
                ("effective_to", models.DateField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("country", "="),
                            (
                                models.Func(
                                    models.F("effective_from"),
                                    models.F("effective_to"),
                                    function="DATERANGE",
                                    output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="tax_rates_do_not_overlap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rate_basis_points__lte", 10000)),
                        name="tax_rate_at_most_all",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("effective_to__isnull", True),
                            ("effective_to__gt", models.F("effective_from")),
                            _connector="OR",
                        ),
                        name="tax_rate_span_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")),
                        name="tax_rate_country_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
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
                ("public_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="tenants.tenant",
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                (
                    "description",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                (
                    "types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        null=True,
                        size=None,
                    ),
                ),
                ("secret_number", models.PositiveIntegerField(default=1)),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "disabled_reason",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
                ("rests_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=["tenant"],
                        name="webhook_endpoint_in_use",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="webhook_endpoint_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("types__isnull", True),
                            ("types__len__gt", 0),
                            _connector="OR",
                        ),
                        name="webhook_endpoint_types_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("disabled_reason", ""), ("is_enabled", True)),
                            models.Q(
                                ("is_enabled", False),
                                models.Q(("disabled_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="webhook_endpoint_says_why_it_is_disabled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RatedCharge",
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
                        related_name="rated_charges",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "period",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charges",
                        to="billing.billingperiod",
                    ),
                ),
                ("key", models.CharField(max_length=60)),
                ("quantity", models.BigIntegerField()),
                ("amount_nanos", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("period", "key"), name="rated_charge_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_nanos__gte", 0), ("quantity__gte", 0)
                        ),
                        name="rated_charge_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CouponRedemption",
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
                        related_name="redemptions",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "coupon",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="billing.coupon",
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("redeemed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "coupon"), name="coupon_redeemed_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditGrant",
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
                        related_name="credit_grants",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "transaction",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="billing.ledgertransaction",
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=70)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("purchased", "purchased"),
                            ("promotional", "promotional"),
                        ],
                        max_length=16,
                    ),
                ),
                ("priority", models.PositiveSmallIntegerField()),
                ("amount_nanos", models.BigIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("granted_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False)),
                        fields=["expires_at"],
                        name="credit_grant_by_expiry",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "idempotency_key"), name="credit_grant_once"
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="credit_grant_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_nanos__gt", 0),
                            ("amount_nanos__lte", 9007199254740991),
                        ),
                        name="credit_grant_amount_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["purchased", "promotional"])),
                        name="credit_grant_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority__lte", 100)),
                        name="credit_grant_priority_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at", None),
                            ("expires_at__gt", models.F("granted_at")),
                            _connector="OR",
                        ),
                        name="credit_grant_expires_after_it_began",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invoice",
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
                        related_name="invoices",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "currency",
                    models.CharField(db_default="USD", default="USD", max_length=3),
                ),
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("issued", "issued"),
                            ("paid", "paid"),
                            ("void", "void"),
                            ("uncollectible", "uncollectible"),
                        ],
                        default="draft",
                        max_length=16,
                    ),
                ),
                (
                    "number",
                    models.CharField(blank=True, max_length=30, null=True, unique=True),
                ),
                ("issued_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "legal_entity",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="billing.legalentity",
                    ),
                ),
                ("seller", models.JSONField(blank=True, null=True)),
                ("buyer", models.JSONField(blank=True, null=True)),
                ("lines_cents", models.BigIntegerField(default=0)),
                ("tax_cents", models.BigIntegerField(default=0)),
                ("is_tax_inclusive", models.BooleanField(default=False)),
                ("total_cents", models.BigIntegerField(default=0)),
                ("credit_applied_cents", models.BigIntegerField(default=0)),
                ("total_nanos", models.BigIntegerField(default=0)),
                ("charged_nanos", models.BigIntegerField(default=0)),
                ("merkle_root", models.CharField(blank=True, max_length=64)),
                ("receipt_count", models.BigIntegerField(default=0)),
                ("receipt_from", models.BigIntegerField(blank=True, null=True)),
                ("receipt_to", models.BigIntegerField(blank=True, null=True)),
                ("refreshed_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "-period_start", "-id"],
                        name="invoice_of_month",
                    ),
                    models.Index(
                        condition=models.Q(("status", "draft")),
                        fields=["period_end"],
                        name="invoice_drafts_by_end",
                    ),
                    models.Index(
                        condition=models.Q(("status", "issued")),
                        fields=["due_at"],
                        name="invoice_open_by_due_time",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "draft")),
                        fields=("tenant", "period_start"),
                        name="invoice_one_draft_per_month",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="invoice_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["draft", "issued", "paid", "void", "uncollectible"],
                            )
                        ),
                        name="invoice_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("issued_at", None),
                                ("number", None),
                                ("status", "draft"),
                            ),
                            models.Q(
                                models.Q(("status", "draft"), _negated=True),
                                ("issued_at__isnull", False),
                                ("number__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="invoice_numbered_when_issued",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("period_end__gt", models.F("period_start"))
                        ),
                        name="invoice_period_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("charged_nanos__gte", 0),
                            ("credit_applied_cents__gte", 0),
                            ("credit_applied_cents__lte", models.F("total_cents")),
                            ("lines_cents__gte", 0),
                            ("tax_cents__gte", 0),
                            ("total_nanos__gte", 0),
                        ),
                        name="invoice_totals_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("is_tax_inclusive", True),
                                ("total_cents", models.F("lines_cents")),
                            ),
                            models.Q(
                                ("is_tax_inclusive", False),
                                (
                                    "total_cents",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("lines_cents"),
                                        "+",
                                        models.F("tax_cents"),
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="invoice_total_adds_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaxProfile",
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
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tax_profile",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "legal_entity",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tenants",
                        to="billing.legalentity",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("address", models.CharField(blank=True, max_length=300)),
                ("postcode", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("country", models.CharField(max_length=2)),
                ("is_business", models.BooleanField(default=True)),
                (
                    "vat_id",
                    models.CharField(blank=True, max_length=20, verbose_name="VAT id"),
                ),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("reference", models.CharField(blank=True, max_length=100)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")),
                        name="tax_profile_country",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerBalance",
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
                        related_name="ledger_balances",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "account",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balance",
                        to="billing.ledgeraccount",
                    ),
                ),
                ("up_to", models.BigIntegerField()),
                ("amount_nanos", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="LedgerEntry",
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
                        related_name="ledger_entries",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="billing.ledgertransaction",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="billing.ledgeraccount",
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["account", "id"], name="ledger_entry_of_account"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_nanos", 0), _negated=True),
                        name="ledger_entry_not_zero",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Plan",
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
                ("code", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=300)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("free", "Free"),
                            ("pay_as_you_go", "Pay As You Go"),
                            ("prepaid", "Prepaid"),
                            ("subscription", "Subscription"),
                        ],
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
                ("price_cents", models.BigIntegerField(default=0)),
                ("minimum_cents", models.BigIntegerField(default=0)),
                ("commitment_cents", models.BigIntegerField(default=0)),
                ("commitment_months", models.PositiveSmallIntegerField(default=0)),
                ("credit_cents", models.BigIntegerField(default=0)),
                ("percentage_basis_points", models.PositiveIntegerField(default=0)),
                (
                    "price_book",
                    models.ForeignKey(
                        blank=True,
                        limit_choices_to={"tenant__isnull": True},
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to="billing.pricebook",
                    ),
                ),
                ("trial_days", models.PositiveSmallIntegerField(default=0)),
                ("is_public", models.BooleanField(default=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ["free", "pay_as_you_go", "prepaid", "subscription"],
                            )
                        ),
                        name="plan_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("credit_cents", 0),
                            models.Q(("credit_cents__gt", 0), ("kind", "free")),
                            _connector="OR",
                        ),
                        name="plan_credit_is_of_free_plans",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "free"), _negated=True),
                            models.Q(
                                ("commitment_cents", 0),
                                ("minimum_cents", 0),
                                ("percentage_basis_points", 0),
                                ("price_cents", 0),
                            ),
                            _connector="OR",
                        ),
                        name="plan_free_costs_nothing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("commitment_cents__gte", 0),
                            ("minimum_cents__gte", 0),
                            ("price_cents__gte", 0),
                        ),
                        name="plan_amounts_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("commitment_cents", 0), ("commitment_months", 0)),
                            models.Q(
                                ("commitment_cents__gt", 0),
                                ("commitment_months__gt", 0),
                            ),
                            _connector="OR",
                        ),
                        name="plan_commitment_has_months",
                    ),
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
                        name="plan_currency_known",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "currency"), name="plan_of_currency"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceVersion",
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
                    "price_book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="price_versions",
                        to="billing.pricebook",
                    ),
                ),
                (
                    "served_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="price_versions",
                        to="inference.servedmodel",
                    ),
                ),
                ("new_input_nanos_per_million", models.BigIntegerField()),
                ("cached_input_nanos_per_million", models.BigIntegerField()),
                ("output_nanos_per_million", models.BigIntegerField()),
                (
                    "image_nanos_per_million",
                    models.BigIntegerField(blank=True, null=True),
                ),
                (
                    "hbm_mb_s_nanos_per_million",
                    models.BigIntegerField(blank=True, null=True),
                ),
                (
                    "host_mb_s_nanos_per_million",
                    models.BigIntegerField(blank=True, null=True),
                ),
                (
                    "disk_mb_s_nanos_per_million",
                    models.BigIntegerField(blank=True, null=True),
                ),
                ("pricings_document", models.JSONField(blank=True, default=dict)),
                ("effective_from", models.DateTimeField()),
                ("effective_to", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("price_book", "="),
                            ("served_model", "="),
                            (
                                models.Func(
                                    models.F("effective_from"),
                                    models.F("effective_to"),
                                    function="TSTZRANGE",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="price_versions_do_not_overlap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cached_input_nanos_per_million__gte", 0),
                            ("new_input_nanos_per_million__gte", 0),
                            ("output_nanos_per_million__gte", 0),
                        ),
                        name="price_rates_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("image_nanos_per_million__gte", 0)),
                        name="price_image_rate_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hbm_mb_s_nanos_per_million__gte", 0),
                            ("host_mb_s_nanos_per_million__gte", 0),
                            ("disk_mb_s_nanos_per_million__gte", 0),
                        ),
                        name="price_lease_rates_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("effective_to__isnull", True),
                            ("effective_to__gt", models.F("effective_from")),
                            _connector="OR",
                        ),
                        name="price_span_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookMessage",
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
                        related_name="webhook_messages",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="billing.webhookendpoint",
                    ),
                ),
                ("message_id", models.CharField(max_length=36, unique=True)),
                ("type", models.CharField(max_length=64)),
                ("payload", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_try_at__isnull", False)),
                        fields=["endpoint", "next_try_at"],
                        name="webhook_message_due",
                    ),
                    models.Index(
                        fields=["endpoint", "-id"], name="webhook_message_log"
                    ),
                    models.Index(fields=["created_at"], name="webhook_message_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="webhook_message_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("next_try_at__isnull", True),
                            models.Q(
                                ("delivered_at__isnull", True),
                                ("failed_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="webhook_message_due_or_done",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditAlert",
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
                        related_name="credit_alerts",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="billing.creditgrant",
                    ),
                ),
                ("threshold_nanos", models.BigIntegerField()),
                ("alerted_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("grant", "threshold_nanos"), name="credit_alert_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditExpiry",
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
                        related_name="credit_expiries",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="expiries",
                        to="billing.creditgrant",
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
                ("expired_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_nanos__gt", 0)),
                        name="credit_expiry_positive",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditWithdrawal",
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
                        related_name="credit_withdrawals",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="withdrawals",
                        to="billing.creditgrant",
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("idempotency_key", models.CharField(max_length=70)),
                ("withdrawn_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_nanos__gt", 0)),
                        name="credit_withdrawal_positive",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "idempotency_key"),
                        name="credit_withdrawal_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BilledHour",
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
                        related_name="billed_hours",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="billed_hours",
                        to="billing.invoice",
                    ),
                ),
                ("hour_at", models.DateTimeField()),
                ("price_version_id", models.BigIntegerField()),
                ("meter", models.CharField(max_length=32)),
                ("quantity", models.BigIntegerField()),
                ("receipt_count", models.IntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "hour_at"], name="billed_hour_of_time"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "price_version_id", "meter", "hour_at"),
                        name="billed_hour_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quantity__gt", 0), ("receipt_count__gt", 0)
                        ),
                        name="billed_hour_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "meter__in",
                                (
                                    "new_input_tokens",
                                    "cached_input_tokens",
                                    "output_tokens",
                                    "images",
                                    "hbm_mb_s",
                                    "host_mb_s",
                                    "disk_mb_s",
                                ),
                            )
                        ),
                        name="billed_hour_meter_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BilledReceipts",
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
                        related_name="billed_receipts",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="billed_receipts",
                        to="billing.invoice",
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("after_sequence", models.BigIntegerField()),
                ("last_sequence", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "starts_at"], name="billed_receipts_of_time"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at__gt", models.F("starts_at")),
                            ("last_sequence__gt", models.F("after_sequence")),
                        ),
                        name="billed_receipts_not_empty",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditDraw",
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
                        related_name="credit_draws",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="draws",
                        to="billing.creditgrant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_draws",
                        to="billing.invoice",
                    ),
                ),
                ("amount_nanos", models.BigIntegerField()),
                ("drawn_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_nanos", 0), _negated=True),
                        name="credit_draw_not_zero",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("amount_nanos__gt", 0)),
                        fields=("grant", "invoice"),
                        name="credit_draw_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("amount_nanos__lt", 0)),
                        fields=("grant", "invoice"),
                        name="credit_draw_returned_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditNote",
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
                        related_name="credit_notes",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_notes",
                        to="billing.invoice",
                    ),
                ),
                (
                    "currency",
                    models.CharField(db_default="USD", default="USD", max_length=3),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("adjustment", "Adjustment"),
                            ("goodwill", "Goodwill"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "target",
                    models.CharField(
                        choices=[("credit", "Credit"), ("payment", "Payment")],
                        default="credit",
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("idempotency_key", models.CharField(blank=True, max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "draft"), ("issued", "issued")],
                        default="draft",
                        max_length=8,
                    ),
                ),
                (
                    "number",
                    models.CharField(blank=True, max_length=30, null=True, unique=True),
                ),
                ("issued_at", models.DateTimeField(blank=True, null=True)),
                ("lines_cents", models.BigIntegerField(default=0)),
                ("tax_cents", models.BigIntegerField(default=0)),
                ("total_cents", models.BigIntegerField(default=0)),
                ("applied_cents", models.BigIntegerField(default=0)),
                ("credited_cents", models.BigIntegerField(default=0)),
                ("refunded_cents", models.BigIntegerField(default=0)),
                ("total_nanos", models.BigIntegerField(default=0)),
                ("refreshed_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "-issued_at"], name="credit_note_by_time"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "draft")),
                        fields=("invoice", "kind"),
                        name="credit_note_one_draft_of_kind",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True),
                        fields=("tenant", "idempotency_key"),
                        name="credit_note_once",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="credit_note_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["adjustment", "goodwill"]),
                            ("target__in", ["credit", "payment"]),
                        ),
                        name="credit_note_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("issued_at", None),
                                ("number", None),
                                ("status", "draft"),
                            ),
                            models.Q(
                                ("issued_at__isnull", False),
                                ("number__isnull", False),
                                ("status", "issued"),
                            ),
                            _connector="OR",
                        ),
                        name="credit_note_numbered_when_issued",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lines_cents__gte", 0),
                            ("tax_cents__gte", 0),
                            ("total_cents__gte", models.F("lines_cents")),
                            ("total_nanos__gte", 0),
                        ),
                        name="credit_note_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("applied_cents__gte", 0),
                            ("credited_cents__gte", 0),
                            ("refunded_cents__gte", 0),
                            models.Q(
                                ("status", "draft"),
                                (
                                    "total_cents",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("applied_cents"),
                                            "+",
                                            models.F("credited_cents"),
                                        ),
                                        "+",
                                        models.F("refunded_cents"),
                                    ),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="credit_note_goes_somewhere",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DunningStep",
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
                        related_name="dunning_steps",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_steps",
                        to="billing.invoice",
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("payment_failed", "payment_failed"),
                            ("retry_1", "retry_1"),
                            ("retry_2", "retry_2"),
                            ("retry_3", "retry_3"),
                            ("retry_4", "retry_4"),
                            ("warned", "warned"),
                            ("no_new_keys", "no_new_keys"),
                            ("no_calls", "no_calls"),
                        ],
                        max_length=16,
                    ),
                ),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "step"), name="dunning_step_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "step__in",
                                [
                                    "payment_failed",
                                    "retry_1",
                                    "retry_2",
                                    "retry_3",
                                    "retry_4",
                                    "warned",
                                    "no_new_keys",
                                    "no_calls",
                                ],
                            )
                        ),
                        name="dunning_step_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceEnd",
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
                        related_name="invoice_ends",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ends",
                        to="billing.invoice",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("void", "void"), ("uncollectible", "uncollectible")],
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("ended_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "status"), name="invoice_ended_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("void", "uncollectible"))),
                        name="invoice_end_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceTax",
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
                        related_name="invoice_taxes",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="taxes",
                        to="billing.invoice",
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("S", "Standard"),
                            ("Z", "Zero"),
                            ("AE", "Reverse Charge"),
                            ("G", "Export"),
                            ("E", "Exempt"),
                            ("O", "Outside Scope"),
                        ],
                        max_length=2,
                    ),
                ),
                ("rate_basis_points", models.PositiveIntegerField()),
                ("country", models.CharField(blank=True, max_length=2)),
                ("taxable_cents", models.BigIntegerField()),
                ("tax_cents", models.BigIntegerField()),
                ("reason", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "category", "rate_basis_points"),
                        name="invoice_tax_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("tax_cents__gte", 0),
                            ("taxable_cents__gte", 0),
                            ("category__in", ["S", "Z", "AE", "G", "E", "O"]),
                        ),
                        name="invoice_tax_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
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
                        related_name="payments",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.invoice",
                    ),
                ),
                (
                    "currency",
                    models.CharField(db_default="USD", default="USD", max_length=3),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("card", "Card"), ("bank_transfer", "Bank Transfer")],
                        max_length=16,
                    ),
                ),
                (
                    "method",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.paymentmethod",
                    ),
                ),
                ("amount_cents", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("requires_action", "Requires Action"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("canceled", "Canceled"),
                            ("reversed", "Reversed"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=100)),
                ("provider_id", models.CharField(blank=True, max_length=100)),
                ("failure_code", models.CharField(blank=True, max_length=60)),
                ("failure_text", models.CharField(blank=True, max_length=300)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "-created_at"], name="payment_by_time"
                    ),
                    models.Index(
                        condition=models.Q(
                            ("status__in", ("pending", "requires_action"))
                        ),
                        fields=["created_at"],
                        name="payment_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "idempotency_key"), name="payment_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("provider_id", ""), _negated=True),
                        fields=("provider_id",),
                        name="payment_provider_id_once",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="payment_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_cents__gt", 0)),
                        name="payment_amount_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "requires_action",
                                    "succeeded",
                                    "failed",
                                    "canceled",
                                    "reversed",
                                ],
                            )
                        ),
                        name="payment_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("settled_at", None),
                                ("status__in", ("pending", "requires_action")),
                            ),
                            models.Q(
                                models.Q(
                                    ("status__in", ("pending", "requires_action")),
                                    _negated=True,
                                ),
                                ("settled_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="payment_settled_when_it_ended",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceiptBlock",
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
                        related_name="receipt_blocks",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipt_blocks",
                        to="billing.invoice",
                    ),
                ),
                ("position", models.IntegerField()),
                ("first_sequence", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "position"), name="receipt_block_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StripeInvoice",
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
                        related_name="stripe_invoices",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stripe_invoice",
                        to="billing.invoice",
                    ),
                ),
                ("stripe_id", models.CharField(max_length=100, unique=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PlanAllowance",
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
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="allowances",
                        to="billing.plan",
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=100)),
                (
                    "meter",
                    models.CharField(
                        choices=[
                            ("new_input_tokens", "new_input_tokens"),
                            ("cached_input_tokens", "cached_input_tokens"),
                            ("output_tokens", "output_tokens"),
                            ("images", "images"),
                            ("hbm_mb_s", "hbm_mb_s"),
                            ("host_mb_s", "host_mb_s"),
                            ("disk_mb_s", "disk_mb_s"),
                        ],
                        max_length=32,
                    ),
                ),
                ("quantity", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("plan", "model", "meter"), name="plan_allowance_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0)),
                        name="plan_allowance_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "meter__in",
                                (
                                    "new_input_tokens",
                                    "cached_input_tokens",
                                    "output_tokens",
                                    "images",
                                    "hbm_mb_s",
                                    "host_mb_s",
                                    "disk_mb_s",
                                ),
                            )
                        ),
                        name="plan_allowance_meter_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanBookChange",
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
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="book_changes",
                        to="billing.plan",
                    ),
                ),
                (
                    "before",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.pricebook",
                    ),
                ),
                (
                    "after",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.pricebook",
                    ),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("before", models.F("after")), _negated=True),
                            models.Q(
                                ("after__isnull", True),
                                ("before__isnull", True),
                                _negated=True,
                            ),
                        ),
                        name="plan_book_change_changes",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
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
                        related_name="subscriptions",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="billing.plan",
                    ),
                ),
                (
                    "currency",
                    models.CharField(db_default="USD", default="USD", max_length=3),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("trial_ends_at", models.DateTimeField(blank=True, null=True)),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at__isnull", True)),
                        fields=["starts_at"],
                        name="subscription_to_apply",
                    )
                ],
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("tenant", "="),
                            (
                                models.Func(
                                    models.F("starts_at"),
                                    models.F("ends_at"),
                                    function="TSTZRANGE",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="subscriptions_do_not_overlap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at__isnull", True),
                            ("ends_at__gt", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="subscription_span_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LineItem",
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
                        related_name="line_items",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="billing.invoice",
                    ),
                ),
                ("key", models.CharField(max_length=60)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("plan", "plan"),
                            ("usage", "usage"),
                            ("percentage", "percentage"),
                            ("minimum", "minimum"),
                            ("commitment", "commitment"),
                        ],
                        max_length=16,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("meter", models.CharField(blank=True, max_length=32)),
                (
                    "price_version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="line_items",
                        to="billing.priceversion",
                    ),
                ),
                ("quantity", models.BigIntegerField()),
                ("included_quantity", models.BigIntegerField(default=0)),
                (
                    "rate_nanos_per_million",
                    models.BigIntegerField(blank=True, null=True),
                ),
                ("gross_nanos", models.BigIntegerField()),
                ("discount_nanos", models.BigIntegerField(default=0)),
                ("amount_nanos", models.BigIntegerField()),
                ("amount_cents", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "key"), name="line_item_once_per_invoice"
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"), name="line_item_of_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_cents__gte", 0),
                            ("amount_nanos__gte", 0),
                            ("discount_nanos__gte", 0),
                            ("gross_nanos__gte", 0),
                            ("included_quantity__gte", 0),
                            ("included_quantity__lte", models.F("quantity")),
                            ("quantity__gte", 0),
                        ),
                        name="line_item_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "amount_nanos",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("gross_nanos"),
                                    "-",
                                    models.F("discount_nanos"),
                                ),
                            )
                        ),
                        name="line_item_adds_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "amount_cents",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("amount_nanos"),
                                        "+",
                                        models.Value(5000000),
                                    ),
                                    "/",
                                    models.Value(10000000),
                                ),
                            )
                        ),
                        name="line_item_rounded_half_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "plan",
                                    "usage",
                                    "percentage",
                                    "minimum",
                                    "commitment",
                                ],
                            )
                        ),
                        name="line_item_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind", "usage"),
                                (
                                    "meter__in",
                                    (
                                        "new_input_tokens",
                                        "cached_input_tokens",
                                        "output_tokens",
                                        "images",
                                        "hbm_mb_s",
                                        "host_mb_s",
                                        "disk_mb_s",
                                    ),
                                ),
                                ("price_version__isnull", False),
                            ),
                            models.Q(
                                models.Q(("kind", "usage"), _negated=True),
                                ("meter", ""),
                                ("price_version", None),
                            ),
                            _connector="OR",
                        ),
                        name="line_item_meter_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
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
                        related_name="webhook_attempts",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="billing.webhookmessage",
                    ),
                ),
                ("attempted_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="IssueBlock",
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
                        related_name="issue_blocks",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="block",
                        to="billing.invoice",
                    ),
                ),
                (
                    "credit_note",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="block",
                        to="billing.creditnote",
                    ),
                ),
                ("code", models.CharField(max_length=60)),
                ("reason", models.TextField()),
                ("since", models.DateTimeField()),
                ("told_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("credit_note", None), ("invoice__isnull", False)),
                            models.Q(("credit_note__isnull", False), ("invoice", None)),
                            _connector="OR",
                        ),
                        name="issue_block_of_one_draft",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Chargeback",
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
                        related_name="chargebacks",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="chargeback",
                        to="billing.payment",
                    ),
                ),
                ("provider_id", models.CharField(max_length=100, unique=True)),
                ("amount_cents", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("won", "Won"), ("lost", "Lost")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_cents__gt", 0)),
                        name="chargeback_amount_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "won", "lost"])),
                        name="chargeback_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
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
                        related_name="refunds",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="billing.payment",
                    ),
                ),
                (
                    "credit_note",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="billing.creditnote",
                    ),
                ),
                ("amount_cents", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=100)),
                ("provider_id", models.CharField(blank=True, max_length=100)),
                ("reason", models.CharField(max_length=200)),
                ("failure_text", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "idempotency_key"), name="refund_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_cents__gt", 0)),
                        name="refund_amount_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["pending", "succeeded", "failed"])
                        ),
                        name="refund_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditNoteLine",
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
                        related_name="credit_note_lines",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "credit_note",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="billing.creditnote",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credited",
                        to="billing.lineitem",
                    ),
                ),
                ("quantity", models.BigIntegerField(default=0)),
                ("amount_nanos", models.BigIntegerField()),
                ("amount_cents", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("credit_note", "line"), name="credit_note_line_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_cents__gte", 0),
                            ("amount_nanos__gte", 0),
                            ("quantity__gte", 0),
                        ),
                        name="credit_note_line_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LineDispute",
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
                        related_name="line_disputes",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="billing.lineitem",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("resolved", "Resolved")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=2000)),
                ("derived_quantity", models.BigIntegerField()),
                ("derived_amount_nanos", models.BigIntegerField()),
                (
                    "opened_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("resolution", models.CharField(blank=True, max_length=2000)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "open")),
                        fields=("line",),
                        name="line_dispute_one_open_per_line",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("resolution", ""),
                                ("resolved_at", None),
                                ("status", "open"),
                            ),
                            models.Q(
                                ("resolved_at__isnull", False),
                                ("status", "resolved"),
                                models.Q(("resolution", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="line_dispute_resolved_with_words",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentMail",
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
                        related_name="document_mails",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "invoice",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mail",
                        to="billing.invoice",
                    ),
                ),
                (
                    "credit_note",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mail",
                        to="billing.creditnote",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mails",
                        to="billing.refund",
                    ),
                ),
                ("is_to_staff", models.BooleanField(db_default=False, default=False)),
                ("try_after", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at", None)),
                        fields=["try_after"],
                        name="document_mail_to_send",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(
                                    models.Q(
                                        ("credit_note", None),
                                        ("invoice__isnull", False),
                                    ),
                                    models.Q(
                                        ("credit_note__isnull", False),
                                        ("invoice", None),
                                    ),
                                    _connector="OR",
                                ),
                                ("is_to_staff", False),
                                ("refund", None),
                            ),
                            models.Q(
                                ("credit_note", None),
                                ("invoice", None),
                                ("refund__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="document_mail_of_one_document",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("refund__isnull", False)),
                        fields=("refund", "is_to_staff"),
                        name="document_mail_of_refund_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StripeOrder",
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
                        related_name="stripe_orders",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "payment",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stripe_order",
                        to="billing.payment",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stripe_order",
                        to="billing.refund",
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                ("try_after", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at", None)),
                        fields=["try_after"],
                        name="stripe_order_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("payment__isnull", True),
                            ("refund__isnull", True),
                            _connector="XOR",
                        ),
                        name="stripe_order_of_one_thing",
                    )
                ],
            },
        ),
    ]
