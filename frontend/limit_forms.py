"""What owners may type about limits and budgets."""

from typing import Any

from django import forms

from frontend.currency import with_currency
from frontend.limits import KINDS, PERIODS
from tenants.domain.limits import AMOUNT_MAX, DEFAULT_THRESHOLDS_PERCENT
from tenants.models import ApiKey, Project, Tenant
from tenants.money_field import MoneyField
from tenants.percents_field import PercentsField
from tenants.services.set_rate_limits import LimitName
from tenants.services.subject import Subject
from tenants.wire import LimitKind, SpendPeriod


def subjects_of(tenant: Tenant) -> dict[str, tuple[str, Subject]]:
    """Title and row of all that may be limited, by the name that forms use."""
    found: dict[str, tuple[str, Subject]] = {"tenant": ("All calls", tenant)}
    for project in Project.objects.filter(tenant=tenant).order_by("name", "pk"):
        found[f"project:{project.pk}"] = (f"Project {project.name}", project)
    keys = ApiKey.objects.filter(tenant=tenant, revoked_at=None)
    for key in keys.order_by("name", "pk"):
        found[f"key:{key.pk}"] = (f"Key {key.name} ({key.prefix}…)", key)
    return found


class SubjectForm(forms.Form):
    """Whose spend of which period; another tenant's key is no choice."""

    subject = forms.ChoiceField(label="Whose calls")
    period = forms.ChoiceField(
        label="Per (UTC)",
        choices=[(period.value, title) for period, title in PERIODS.items()],
        initial=SpendPeriod.MONTH.value,
    )

    def __init__(self, tenant: Tenant, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._subjects = subjects_of(tenant)
        self.fields["subject"].choices = [  # type: ignore[attr-defined]
            (name, title) for name, (title, _) in self._subjects.items()
        ]

    def clean_subject(self) -> Subject:
        return self._subjects[self.cleaned_data["subject"]][1]

    def clean_period(self) -> SpendPeriod:
        return SpendPeriod(self.cleaned_data["period"])


class SpendLimitForm(SubjectForm):
    amount_nanos = MoneyField(
        label=with_currency("Amount"),
        help_text="A call that might cost more than what is left is refused.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


class BudgetForm(SubjectForm):
    amount_nanos = MoneyField(
        label=with_currency("Amount"),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    thresholds_percent = PercentsField(
        label="Mail the owners at, %",
        initial=DEFAULT_THRESHOLDS_PERCENT,
        help_text="One to five numbers. A budget tells; it refuses no call.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _of_whole_tenant(amount: int | None) -> str:
    return f"The whole tenant: {amount:,}." if amount else ""


class KeyLimitsForm(forms.Form):
    """One field for each kind, for calls of all models."""

    def __init__(
        self, of_tenant: dict[LimitName, int], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        for kind, title in KINDS.items():
            self.fields[kind.value] = forms.IntegerField(
                label=title,
                required=False,
                min_value=1,
                max_value=AMOUNT_MAX,
                help_text=_of_whole_tenant(of_tenant.get((kind, None))),
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
            )

    @property
    def limits(self) -> dict[LimitKind, int]:
        return {
            kind: amount
            for kind in KINDS
            if (amount := self.cleaned_data[kind.value]) is not None
        }
