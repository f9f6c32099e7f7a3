"""The limits of a tenant and of a key, edited in the admin beside what they limit."""

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.domain.limits import DEFAULT_THRESHOLDS_PERCENT
from tenants.errors import TenantsError
from tenants.models import ApiKey, Budget, OfSubject, Project, RateLimit, SpendLimit
from tenants.money_field import MoneyField
from tenants.percents_field import PercentsField
from tenants.services.remove_budget import remove_budget
from tenants.services.remove_spend_limit import remove_spend_limit
from tenants.services.set_budget import set_budget
from tenants.services.set_rate_limits import LimitName, set_rate_limits
from tenants.services.set_spend_limit import set_spend_limit
from tenants.services.subject import Subject
from tenants.wire import LimitKind, SpendPeriod


class EachOnceFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # in stubs only
    """Two rows for one thing would leave it open which of them holds."""

    def clean(self) -> None:
        super().clean()
        names = [_name_of(row) for row in kept_rows(self)]
        if len(names) > len(set(names)):
            raise ValidationError("The same is limited twice.")


def kept_rows(formset: Any) -> list[dict[str, Any]]:
    """The rows as typed, less the empty ones and those to be taken away."""
    return [
        form.cleaned_data
        for form in formset.forms
        if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
    ]


def _name_of(row: dict[str, Any]) -> tuple[Any, ...]:
    what = ("project", "kind", "model", "period")
    return tuple(row.get(column) or None for column in what)


class RateLimitForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_model(self) -> str | None:
        return self.cleaned_data["model"] or None


class SpendLimitForm(forms.ModelForm):  # type: ignore[type-arg]
    amount_nanos = MoneyField(label="Amount", widget=UnfoldAdminTextInputWidget)


class BudgetForm(SpendLimitForm):
    thresholds_percent = PercentsField(
        label="Mails at, %",
        widget=UnfoldAdminTextInputWidget,
        initial=DEFAULT_THRESHOLDS_PERCENT,
    )


class LimitInline(TabularInline):  # type: ignore[misc]
    formset = EachOnceFormSet
    extra = 0

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return request.user.has_perm("tenants.change_tenant")

    has_change_permission = has_delete_permission = has_add_permission

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A tenant's page shows what holds for it and its projects; a key's page has
        the key's.
        """
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.order_by("project_id", "pk")
        return rows.filter(api_key=None) if self.fk_name == "tenant" else rows

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **options: Any
    ) -> Any:
        if db_field.name == "project" and request.resolver_match:
            tenant_id = request.resolver_match.kwargs["object_id"]
            options["queryset"] = Project.objects.filter(tenant_id=tenant_id)
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "project":
            field.empty_label = "the whole tenant"
        return field


class TenantRateLimits(LimitInline):
    model, form, fk_name = RateLimit, RateLimitForm, "tenant"
    fields = ("project", "kind", "model", "amount")


class TenantSpendLimits(LimitInline):
    model, form, fk_name = SpendLimit, SpendLimitForm, "tenant"
    fields = ("project", "period", "amount_nanos")


class TenantBudgets(LimitInline):
    model, form, fk_name = Budget, BudgetForm, "tenant"
    fields = ("project", "period", "amount_nanos", "thresholds_percent")


class KeyRateLimits(LimitInline):
    model, form, fk_name = RateLimit, RateLimitForm, "api_key"
    fields = ("kind", "model", "amount")


class KeySpendLimits(LimitInline):
    model, form, fk_name = SpendLimit, SpendLimitForm, "api_key"
    fields = ("period", "amount_nanos")


class KeyBudgets(LimitInline):
    model, form, fk_name = Budget, BudgetForm, "api_key"
    fields = ("period", "amount_nanos", "thresholds_percent")


class SavesLimitsMixin:
    """For the admin of a tenant or a key: its inlines are saved by the services."""

    def save_formset(
        self, request: HttpRequest, form: Any, formset: Any, change: bool
    ) -> None:
        del change
        formset.save(commit=False)  # notes what changed, for the history
        if not issubclass(formset.model, OfSubject):
            return
        try:
            _SAVE[formset.model](form.instance, formset)
        except TenantsError as error:
            messages.error(request, str(error))


def _subject_of(parent: Subject, row: dict[str, Any]) -> Subject:
    return row.get("project") or parent


def _save_rate_limits(parent: Subject, formset: Any) -> None:
    wanted: dict[Subject, dict[LimitName, int]] = defaultdict(dict)
    wanted[parent] = {}
    if not isinstance(parent, ApiKey):
        wanted |= {row.project: {} for row in formset.queryset if row.project}
    for row in kept_rows(formset):
        name = (LimitKind(row["kind"]), row["model"])
        wanted[_subject_of(parent, row)][name] = row["amount"]
    for subject, limits in wanted.items():
        set_rate_limits(subject=subject, limits=limits)


def _periods(parent: Subject, formset: Any) -> dict[tuple[Subject, str], Any]:
    return {
        (_subject_of(parent, row), row["period"]): row for row in kept_rows(formset)
    }


def _gone(
    parent: Subject, formset: Any, kept: dict[tuple[Subject, str], Any]
) -> list[tuple[Subject, SpendPeriod]]:
    before = [(row.project or parent, row.period) for row in formset.queryset]
    return [
        (one, SpendPeriod(period))
        for one, period in before
        if (one, period) not in kept
    ]


def _save_spend_limits(parent: Subject, formset: Any) -> None:
    kept = _periods(parent, formset)
    for subject, period in _gone(parent, formset, kept):
        remove_spend_limit(subject=subject, period=period)
    for (subject, name), row in kept.items():
        set_spend_limit(
            subject=subject,
            period=SpendPeriod(name),
            amount_nanos=row["amount_nanos"],
        )


def _save_budgets(parent: Subject, formset: Any) -> None:
    kept = _periods(parent, formset)
    for subject, period in _gone(parent, formset, kept):
        remove_budget(subject=subject, period=period)
    for (subject, name), row in kept.items():
        set_budget(
            subject=subject,
            period=SpendPeriod(name),
            amount_nanos=row["amount_nanos"],
            thresholds_percent=row["thresholds_percent"],
        )


_SAVE = {
    RateLimit: _save_rate_limits,
    SpendLimit: _save_spend_limits,
    Budget: _save_budgets,
}
