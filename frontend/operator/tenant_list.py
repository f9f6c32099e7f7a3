"""The operator's list of tenants: searched, filtered, sorted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import (
    Count,
    DateTimeField,
    F,
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
from frontend.tables import Head, behind
from tenants.domain.api_keys import shown_prefix
from tenants.domain.currency import CURRENCIES
from tenants.models import ApiKey, Restriction, Tenant

PAGE_ROWS = 50
NO_PLAN = "-"
_KEY_PREFIX = "tf_"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ID_DIGITS_MAX = 18
SORTS = {"name": "sorted_name", "opened": "created_at", "call": "last_called_at"}
"""What an address may name -> the column; a minus before it turns the order round."""
DEFAULT_SORT = "name"
RESTRICTIONS = {
    Restriction.NONE: _("Not restricted"),
    Restriction.WARNED: _("Warned"),
    Restriction.NO_NEW_KEYS: _("No new keys"),
    Restriction.NO_CALLS: _("No calls, unpaid"),
}


class TenantFilterForm(forms.Form):
    """All of it is optional; what is empty lets everything pass."""

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
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

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
    def said(self) -> dict[str, str]:
        """What is not empty and means something."""
        self.full_clean()
        found = {name: value for name, value in self.cleaned_data.items() if value}
        if found.get("sort", "").removeprefix("-") not in SORTS:
            found.pop("sort", None)
        return found

    @property
    def is_filtered(self) -> bool:
        return bool(self.said.keys() - {"sort"})

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
    sort: str
    query: str
    """Of the address, without the place."""
    next_after: int | None
    """Id of the tenant that the next page begins behind; None: this is the last."""
    heads: Mapping[str, Head]


def read_page(form: TenantFilterForm, after: str) -> TenantPage:
    """Raises Http404 for a place that no page ever linked to."""
    said = form.said
    sort = said.get("sort", DEFAULT_SORT)
    fitting = Tenant.objects.filter(form.condition)
    is_falling = sort.startswith("-")
    place = F(SORTS[sort.removeprefix("-")])
    placed = _described(Tenant.objects.all(), now=form.now).annotate(place=place)
    rows = _described(fitting, now=form.now).annotate(place=place)
    rows = rows.filter(behind(placed, after, is_falling=is_falling))
    sign = "-" if is_falling else ""
    found = list(rows.order_by(f"{sign}place", f"{sign}pk")[: PAGE_ROWS + 1])
    shown = found[:PAGE_ROWS]
    return TenantPage(
        tenants=shown,
        count=fitting.count(),
        sort=sort,
        query=urlencode(said),
        next_after=shown[-1].pk if found[PAGE_ROWS:] else None,
        heads={name: _head(name, sort, said) for name in SORTS},
    )


def _described(tenants: QuerySet[Tenant], *, now: datetime) -> QuerySet[Any]:
    keys = ApiKey.objects.filter(tenant=OuterRef("pk")).order_by()
    latest = keys.exclude(last_used_at=None).order_by("-last_used_at")
    active = keys.filter(revoked_at=None).values("tenant").values(n=Count("*"))
    held = Subscription.objects.held_at(now).filter(tenant=OuterRef("pk"))
    return tenants.annotate(
        sorted_name=Lower("name"),
        last_call_at=Subquery(latest.values("last_used_at")[:1]),
        last_called_at=Coalesce(
            Subquery(latest.values("last_used_at")[:1]),
            Value(_NEVER),
            output_field=DateTimeField(),
        ),
        active_keys=Coalesce(Subquery(active), Value(0), output_field=IntegerField()),
        plan_name=Subquery(held.values("plan__name")[:1]),
    )


def _head(name: str, sort: str, said: Mapping[str, str]) -> Head:
    is_sorted = sort.removeprefix("-") == name
    # The first click on a time asks for the newest.
    wanted = name if name == DEFAULT_SORT else f"-{name}"
    if is_sorted:
        wanted = name if sort.startswith("-") else f"-{name}"
    aria = "descending" if sort.startswith("-") else "ascending"
    return Head(
        query=urlencode({**said, "sort": wanted}), aria_sort=aria if is_sorted else ""
    )
