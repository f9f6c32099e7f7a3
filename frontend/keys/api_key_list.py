"""A tenant's API keys: searched, filtered, sorted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from frontend.filter_form import FilterForm
from frontend.tables import Head, Rules, read_table
from tenants.domain.api_keys import shown_prefix
from tenants.models import ApiKey, Tenant

WORKING, ENDED, ALL = "working", "ended", "all"
_KEY_PREFIX = "tf_"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_RULES = Rules(
    sorts={
        "name": Lower("name"),
        "used": Coalesce("last_used_at", Value(_NEVER)),
        "created": "created_at",
    },
    default="-created",
)


class ApiKeyFilterForm(FilterForm):
    """All of it is optional; unless said otherwise the keys that work are shown."""

    rules = _RULES
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
    mine = ApiKey.objects.filter(tenant=tenant)
    fitting = mine.filter(form.condition(now))
    rows = fitting.select_related("created_by", "project")
    table = read_table(form.address(after), rows, form.rules, among=mine)
    return ApiKeyPage(
        keys=table.rows,
        count=fitting.count(),
        query=table.query,
        next_after=table.rows[-1].pk if table.next_query else None,
        heads=table.heads,
    )
