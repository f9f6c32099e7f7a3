"""Staff look at a tenant's pages as one of its members; who, why and when is logged."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from frontend.access import operator_page
from frontend.accounts import signed_in_as
from frontend.lazy import lazy as _
from tenants.models import Member, Tenant, User
from tenants.services.note_act import note_act

_REASON_CHARACTERS_MAX = 200


class SignInAsForm(forms.Form):
    member = forms.ModelChoiceField(
        queryset=Member.objects.none(), label=_("As"), empty_label=None
    )
    reason = forms.CharField(
        max_length=_REASON_CHARACTERS_MAX,
        label=_("Why"),
        help_text=_("The tenant's owners and admins read it in their audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, tenant: Tenant, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # Django's own
        field = self.fields["member"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  declared above
        field.queryset = tenant.members.select_related("user").order_by("pk")
        field.label_from_instance = _label_of  # type: ignore[method-assign,assignment]


def _label_of(member: Member) -> str:
    return f"{member.user.email} ({member.role})"


@require_http_methods(["GET", "POST"])
@operator_page
def sign_in_as(request: HttpRequest, tenant_id: int) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    form = SignInAsForm(tenant, request.POST or None)
    if form.is_valid():
        member: Member = form.cleaned_data["member"]
        words = f"as {member.user.email}: {form.cleaned_data['reason']}"
        note_act("staff.signed_in_as", tenant_id=tenant.pk, about=member, words=words)
        signed_in_as.begin(request.session, member, now=timezone.now())
        return redirect("frontend:overview")
    status = 422 if form.errors else 200
    context = {"form": form, "tenant": tenant}
    return render(request, "frontend/operator/sign_in_as.html", context, status=status)


@require_POST
@operator_page
def stop(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101  staff are
    member = signed_in_as.end(request.session, request.user, now=timezone.now())
    if member is None:
        return redirect("frontend:operator")
    words = f"no longer as {member.user.email}"
    tenant_id = member.tenant_id
    note_act("staff.signed_out_as", tenant_id=tenant_id, about=member, words=words)
    messages.success(request, gettext("You are yourself again."))
    return redirect("frontend:operator_tenant", tenant_id)
