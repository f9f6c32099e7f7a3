"""The filters of the request log, as its address says them."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django import forms
from django.db.models import F, Q
from django.utils.translation import gettext

from frontend.currency import with_currency
from frontend.keys.offered_keys import offered_keys
from frontend.lazy import lazy as _
from frontend.usage.ranges import TITLES, find_span
from inference.models import ServedModel
from metering.wire import Outcome
from tenants.models import ApiKey, Member, Project, Tenant
from tenants.money_field import MoneyField

ENDPOINTS = (
    "chat.completions",
    "completions",
    "responses",
    "messages",
    "embeddings",
    "images.generations",
)
OUTCOMES = {
    Outcome.COMPLETED: _("Complete"),
    Outcome.CLIENT_GONE: _("Stopped by the client"),
    Outcome.ENGINE_FAILED: _("Broken off"),
    Outcome.UNBILLED: _("Failed, not billed"),
}
_STREAMED = {"yes": _("Streamed"), "no": _("Not streamed")}
_MS_MAX = 24 * 3_600_000
_ANY = ""
Row = TypeVar("Row", ApiKey, Member, Project)


def find_named(model: type[Row], tenant: Tenant, wanted: str) -> Row | None:
    """None: none was named. Raises its DoesNotExist for what is not the tenant's."""
    if not wanted:
        return None
    if not wanted.isdecimal() or len(wanted) > 18:  # noqa: PLR2004  fits a bigint
        raise model.DoesNotExist
    return model.objects.get(tenant=tenant, pk=int(wanted))


class CallFilterForm(forms.Form):
    """All of it is optional; what is empty lets everything pass."""

    range = forms.ChoiceField(label=_("Time"), required=False)
    model = forms.ChoiceField(label=_("Model"), required=False)
    project = forms.ChoiceField(label=_("Project"), required=False)
    key = forms.ChoiceField(label=_("API key"), required=False)
    endpoint = forms.ChoiceField(label=_("Endpoint"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    streamed = forms.ChoiceField(label=_("Streamed"), required=False)
    cost = MoneyField(label=with_currency(_("Costs at least")), required=False)
    ms = forms.IntegerField(
        label=_("Takes at least, ms"), required=False, min_value=1, max_value=_MS_MAX
    )

    def __init__(
        self, tenant: Tenant, data: Any, *, api_key: ApiKey | None, now: datetime
    ) -> None:
        super().__init__(data)
        self.now = now
        self._offer("range", TITLES, gettext("Any time"))
        names = ServedModel.objects.order_by("name").values_list("name", flat=True)
        self._offer("model", {name: name for name in names}, gettext("All models"))
        projects = Project.objects.filter(tenant=tenant).order_by("name", "pk")
        self._offer(
            "project", {str(p.pk): p.name for p in projects}, gettext("All projects")
        )
        mine = ApiKey.objects.filter(tenant=tenant)
        keys = {str(key.pk): key.name for key in offered_keys(mine, api_key)}
        self._offer("key", keys, gettext("All keys"))
        self._offer(
            "endpoint", {name: name for name in ENDPOINTS}, gettext("All endpoints")
        )
        outcomes = {one.value: title for one, title in OUTCOMES.items()}
        self._offer("outcome", outcomes, gettext("All outcomes"))
        self._offer("streamed", _STREAMED, gettext("Streamed or not"))

    def _offer(self, name: str, choices: dict[str, str], of_all: str) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  they all are
        field.choices = [(_ANY, of_all), *choices.items()]

    @property
    def condition(self) -> Q:
        """What a call must be. The form must be valid."""
        said = self.cleaned_data
        found = self._span()
        for name in ("model", "endpoint", "outcome"):
            if said[name]:
                found &= Q(**{name: said[name]})
        if said["project"]:
            found &= Q(project_id=int(said["project"]))
        if said["key"]:
            found &= Q(api_key_id=int(said["key"]))
        if said["streamed"]:
            found &= Q(streamed=said["streamed"] == "yes")
        if said["cost"]:
            found &= Q(cost_nanos__gte=said["cost"])
        if said["ms"]:
            latest = F("happened_at") - timedelta(milliseconds=said["ms"])
            found &= Q(received_at__lte=latest)
        return found

    def _span(self) -> Q:
        if not (self.cleaned_data["range"] or self.has_own_span):
            return Q()
        span = find_span(self.data, now=self.now)
        return Q(happened_at__gte=span.start, happened_at__lt=span.end)

    @property
    def has_own_span(self) -> bool:
        return bool(self.data.get("from") and self.data.get("to"))

    @property
    def is_narrowing(self) -> bool:
        """Calls may have to be passed over until enough are found."""
        return any(
            value for name, value in self.cleaned_data.items() if name != "range"
        )
