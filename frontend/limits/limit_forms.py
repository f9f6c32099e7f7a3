"""What owners may type about limits and budgets."""

from typing import Any

from django import forms
from django.utils.translation import gettext

from frontend import formatting
from frontend.currency import with_currency
from frontend.keys.offered_keys import find_key, offered_keys
from frontend.lazy import lazy as _
from frontend.limits.limit_overview import KINDS, PERIODS
from tenants.domain.limits import AMOUNT_MAX, DEFAULT_THRESHOLDS_PERCENT
from tenants.models import ApiKey, Project, Tenant
from tenants.money_field import MoneyField
from tenants.percents_field import PercentsField
from tenants.services.set_rate_limits import LimitName
from tenants.services.subject import Subject
from tenants.wire import LimitKind, SpendPeriod


def subjects_of(tenant: Tenant, *, named: str) -> dict[str, tuple[str, Subject]]:
    """Title and row of what may be limited, by the name that forms use; of thousands of
    keys those used last, and the one that is named.
    """
    found: dict[str, tuple[str, Subject]] = {"tenant": (gettext("All calls"), tenant)}
    for project in Project.objects.filter(tenant=tenant).order_by("name", "pk"):
        found[f"project:{project.pk}"] = (
            gettext("Project %(name)s") % {"name": project.name},
            project,
        )
    keys = ApiKey.objects.filter(tenant=tenant, revoked_at=None)
    chosen = find_key(keys, named.removeprefix("key:"))
    for key in offered_keys(keys, chosen):
        found[f"key:{key.pk}"] = (
            gettext("Key %(name)s (%(prefix)s…)")
            % {"name": key.name, "prefix": key.prefix},
            key,
        )
    return found


class SubjectForm(forms.Form):
    """Whose spend of which period; another tenant's key is no choice."""

    subject = forms.ChoiceField(
        label=_("Whose calls"),
        help_text=_("Of many keys those used last; the others' pages lead here too."),
    )
    period = forms.ChoiceField(
        label=_("Per (UTC)"),
        choices=[(period.value, title) for period, title in PERIODS.items()],
        initial=SpendPeriod.MONTH.value,
    )

    def __init__(self, tenant: Tenant, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        named = (self.data if self.is_bound else self.initial).get("subject", "")
        self._subjects = subjects_of(tenant, named=named)
        self.fields["subject"].choices = [  # type: ignore[attr-defined]
            (name, title) for name, (title, _) in self._subjects.items()
        ]

    def clean_subject(self) -> Subject:
        return self._subjects[self.cleaned_data["subject"]][1]

    def clean_period(self) -> SpendPeriod:
        return SpendPeriod(self.cleaned_data["period"])


class SpendLimitForm(SubjectForm):
    amount_nanos = MoneyField(
        label=with_currency(_("Amount")),
        help_text=_("A call that might cost more than what is left is refused."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


class BudgetForm(SubjectForm):
    amount_nanos = MoneyField(
        label=with_currency(_("Amount")),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    thresholds_percent = PercentsField(
        label=_("Mail at, %"),
        initial=DEFAULT_THRESHOLDS_PERCENT,
        help_text=_("One to five numbers. A budget tells; it refuses no call."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _of_whole_tenant(amount: int | None) -> str:
    return (
        gettext("The whole tenant: %(amount)s.") % {"amount": formatting.whole(amount)}
        if amount
        else ""
    )


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
