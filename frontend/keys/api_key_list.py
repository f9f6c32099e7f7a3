"""A tenant's API keys: searched, filtered, sorted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from frontend.tables import Head, behind
from tenants.domain.api_keys import shown_prefix
from tenants.models import ApiKey, Tenant

PAGE_ROWS = 50
SORTS = {"name": "sorted_name", "used": "sorted_use", "created": "created_at"}
"""What an address may name -> the column; a minus before it turns the order round."""
DEFAULT_SORT = "-created"
WORKING, ENDED, ALL = "working", "ended", "all"
_KEY_PREFIX = "tf_"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class ApiKeyFilterForm(forms.Form):
    """All of it is optional; unless said otherwise the keys that work are shown."""

    q = forms.CharField(
        required=False,
        max_length=100,
        label=_("Name, maker or begin of the key"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Keys that work")),
            (ENDED, _("Revoked or expired")),
            (ALL, _("All keys")),
        ],
    )
    project = forms.ChoiceField(label=_("Project"), required=False)
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, tenant: Tenant, data: Any) -> None:
        super().__init__(data)
        projects = tenant.projects.order_by("name", "pk").values_list("pk", "name")
        self.projects = [(str(pk), name) for pk, name in projects]
        self.fields["project"].choices = [  # type: ignore[attr-defined]
            ("", _("All projects")),
            *self.projects,
        ]
        if len(self.projects) == 1:
            del self.fields["project"]

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

    def condition(self, now: datetime) -> Q:
        said = self.said
        condition = _search(said["q"].strip()) if "q" in said else Q()
        if "project" in said:
            condition &= Q(project=int(said["project"]))
        works = _works(now)
        match said.get("state", WORKING):
            case "working":
                return condition & works
            case "ended":
                return condition & ~works
        return condition


def _works(now: datetime) -> Q:
    is_not_over = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return Q(revoked_at__isnull=True) & is_not_over


def _search(wanted: str) -> Q:
    if wanted.startswith(_KEY_PREFIX):
        # Of a whole secret too only what pages show is asked for.
        return Q(prefix__startswith=shown_prefix(wanted))
    return Q(name__icontains=wanted) | Q(created_by__email__icontains=wanted)


@dataclass(frozen=True, kw_only=True)
class ApiKeyPage:
    keys: list[Any]
    count: int
    """That fit, on all pages."""
    query: str
    """Of the address, without the place."""
    next_after: int | None
    """Id of the key that the next page begins behind; None: this is the last."""
    heads: Mapping[str, Head]


def read_page(
    tenant: Tenant, form: ApiKeyFilterForm, after: str, *, now: datetime
) -> ApiKeyPage:
    """Raises Http404 for a place that no page of the tenant's ever linked to."""
    said = form.said
    sort = said.get("sort", DEFAULT_SORT)
    fitting = ApiKey.objects.filter(form.condition(now), tenant=tenant)
    is_falling = sort.startswith("-")
    place = F(SORTS[sort.removeprefix("-")])
    mine = _described(ApiKey.objects.filter(tenant=tenant)).annotate(place=place)
    rows = _described(fitting).annotate(place=place)
    rows = rows.filter(behind(mine, after, is_falling=is_falling))
    sign = "-" if is_falling else ""
    ordered = rows.order_by(f"{sign}place", f"{sign}pk")
    found = list(ordered.select_related("created_by", "project")[: PAGE_ROWS + 1])
    shown = found[:PAGE_ROWS]
    return ApiKeyPage(
        keys=shown,
        count=fitting.count(),
        query=urlencode(said),
        next_after=shown[-1].pk if found[PAGE_ROWS:] else None,
        heads={name: _head(name, sort, said) for name in SORTS},
    )


def _described(keys: QuerySet[ApiKey]) -> QuerySet[Any]:
    return keys.annotate(
        sorted_name=Lower("name"),
        sorted_use=Coalesce(
            "last_used_at", Value(_NEVER), output_field=DateTimeField()
        ),
    )


def _head(name: str, sort: str, said: dict[str, str]) -> Head:
    is_shown = sort.removeprefix("-") == name
    is_falling = sort.startswith("-")
    # Names begin with A, times with the latest.
    first = name if name == "name" else f"-{name}"
    turned = name if is_falling else f"-{name}"
    aria_sort = ""
    if is_shown:
        aria_sort = "descending" if is_falling else "ascending"
    wanted = turned if is_shown else first
    return Head(query=urlencode({**said, "sort": wanted}), aria_sort=aria_sort)
