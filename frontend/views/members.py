"""Who belongs to a tenant: list, invite, change the role, remove, leave."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.member_forms import InvitationForm, roles_to_give
from tenants.domain.roles import Permission, Role, may_set_role
from tenants.errors import (
    InvitationNotFoundError,
    MemberNotFoundError,
    RoleNotAllowedError,
    TenantsError,
)
from tenants.invitation_models import open_invitations
from tenants.models import Member
from tenants.services.acting_member import find_member
from tenants.services.change_role import change_role
from tenants.services.invite_member import IssuedInvitation, invite_member
from tenants.services.remove_member import living_keys_of, remove_member
from tenants.services.resend_invitation import resend_invitation
from tenants.services.revoke_invitation import revoke_invitation
from tenants.services.send_invitation import send_invitation

_PAGE = "frontend:members"


@require_http_methods(["GET", "POST"])
@tenant_page
def members(request: HttpRequest, access: Access) -> HttpResponse:
    """Every member sees it; a POST invites."""
    form = InvitationForm(access)
    if request.method == "POST":
        access.require(Permission.MANAGE)
        form = InvitationForm(access, request.POST)
        if form.is_valid() and (issued := _invite(form, access)):
            _send(request, issued)
            return redirect(_PAGE)
    status = 422 if form.errors else 200
    context = _context(access, form)
    return render(request, "frontend/members.html", context, status=status)


def _context(access: Access, form: InvitationForm) -> dict[str, Any]:
    now = timezone.now()
    rows = access.tenant.members.select_related("user").order_by("pk")
    open_ones = open_invitations().filter(tenant=access.tenant)
    return {
        "form": form,
        "members": [_describe(row, access) for row in rows],
        "invitations": [
            {"row": row, "is_over": row.expires_at <= now}
            for row in open_ones.select_related("invited_by").order_by("pk")
        ],
        "roles": roles_to_give(access),
        "role_names": [value for value, _ in roles_to_give(access)],
    }


def _describe(row: Member, access: Access) -> dict[str, Any]:
    role = Role(row.role)
    return {
        "row": row,
        "is_me": row.user_id == access.user.pk,
        "may_change": may_set_role(access.role, before=role, after=Role.VIEWER),
    }


def _invite(form: InvitationForm, access: Access) -> IssuedInvitation | None:
    """None: refused, and the form says why."""
    try:
        return invite_member(
            tenant=access.tenant,
            email=form.cleaned_data["email"],
            role=form.cleaned_data["role"],
            by=access.user,
            now=timezone.now(),
        )
    except TenantsError as error:
        form.add_error("email", str(error))
        return None


def _send(request: HttpRequest, issued: IssuedInvitation) -> None:
    path = reverse("frontend:invitation", args=[issued.secret])
    email = issued.invitation.email
    url = f"{settings.PORTAL_URL}{path}"
    if send_invitation(issued, url=url, now=timezone.now()):
        messages.success(request, f"{email} has mail: the link works for a week.")
    else:
        messages.error(
            request, f"{email} is invited, but the mail did not go out. Send it again."
        )


@require_POST
@tenant_page_for(Permission.MANAGE)
def resend(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    try:
        issued = resend_invitation(
            tenant=access.tenant,
            invitation_id=invitation_id,
            by=access.user,
            now=timezone.now(),
        )
    except TenantsError as error:
        return _refused(request, error)
    _send(request, issued)
    return redirect(_PAGE)


@require_POST
@tenant_page_for(Permission.MANAGE)
def take_back(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    try:
        revoke_invitation(
            tenant=access.tenant,
            invitation_id=invitation_id,
            by=access.user,
            now=timezone.now(),
        )
    except TenantsError as error:
        return _refused(request, error)
    messages.success(request, "The invitation is taken back: its link does nothing.")
    return redirect(_PAGE)


@require_POST
@tenant_page_for(Permission.MANAGE)
def set_role(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    role = request.POST.get("role", "")
    if role not in set(Role):
        raise Http404
    try:
        change_role(
            tenant=access.tenant, member_id=member_id, role=Role(role), by=access.user
        )
    except TenantsError as error:
        return _refused(request, error)
    messages.success(request, "The role is changed; it holds from the next click on.")
    return redirect(_PAGE)


@require_http_methods(["GET", "POST"])
@tenant_page
def remove(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Anybody may remove themselves; others as their role says."""
    now = timezone.now()
    try:
        member = find_member(access.tenant, member_id)
        _check_may_remove(access, member)
        if request.method != "POST":
            return _ask(request, access, member, now)
        with_keys = request.POST.get("keys") == "revoke"
        remove_member(
            tenant=access.tenant,
            member_id=member_id,
            by=access.user,
            with_keys=with_keys,
            now=now,
        )
    except TenantsError as error:
        return _refused(request, error)
    if member.user_id == access.user.pk:
        messages.success(request, f"You left {access.tenant.name}.")
        return redirect("frontend:overview")
    messages.success(request, f"{member.user.email} is no member any more.")
    return redirect(_PAGE)


def _check_may_remove(access: Access, member: Member) -> None:
    is_me = member.user_id == access.user.pk
    if not (is_me or may_set_role(access.role, before=Role(member.role), after=None)):
        raise RoleNotAllowedError


def _ask(
    request: HttpRequest, access: Access, member: Member, now: datetime
) -> HttpResponse:
    context = {
        "member": member,
        "is_me": member.user_id == access.user.pk,
        "keys": living_keys_of(member, now=now),
    }
    return render(request, "frontend/remove_member.html", context)


def _refused(request: HttpRequest, error: TenantsError) -> HttpResponse:
    """Another tenant's answers like one that is not there."""
    if isinstance(error, MemberNotFoundError | InvitationNotFoundError):
        raise Http404 from error
    if isinstance(error, RoleNotAllowedError):
        raise PermissionDenied from error
    messages.error(request, str(error))
    return redirect(_PAGE)
