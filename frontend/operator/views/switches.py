"""What is switched on for all tenants. Staff see it, superusers change it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from billing.services.prices.set_switches import FIELDS, set_switches
from frontend.access import check_may_set, operator_page
from tenants.switches_models import SignUps, Switches

_INVALID = 422


class SwitchesForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    sign_ups = forms.ChoiceField(
        label=_("Sign-ups"),
        choices=[
            (SignUps.OPEN.value, _("Open to everybody")),
            (SignUps.INVITED.value, _("By invitation only")),
            (SignUps.CLOSED.value, _("Closed: no new users")),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    banner_url = forms.URLField(
        label=_("Its link"),
        help_text=_("Where more is said, such as an incident; may be empty."),
        required=False,
        max_length=300,
        assume_scheme="https",
    )

    class Meta:
        model = Switches
        fields = FIELDS
        labels = {
            "has_playground": _("Playground"),
            "sells_leases": _("Sell new KV leases"),
            "sells_cached_prompts": _("Sell new cached prompts"),
            "banner_text": _("Announcement"),
        }
        help_texts = {
            "has_playground": _("Off: its page is away and gives out no secrets."),
            "sells_leases": _(
                "Off: turns run without a new lease, or are refused where they insist;"
                " what was sold runs on, cached prompts too."
            ),
            "sells_cached_prompts": _("Off: those that there are go on."),
            "banner_text": _("On every page of everybody; empty: none."),
        }

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("banner_url") and not given.get("banner_text"):
            self.add_error("banner_text", gettext("A link needs a text."))
        return given


@require_http_methods(["GET", "POST"])
@operator_page
def switches(request: HttpRequest) -> HttpResponse:
    row = Switches.objects.first() or Switches()
    if request.method != "POST":
        return _page(request, SwitchesForm(instance=row))
    check_may_set(request)
    form = SwitchesForm(request.POST, instance=row)
    if not form.is_valid():
        return _page(request, form)
    if set_switches(form.instance):
        messages.success(request, gettext("Switched; it holds within seconds."))
    return redirect("frontend:operator_switches")


def _page(request: HttpRequest, form: SwitchesForm) -> HttpResponse:
    status = _INVALID if form.errors else 200
    may_set = getattr(request.user, "is_superuser", False)
    context = {"form": form, "may_set": may_set}
    return render(request, "frontend/operator/switches.html", context, status=status)
