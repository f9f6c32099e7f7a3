"""Whether a project's calls are kept with their texts."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from frontend.access import Access, tenant_page_for
from frontend.calls.text_retention_form import TextRetentionForm
from metering.services.forget_texts import forget_texts
from tenants.domain.roles import Permission
from tenants.models import Project
from tenants.services.set_text_retention import set_text_retention


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.MANAGE)
def text_retention(
    request: HttpRequest, access: Access, project_id: int
) -> HttpResponse:
    project = get_object_or_404(Project, pk=project_id, tenant=access.tenant)
    initial = {"days": project.text_retention_days}
    form = TextRetentionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["days"]
        set_text_retention(project_id=project.pk, tenant_id=access.tenant.pk, days=days)
        # At once, and not with the next beat, which sees to the other projects.
        forget_texts(now=timezone.now(), project_id=project.pk)
        messages.success(request, _("Saved. It holds within a second or two."))
        return redirect("frontend:projects")
    status = 422 if form.errors else 200
    context = {"form": form, "project": project}
    return render(request, "frontend/calls/text_retention.html", context, status=status)
