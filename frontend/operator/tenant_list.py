"""The operator's list of tenants: searched, filtered, sorted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import (
    Count,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from billing.models.plans import Plan, Subscription
from frontend.filter_form import FilterForm
from frontend.tables import Head, Rules, read_table
from tenants.domain.api_keys import shown_prefix
from tenants.domain.currency import CURRENCIES
from tenants.models import ApiKey, Restriction, Tenant

NO_PLAN = "-"
_KEY_PREFIX = "tf_"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ID_DIGITS_MAX = 18
_RULES = Rules(
    sorts={
        "name": Lower("name"),
        "opened": "created_at",
        "call": Coalesce("last_call_at", Value(_NEVER)),
    },
    default="name",
)
RESTRICTIONS = {
    Restriction.NONE: _("Not restricted"),
    Restriction.WARNED: _("Warned"),
    Restriction.NO_NEW_KEYS: _("No new keys"),
    Restriction.NO_CALLS: _("No calls, unpaid"),
}


class TenantFilterForm(FilterForm):
    """All of it is optional; what is empty lets everything pass."""

    rules = _RULES
    q = forms.CharField(
        required=False,
        max_length=100,
        label=_("Name, mail, #id, key"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    plan = forms.ChoiceField(label=_("Plan"), required=False)
    restriction = forms.ChoiceField(
        label=_("Restriction"),
        required=False,
        choices=[("", _("Any restriction")), *RESTRICTIONS.items()],
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Any state")),
            ("active", _("Not suspended")),
            ("suspended", _("Suspended")),
        ],
    )
    currency = forms.ChoiceField(
        label=_("Currency"),
        required=False,
        choices=[("", _("All currencies")), *((code, code) for code in CURRENCIES)],
    )

    def __init__(self, data: Any, *, now: datetime) -> None:
        super().__init__(data)
        self.now = now
        plans = Plan.objects.order_by("name", "pk").values_list("pk", "name")
        field = self.fields["plan"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = [
            ("", _("All plans")),
            *((str(pk), name) for pk, name in plans),
            (NO_PLAN, _("Without a plan")),
        ]

    @property
    def condition(self) -> Q:
        said = self.said
        condition = _search(said["q"].strip()) if "q" in said else Q()
        for name in ("restriction", "currency"):
            if name in said:
                condition &= Q(**{name: said[name]})
        if "state" in said:
            condition &= Q(suspended_at__isnull=said["state"] == "active")
        if "plan" in said:
            condition &= self._on_plan(said["plan"])
        return condition

    def _on_plan(self, wanted: str) -> Q:
        held = Subscription.objects.held_at(self.now)
        if wanted == NO_PLAN:
            return ~Q(pk__in=held.values("tenant"))
        return Q(pk__in=held.filter(plan=int(wanted)).values("tenant"))


def _search(wanted: str) -> Q:
    if wanted.startswith(_KEY_PREFIX):
        # Of a whole secret too only what pages show is asked for.
        keys = ApiKey.objects.filter(prefix__startswith=shown_prefix(wanted))
        return Q(pk__in=keys.values("tenant"))
    condition = (
        Q(name__icontains=wanted)
        | Q(slug__icontains=wanted)
        | Q(pk__in=Tenant.objects.filter(members__user__email__icontains=wanted))
    )
    number = wanted.removeprefix("#")
    if number.isdecimal() and len(number) <= _ID_DIGITS_MAX:
        condition |= Q(pk=int(number))
    return condition


@dataclass(frozen=True, kw_only=True)
class TenantPage:
    tenants: list[Any]
    count: int
    """That fit, on all pages."""
    query: str
    """Of the address, without the place."""
    next_after: int | None
    """Id of the tenant that the next page begins behind; None: this is the last."""
    heads: Mapping[str, Head]


def read_page(form: TenantFilterForm, after: str) -> TenantPage:
    """Raises Http404 for a place that no page ever linked to."""
    every = _described(Tenant.objects.all(), now=form.now)
    fitting = Tenant.objects.filter(form.condition)
    rows = _described(fitting, now=form.now)
    table = read_table(form.address(after), rows, form.rules, among=every)
    return TenantPage(
        tenants=table.rows,
        count=fitting.count(),
        query=table.query,
        next_after=table.rows[-1].pk if table.next_query else None,
        heads=table.heads,
    )


def _described(tenants: QuerySet[Tenant], *, now: datetime) -> QuerySet[Any]:
    keys = ApiKey.objects.filter(tenant=OuterRef("pk")).order_by()
    latest = keys.exclude(last_used_at=None).order_by("-last_used_at")
    active = keys.filter(revoked_at=None).values("tenant").values(n=Count("*"))
    held = Subscription.objects.held_at(now).filter(tenant=OuterRef("pk"))
    return tenants.annotate(
        last_call_at=Subquery(latest.values("last_used_at")[:1]),
        active_keys=Coalesce(Subquery(active), Value(0), output_field=IntegerField()),
        plan_name=Subquery(held.values("plan__name")[:1]),
    )
