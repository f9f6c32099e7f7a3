"""What an audit page asks for, and the entries that it gets."""

from datetime import UTC, datetime, time, timedelta
from typing import Self

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from frontend.lazy import lazy as _
from tenants.audit_models import AuditEntry
from tenants.models import Tenant

TITLES = {
    "": _("Everything"),
    "api_key.": _("API keys"),
    "limits.": _("Limits and budgets"),
    "member.": _("Members"),
    "project.": _("Projects"),
    "tenant.": _("The tenant"),
    "plan.": _("Plan"),
    "price.": _("Prices"),
    "credit.": _("Credit"),
    "card.": _("Cards"),
    "payment.": _("Payments"),
    "billing.": _("Billing details"),
    "invoice.": _("Invoices"),
    "webhook.": _("Webhooks"),
    "staff.": _("Looks of staff"),
}


class AuditFilter(forms.Form):
    about = forms.ChoiceField(choices=list(TITLES.items()), required=False)
    who = forms.CharField(required=False, max_length=254)
    since = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    @classmethod
    def of(cls, query: QueryDict) -> Self:
        """Days are UTC, both included."""
        form = cls(query)
        form.full_clean()
        return form

    def rows_of(self, tenant: Tenant) -> QuerySet[AuditEntry]:
        """Newest first. What is not understood narrows nothing down."""
        given = self.cleaned_data
        rows = AuditEntry.objects.filter(tenant=tenant).order_by("-pk")
        if about := given.get("about"):
            rows = rows.filter(action__startswith=about)
        if who := given.get("who"):
            rows = rows.filter(actor_name__icontains=who)
        if since := given.get("since"):
            rows = rows.filter(at__gte=datetime.combine(since, time(), tzinfo=UTC))
        if until := given.get("until"):
            end = datetime.combine(until, time(), tzinfo=UTC) + timedelta(days=1)
            rows = rows.filter(at__lt=end)
        return rows

    @property
    def narrows(self) -> bool:
        return any(self.cleaned_data.values())
