"""The operator's view of prices, rating, books and invoices.

Typed in are prices (through the service), sellers and tax rates; the rest is history.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

import billing.dispute_admin  # noqa: F401  registers its page
from billing.domain.money import UNITS_PER_RATE, amount_of_cents, exact_amount
from billing.forms import LegalEntityForm, PriceForm
from billing.models.credit import CreditGrant
from billing.models.invoices import Invoice, LineItem
from billing.models.ledger import LedgerEntry, LedgerTransaction
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod, RatedCharge
from billing.models.tax_rates import TaxRate
from billing.models.taxes import LegalEntity, TaxProfile
from tenants.read_only_admin import ReadOnlyMixin


@admin.display(description="Amount")
def amount(row: LedgerEntry | LineItem | RatedCharge | CreditGrant) -> str:
    return exact_amount(row.amount_nanos)


@admin.display(description="Total", ordering="total_cents")
def total(row: Invoice) -> str:
    return amount_of_cents(row.total_cents)


@admin.display(description="Tenant", ordering="tenant__name")
def tenant_name(
    row: Invoice | LedgerTransaction | BillingPeriod | CreditGrant | TaxProfile,
) -> str:
    """With what its amounts are in."""
    return f"{row.tenant.name}, {row.tenant.currency}"


@admin.display(description="Model", ordering="served_model__name")
def model_name(row: PriceVersion) -> str:
    return row.served_model.name


@admin.display(description="New input, per million")
def new_input_rate(row: PriceVersion) -> str:
    return exact_amount(row.new_input_nanos_per_million)


@admin.display(description="Cached input, per million")
def cached_input_rate(row: PriceVersion) -> str:
    return exact_amount(row.cached_input_nanos_per_million)


@admin.display(description="Output, per million")
def output_rate(row: PriceVersion) -> str:
    return exact_amount(row.output_nanos_per_million)


@admin.display(description="Per image")
def image_rate(row: PriceVersion) -> str:
    """Exact: a rate is typed per image, and kept per million."""
    rate = row.image_nanos_per_million
    return "not sold" if rate is None else exact_amount(rate // UNITS_PER_RATE)


def _lease_rate(rate: int | None) -> str:
    return "not sold" if rate is None else exact_amount(rate)


@admin.display(description="Leases in GPU memory, per million MB·s")
def lease_hbm_rate(row: PriceVersion) -> str:
    return _lease_rate(row.hbm_mb_s_nanos_per_million)


@admin.display(description="Leases in host memory, per million MB·s")
def lease_host_rate(row: PriceVersion) -> str:
    return _lease_rate(row.host_mb_s_nanos_per_million)


@admin.display(description="Leases on disk, per million MB·s")
def lease_disk_rate(row: PriceVersion) -> str:
    return _lease_rate(row.disk_mb_s_nanos_per_million)


@admin.register(CreditGrant)
class CreditGrantAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    """Granted by `manage.py grant_credit`."""

    list_display = (
        tenant_name,
        amount,
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
        new_input_rate,
        cached_input_rate,
        output_rate,
        image_rate,
        lease_hbm_rate,
        lease_host_rate,
        lease_disk_rate,
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
    fields = ("key", "quantity", amount)
    readonly_fields = (amount,)
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
        amount,
        "amount_cents",
    )
    readonly_fields = (amount,)
    extra = 0


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "number",
        tenant_name,
        "status",
        "period_start",
        "period_end",
        total,
        "issued_at",
    )
    list_filter = ("status", "period_start")
    list_select_related = ("tenant",)
    search_fields = ("number", "tenant__name", "tenant__slug")
    ordering = ("-period_start", "-id")
    inlines = (LineItemInline,)


class LedgerEntryInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = LedgerEntry
    fields = ("account_kind", amount)
    readonly_fields = ("account_kind", amount)
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
