"""The operator's view of disputes: all that is typed in is the answer."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from billing.domain.money import exact_amount
from billing.models.disputes import DisputeStatus, LineDispute
from billing.services.receipts.resolve_dispute import resolve_dispute
from tenants.read_only_admin import NeitherAddedNorDeletedMixin


class AnswerForm(forms.ModelForm):  # type: ignore[type-arg]
    resolution = forms.CharField(widget=forms.Textarea, max_length=2000)

    class Meta:
        model = LineDispute
        fields = ("resolution",)


@admin.display(description="Tenant", ordering="tenant__name")
def tenant_name(row: LineDispute) -> str:
    return row.tenant.name


@admin.display(description="Invoice")
def invoice_number(row: LineDispute) -> str:
    return row.line.invoice.number or ""


@admin.display(description="Billed")
def billed_amount(row: LineDispute) -> str:
    return exact_amount(row.line.amount_nanos)


@admin.display(description="From events")
def derived_amount(row: LineDispute) -> str:
    return exact_amount(row.derived_amount_nanos)


@admin.display(description="Difference")
def difference_amount(row: LineDispute) -> str:
    return exact_amount(row.difference_nanos)


@admin.register(LineDispute)
class LineDisputeAdmin(NeitherAddedNorDeletedMixin, ModelAdmin):  # type: ignore[misc]
    """Answer with words; a credit note is issued on the invoice."""

    form = AnswerForm
    list_display = (
        tenant_name,
        invoice_number,
        "line",
        "status",
        difference_amount,
        "opened_at",
    )
    list_filter = ("status", "opened_at")
    list_select_related = ("tenant", "line__invoice")
    ordering = ("-opened_at",)
    readonly_fields = (
        tenant_name,
        invoice_number,
        "line",
        "note",
        billed_amount,
        derived_amount,
        difference_amount,
        "derived_quantity",
        "opened_at",
        "resolved_at",
    )
    fields = (*readonly_fields, "resolution")

    def has_change_permission(
        self, request: HttpRequest, obj: LineDispute | None = None
    ) -> bool:
        """An answer is given once."""
        allowed: bool = super().has_change_permission(request, obj)
        is_open = obj is None or obj.status == DisputeStatus.OPEN
        return allowed and is_open

    def save_model(
        self, _request: HttpRequest, obj: LineDispute, form: AnswerForm, _change: Any
    ) -> None:
        resolve_dispute(
            obj.pk, resolution=form.cleaned_data["resolution"], now=timezone.now()
        )
