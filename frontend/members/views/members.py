"""Who belongs to a tenant: list, invite, change the role, remove, leave."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.members.member_forms import InvitationForm, roles_to_give
from frontend.tables import Rules, read_table
from frontend.undo import offer_undo
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
_MEMBERS = Rules(
    sorts={"since": "created_at", "email": "user__email", "role": "role"},
    default="since",
    search=("user__email", "role"),
)


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
    context = _context(request, access, form)
    return render(request, "frontend/members/members.html", context, status=status)


def _context(
    request: HttpRequest, access: Access, form: InvitationForm
) -> dict[str, Any]:
    now = timezone.now()
    rows = access.tenant.members.select_related("user")
    table = read_table(request.GET, rows, _MEMBERS)
    open_ones = open_invitations().filter(tenant=access.tenant)
    return {
        "form": form,
        "table": table,
        "members": [_describe(row, access) for row in table.rows],
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
        messages.success(
            request,
            gettext("%(email)s has mail: the link works for a week.")
            % {"email": email},
        )
    else:
        messages.error(
            request,
            gettext("%(email)s is invited, but the mail did not go out. Send it again.")
            % {"email": email},
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
    now = timezone.now()
    try:
        revoke_invitation(
            tenant=access.tenant,
            invitation_id=invitation_id,
            by=access.user,
            now=now,
        )
    except TenantsError as error:
        return _refused(request, error)
    told = _("The invitation is taken back: its link does nothing.")
    offer_undo(request, access, told, act="invitation", id=invitation_id, at=now)
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
    messages.success(
        request, gettext("The role is changed; it holds from the next click on.")
    )
    return redirect(_PAGE)


@require_http_methods(["GET", "POST"])
@tenant_page
def remove(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    """Anybody may remove themselves; others as their role says."""
    now = timezone.now()
    try:
        member = find_member(access.tenant, member_id)
        _check_may_remove(access, member)
        form = _leaving_form(request, access, member)
        if not form.is_valid():
            return _ask(request, access, member, form)
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
        messages.success(
            request, gettext("You left %(name)s.") % {"name": access.tenant.name}
        )
        return redirect("frontend:overview")
    messages.success(
        request,
        gettext("%(email)s is no member any more.") % {"email": member.user.email},
    )
    return redirect(_PAGE)


def _check_may_remove(access: Access, member: Member) -> None:
    is_me = member.user_id == access.user.pk
    if not (is_me or may_set_role(access.role, before=Role(member.role), after=None)):
        raise RoleNotAllowedError


def _leaving_form(
    request: HttpRequest, access: Access, member: Member
) -> TypedNameForm:
    if member.user_id == access.user.pk:
        label = _("Type the name of what you leave")
        return TypedNameForm(access.tenant.name, *posted(request), label=label)
    label = _("Type the address")
    return TypedNameForm(member.user.email, *posted(request), label=label)


def _ask(
    request: HttpRequest, access: Access, member: Member, form: TypedNameForm
) -> HttpResponse:
    context = {
        "form": form,
        "revokes": request.POST.get("keys") == "revoke",
        "member": member,
        "is_me": member.user_id == access.user.pk,
        "keys": living_keys_of(member, now=timezone.now()),
    }
    return render_form(request, "frontend/members/remove_member.html", context)


def _refused(request: HttpRequest, error: TenantsError) -> HttpResponse:
    """Another tenant's answers like one that is not there."""
    if isinstance(error, MemberNotFoundError | InvitationNotFoundError):
        raise Http404 from error
    if isinstance(error, RoleNotAllowedError):
        raise PermissionDenied from error
    messages.error(request, str(error))
    return redirect(_PAGE)
