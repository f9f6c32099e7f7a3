"""The operator's engines: how they are, and taking one out of work. Staff only."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from frontend.access import operator_page
from frontend.confirm_form import TypedNameForm, render_form
from frontend.operator.fleet import (
    RESTARTS_OF,
    EngineFacts,
    find_engine,
    find_epochs,
    find_fleet,
    is_last_of_its_model,
)
from frontend.operator.kv_memory import read_kv_memory
from frontend.parts import wants_part
from frontend.progress import read_progress
from inference.services.drain_engine import drain_engine
from inference.services.resume_engine import resume_engine

_REASON_CHARACTERS_MAX = 200


class DrainForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=_REASON_CHARACTERS_MAX,
        required=False,
        help_text=gettext_lazy("For the staff log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class LastDrainForm(DrainForm, TypedNameForm):
    """Of the last engine of a model, after which nothing answers its calls."""

    field_order = ("reason", "name")


@require_safe
@operator_page
def engines(request: HttpRequest) -> HttpResponse:
    context = {
        "fleet": find_fleet(now=timezone.now()),
        "days": RESTARTS_OF.days,
        "memory": read_kv_memory(),
        "progress": read_progress(settings.ENGINE_PROGRESS_FILE),
    }
    return render(request, "frontend/operator/engines.html", context)


@require_safe
@operator_page
def engine(request: HttpRequest, engine_id: int) -> HttpResponse:
    facts = _find(engine_id)
    part = "frontend/operator/engine_live.html"
    context = {
        "facts": facts,
        "engine": facts.engine,
        "days": RESTARTS_OF.days,
        "epochs": find_epochs(facts.engine),
        "may_drain": _may_drain(request),
    }
    page = part if wants_part(request) else "frontend/operator/engine.html"
    return render(request, page, context)


@require_http_methods(["GET", "POST"])
@operator_page
def drain(request: HttpRequest, engine_id: int) -> HttpResponse:
    _check_may_drain(request)
    facts = _find(engine_id)
    is_last = is_last_of_its_model(facts.engine)
    data = request.POST if request.method == "POST" else None
    form = LastDrainForm(facts.engine.name, data) if is_last else DrainForm(data)
    if request.method == "POST" and form.is_valid():
        drain_engine(engine_id=engine_id, reason=form.cleaned_data["reason"].strip())
        text = _("%s gets no new calls. What runs on it ends by itself.")
        messages.success(request, text % facts.engine.name)
        return redirect("frontend:operator_engine", engine_id)
    context = {"facts": facts, "engine": facts.engine, "is_last": is_last, "form": form}
    return render_form(request, "frontend/operator/drain.html", context)


@require_POST
@operator_page
def resume(request: HttpRequest, engine_id: int) -> HttpResponse:
    _check_may_drain(request)
    facts = _find(engine_id)
    if resume_engine(engine_id=engine_id):
        messages.success(request, _("%s gets calls again.") % facts.engine.name)
    return redirect("frontend:operator_engine", engine_id)


def _find(engine_id: int) -> EngineFacts:
    facts = find_engine(engine_id, now=timezone.now())
    if facts is None:
        raise Http404
    return facts


def _may_drain(request: HttpRequest) -> bool:
    """As in the admin."""
    return bool(request.user.has_perm("inference.change_engine"))


def _check_may_drain(request: HttpRequest) -> None:
    if not _may_drain(request):
        raise PermissionDenied
