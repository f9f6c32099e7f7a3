"""The sole door from a signed-in user to a tenant.

Every page of a tenant starts with `tenant_page`; every row is then looked up among
that tenant's own rows. Another tenant's row therefore answers 404, exactly like a row
that is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from frontend.parts import wants_part
from tenants.models import Member, Role, Tenant, User

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
TenantPage = Callable[Concatenate[HttpRequest, "Access", P], HttpResponseBase]


@dataclass(frozen=True, kw_only=True)
class Access:
    """A user inside one tenant."""

    user: User
    tenant: Tenant
    role: Role

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER


def find_access(request: HttpRequest) -> Access | None:
    """The tenant that the request's user works in; None: anonymous, or in none.

    Looked up once a request. Whoever is a member of several tenants works in the one
    joined first: there is no switch between tenants yet.
    """
    if not hasattr(request, "_tenant_access"):
        request._tenant_access = _look_up(request.user)  # type: ignore[attr-defined]  # noqa: SLF001
    access: Access | None = request._tenant_access  # type: ignore[attr-defined]  # noqa: SLF001
    return access


def _look_up(user: Any) -> Access | None:
    if not user.is_authenticated:
        return None
    member = (
        Member.objects.select_related("tenant").filter(user=user).order_by("pk").first()
    )
    if member is None:
        return None
    return Access(user=user, tenant=member.tenant, role=Role(member.role))


def tenant_page(view: TenantPage[P]) -> Page[P]:
    """Gives the view its `Access`. Anonymous: to sign-in. Staff without a tenant: to
    the operator's pages. Anybody else without a tenant: a page that says so.
    """

    @wraps(view)
    def page(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        access = find_access(request)
        if access is not None:
            return view(request, access, *args, **kwargs)
        if getattr(request.user, "is_staff", False):
            return redirect("frontend:operator")
        return render(request, "frontend/no_tenant.html", status=403)

    return page


def _ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page must not end up inside a page whose session has ended: htmx is
    told to load that page anew, which then leads there.
    """
    if wants_part(request):
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())


def operator_page(view: Page[P]) -> Page[P]:
    """Staff only. Anonymous: to sign-in. Anybody else: 403."""

    @wraps(view)
    def page(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not getattr(request.user, "is_staff", False):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return login_required(page)


def check_may_set(request: HttpRequest) -> None:
    """As in the admin: staff may look, and only superusers decide what things cost."""
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
