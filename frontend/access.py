"""The sole door from a signed-in user to a tenant.

Every page of a tenant starts with `tenant_page`; every row is then looked up among
that tenant's own rows. Another tenant's row therefore answers 404, exactly like a row
that is not there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from frontend.accounts import signed_in_as
from frontend.currency import amounts_in
from frontend.parts import wants_part
from tenants.domain.roles import PERMISSIONS, Permission, Role
from tenants.models import Tenant, User
from tenants.row_security import SAFE_METHODS, reading_as
from tenants.services.list_members_of_user import TENANT_KEY, list_members_of_user

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
TenantPage = Callable[Concatenate[HttpRequest, "Access", P], HttpResponseBase]


_TO_LOOK = {Permission.VIEW, Permission.MANAGE}
"""What staff may who are signed in as a member: of these, pages that are only read."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """A user inside one tenant."""

    user: User
    tenant: Tenant
    role: Role
    other_tenants: tuple[Tenant, ...] = ()
    """Between which the user can switch."""
    seen_by: User | None = None
    """Staff who look at the pages as `user` sees them, and may do nothing else."""

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER and self.seen_by is None

    @property
    def may_build(self) -> bool:
        return self.may(Permission.BUILD)

    @property
    def may_limit(self) -> bool:
        return self.may(Permission.LIMIT)

    @property
    def may_pay(self) -> bool:
        return self.may(Permission.PAY)

    @property
    def may_manage(self) -> bool:
        return self.may(Permission.MANAGE)

    def may(self, permission: Permission) -> bool:
        if self.seen_by and permission not in _TO_LOOK:
            return False
        return permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied."""
        if not self.may(permission):
            raise PermissionDenied


def find_access(request: HttpRequest) -> Access | None:
    """The tenant that the request's user works in; None: anonymous, or in none.

    Looked up once a request. Whoever is a member of several tenants works in the one
    that the session names, or in the one joined first.
    """
    if not hasattr(request, "_tenant_access"):
        request._tenant_access = _look_up(request)  # type: ignore[attr-defined]  # noqa: SLF001
    access: Access | None = request._tenant_access  # type: ignore[attr-defined]  # noqa: SLF001
    return access


def _look_up(request: HttpRequest) -> Access | None:
    user: Any = request.user
    if not user.is_authenticated:
        return None
    if member := signed_in_as.find(request.session, user, now=timezone.now()):
        return Access(
            user=member.user,
            tenant=member.tenant,
            role=Role(member.role),
            seen_by=user,
        )
    members = list_members_of_user(user, chosen=request.session.get(TENANT_KEY))
    if not members:
        return None
    return Access(
        user=user,
        tenant=members[0].tenant,
        role=Role(members[0].role),
        other_tenants=tuple(one.tenant for one in members[1:]),
    )


def tenant_page(view: TenantPage[P]) -> Page[P]:
    """For every member. Gives the view its `Access`, and amounts the tenant's currency.
    Anonymous: to sign-in. Staff without a tenant: to the operator's pages. Anybody else
    without a tenant: a page that says so.
    """
    return _page(view, Permission.VIEW)


def tenant_page_for(needed: Permission) -> Callable[[TenantPage[P]], Page[P]]:
    """Like `tenant_page`; a member whose role does not allow it: 403."""

    def decorate(view: TenantPage[P]) -> Page[P]:
        return _page(view, needed)

    return decorate


def _page(view: TenantPage[P], needed: Permission) -> Page[P]:
    @wraps(view)
    def page(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        access = find_access(request)
        if access is not None:
            access.require(needed)
            if access.seen_by and request.method not in SAFE_METHODS:
                raise PermissionDenied
            with amounts_in(access.tenant.currency), _second_wall(request, access):
                return view(request, access, *args, **kwargs)
        if getattr(request.user, "is_staff", False):
            return redirect("frontend:operator")
        return render(request, "frontend/members/no_tenant.html", status=403)

    return page


def _second_wall(request: HttpRequest, access: Access) -> AbstractContextManager[None]:
    """What only reads, reads as the tenant; acts look their rows up by `access`."""
    if request.method in SAFE_METHODS:
        return reading_as(access.tenant.pk)
    return nullcontext()


def _ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page must not end up inside a page whose session has ended: htmx is
    told to load that page anew, which then leads there.
    """
    if wants_part(request):
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())


def operator_page(view: Page[P]) -> Page[P]:
    """Staff only. Anonymous: to sign-in. Anybody else: 403. Amounts are written in the
    installation's own currency, except where `{% amounts_in %}` names a row's.
    """

    @wraps(view)
    def page(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not getattr(request.user, "is_staff", False):
            raise PermissionDenied
        with amounts_in(settings.DEFAULT_CURRENCY):
            return view(request, *args, **kwargs)

    return login_required(page)


def check_may_set(request: HttpRequest) -> None:
    """As in the admin: staff may look, and only superusers decide what things cost."""
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
