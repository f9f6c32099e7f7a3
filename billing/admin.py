"""The operator's view of prices, rating, books and invoices.

Typed in are prices (through the service), sellers and tax rates; the rest is history.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

import billing.dispute_admin  # noqa: F401  registers its page
from billing.domain.money import UNITS_PER_RATE, exact_usd, usd_of_cents
from billing.forms import LegalEntityForm, PriceForm
from billing.models.credit import CreditGrant
from billing.models.invoices import Invoice, LineItem
from billing.models.ledger import LedgerEntry, LedgerTransaction
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod, RatedCharge
from billing.models.tax_rates import TaxRate
from billing.models.taxes import LegalEntity, TaxProfile
from tenants.read_only_admin import ReadOnlyMixin


@admin.display(description="Amount, USD")
def amount_usd(row: LedgerEntry | LineItem | RatedCharge | CreditGrant) -> str:
    return exact_usd(row.amount_nanos)


@admin.display(description="Total, USD", ordering="total_cents")
def total_usd(row: Invoice) -> str:
    return usd_of_cents(row.total_cents)


@admin.display(description="Tenant", ordering="tenant__name")
def tenant_name(
    row: Invoice | LedgerTransaction | BillingPeriod | CreditGrant | TaxProfile,
) -> str:
    return row.tenant.name


@admin.display(description="Model", ordering="served_model__name")
def model_name(row: PriceVersion) -> str:
    return row.served_model.name


@admin.display(description="New input, USD per million")
def new_input_usd(row: PriceVersion) -> str:
    return exact_usd(row.new_input_nanos_per_million)


@admin.display(description="Cached input, USD per million")
def cached_input_usd(row: PriceVersion) -> str:
    return exact_usd(row.cached_input_nanos_per_million)


@admin.display(description="Output, USD per million")
def output_usd(row: PriceVersion) -> str:
    return exact_usd(row.output_nanos_per_million)


@admin.display(description="USD per image")
def image_usd(row: PriceVersion) -> str:
    """Exact: a rate is typed per image, and kept per million."""
    rate = row.image_nanos_per_million
    return "not sold" if rate is None else exact_usd(rate // UNITS_PER_RATE)


def _lease_usd(rate: int | None) -> str:
    return "not sold" if rate is None else exact_usd(rate)


@admin.display(description="Leases in GPU memory, USD per million MB·s")
def lease_hbm_usd(row: PriceVersion) -> str:
    return _lease_usd(row.hbm_mb_s_nanos_per_million)


@admin.display(description="Leases in host memory, USD per million MB·s")
def lease_host_usd(row: PriceVersion) -> str:
    return _lease_usd(row.host_mb_s_nanos_per_million)


@admin.display(description="Leases on disk, USD per million MB·s")
def lease_disk_usd(row: PriceVersion) -> str:
    return _lease_usd(row.disk_mb_s_nanos_per_million)


@admin.register(CreditGrant)
class CreditGrantAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    """Granted by `manage.py grant_credit`."""

    list_display = (
        tenant_name,
        amount_usd,
        "kind",
        "reason",
        "granted_at",
        "expires_at",
        "idempotency_key",
    )
    list_filter = ("kind", "granted_at", "expires_at")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name", "tenant__slug", "reason", "idempotency_key")
    ordering = ("-granted_at", "-id")


@admin.register(PriceVersion)
class PriceVersionAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    """Typed in here: rates of the list. Other books, packages and steps are set on the
    portal's own page, which shows what they come to.
    """

    form = PriceForm
    list_display = (
        model_name,
        "price_book",
        new_input_usd,
        cached_input_usd,
        output_usd,
        image_usd,
        lease_hbm_usd,
        lease_host_usd,
        lease_disk_usd,
        "effective_from",
        "effective_to",
    )
    list_filter = ("price_book", "served_model")
    list_select_related = ("served_model", "price_book")
    ordering = ("price_book", "served_model", "-effective_from")

    def has_add_permission(self, request: HttpRequest) -> bool:  # type: ignore[override]
        return bool(request.user.is_superuser)

    def save_model(self, *_: Any) -> None:
        """The form has set the price already."""


class RatedChargeInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = RatedCharge
    fields = ("key", "quantity", amount_usd)
    readonly_fields = (amount_usd,)
    extra = 0


@admin.register(BillingPeriod)
class BillingPeriodAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (tenant_name, "starts_at", "rated_at", "problem")
    list_filter = (("problem", admin.EmptyFieldListFilter), "starts_at")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name", "tenant__slug")
    ordering = ("-starts_at", "tenant")
    inlines = (RatedChargeInline,)


class LineItemInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = LineItem
    fields = (
        "kind",
        "description",
        "model",
        "meter",
        "quantity",
        amount_usd,
        "amount_cents",
    )
    readonly_fields = (amount_usd,)
    extra = 0


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "number",
        tenant_name,
        "status",
        "period_start",
        "period_end",
        total_usd,
        "issued_at",
    )
    list_filter = ("status", "period_start")
    list_select_related = ("tenant",)
    search_fields = ("number", "tenant__name", "tenant__slug")
    ordering = ("-period_start", "-id")
    inlines = (LineItemInline,)


class LedgerEntryInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = LedgerEntry
    fields = ("account_kind", amount_usd)
    readonly_fields = ("account_kind", amount_usd)
    extra = 0

    @admin.display(description="Account")
    def account_kind(self, row: LedgerEntry) -> str:
        return row.account.kind


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = ("reference", tenant_name, "kind", "booked_at")
    list_filter = ("kind", "booked_at")
    list_select_related = ("tenant",)
    search_fields = ("reference", "tenant__name", "tenant__slug")
    ordering = ("-booked_at", "-id")
    inlines = (LedgerEntryInline,)


@admin.display(description="Rate", ordering="rate_basis_points")
def percent(row: TaxRate) -> str:
    whole, rest = divmod(row.rate_basis_points, 100)
    return f"{whole}.{rest:02} %"


@admin.register(TaxRate)
class TaxRateAdmin(ModelAdmin):  # type: ignore[misc]
    """Standard rates. An invoice that is issued keeps what it was taxed with."""

    list_display = ("country", percent, "effective_from", "effective_to")
    list_filter = ("country",)
    ordering = ("country", "effective_from")


@admin.register(LegalEntity)
class LegalEntityAdmin(ModelAdmin):  # type: ignore[misc]
    """Who sells. Issued invoices keep what it was; the first one is the default."""

    form = LegalEntityForm
    list_display = ("name", "country", "vat_id", "number_prefix", "is_tax_inclusive")
    ordering = ("pk",)

    def has_delete_permission(self, *_: Any) -> bool:
        """Its series of numbers would begin anew."""
        return False


@admin.register(TaxProfile)
class TaxProfileAdmin(ModelAdmin):  # type: ignore[misc]
    """The tenants' billing details; theirs to change, but for who sells to them."""

    list_display = ("name", tenant_name, "country", "vat_id", "legal_entity")
    list_select_related = ("tenant", "legal_entity")
    search_fields = ("name", "tenant__name", "vat_id")
    ordering = ("name",)
    readonly_fields = (
        *("tenant", "name", "address", "postcode", "city", "country"),
        *("is_business", "vat_id", "email", "reference"),
    )

    def has_add_permission(self, *_: Any) -> bool:
        return False
