"""Incidents of the public status page, written by staff."""

from django import forms
from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from frontend.access import operator_page
from frontend.status.status_page import incidents as all_incidents
from frontend.status.status_page import title_of
from frontend.tables import Rules, read_table
from metering.domain.components import API, PORTAL, USAGE
from metering.services.report_incident import report_incident, update_incident
from metering.status_models import (
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    ComponentDay,
    Impact,
    Incident,
    Phase,
)

_INVALID = 422
_INCIDENTS = Rules(
    sorts={"begun": "started_at", "title": Lower("title")},
    default="-begun",
    search=("title",),
)
_IMPACTS = [
    (Impact.MINOR.value, _("Minor: slower, or a part of it")),
    (Impact.MAJOR.value, _("Major: calls or pages fail")),
    (Impact.MAINTENANCE.value, _("Maintenance")),
]
_PHASES = [
    (Phase.INVESTIGATING.value, _("Investigating")),
    (Phase.IDENTIFIED.value, _("Identified")),
    (Phase.MONITORING.value, _("Monitoring")),
    (Phase.RESOLVED.value, _("Resolved")),
]


class UpdateForm(forms.Form):
    phase = forms.ChoiceField(label=_("State"), choices=_PHASES)
    text = forms.CharField(
        max_length=TEXT_CHARACTERS_MAX,
        label=_("What to tell"),
        help_text=_("Everybody can read it, and it is not changed afterwards."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class IncidentForm(UpdateForm):
    title = forms.CharField(max_length=TITLE_CHARACTERS_MAX, label=_("Title"))
    impact = forms.ChoiceField(label=_("Impact"), choices=_IMPACTS)
    components = forms.MultipleChoiceField(
        label=_("What it is about"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    field_order = ("title", "impact", "components", "phase", "text")

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # Django's own
        probed = ComponentDay.objects.order_by("component").values_list(
            "component", flat=True
        )
        names = dict.fromkeys([API, *probed.distinct(), PORTAL, USAGE])
        field = self.fields["components"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  as above
        field.choices = [(name, title_of(name)) for name in names]


@require_http_methods(["GET", "POST"])
@operator_page
def incidents(request: HttpRequest) -> HttpResponse:
    """All of them; a POST begins one."""
    form = IncidentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        begun = report_incident(
            title=given["title"],
            impact=Impact(given["impact"]),
            components=given["components"],
            phase=Phase(given["phase"]),
            text=given["text"],
            now=timezone.now(),
        )
        messages.success(request, gettext("It is on the status page."))
        return redirect("frontend:operator_incident", begun.pk)
    status = _INVALID if form.errors else 200
    table = read_table(request.GET, all_incidents(), _INCIDENTS)
    context = {"form": form, "table": table}
    return render(request, "frontend/operator/incidents.html", context, status=status)


@require_http_methods(["GET", "POST"])
@operator_page
def incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    """One of them; a POST says more of it, or ends it."""
    found = get_object_or_404(Incident, pk=incident_id)
    form = UpdateForm(
        request.POST if request.method == "POST" else None,
        initial={"phase": _next_phase(found)},
    )
    if form.is_valid():
        given = form.cleaned_data
        update_incident(
            found, phase=Phase(given["phase"]), text=given["text"], now=timezone.now()
        )
        messages.success(request, gettext("It is on the status page."))
        return redirect("frontend:operator_incident", incident_id)
    status = _INVALID if form.errors else 200
    context = {
        "form": form,
        "incident": found,
        "components": [title_of(name) for name in found.components],
        "updates": found.updates.order_by("-at", "-pk"),
    }
    return render(request, "frontend/operator/incident.html", context, status=status)


def _next_phase(incident: Incident) -> str:
    latest = incident.updates.order_by("-at", "-pk").first()
    return latest.phase if latest else Phase.INVESTIGATING
