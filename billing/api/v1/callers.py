"""Who asks the management API, and for whom."""

from dataclasses import dataclass
from http import HTTPStatus

from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.utils import timezone
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from billing.api.v1.refusals import RefusedError
from billing.domain import staff_tokens
from billing.services.api_access.find_staff_token import find_staff_token
from tenants.domain.actors import Actor, ActorKind
from tenants.domain.roles import OF_API_KEYS, PERMISSIONS, Permission, Role
from tenants.models import Restriction, Tenant, User
from tenants.services.find_api_key import find_api_key
from tenants.services.list_members_of_user import TENANT_KEY, list_members_of_user
from tenants.wire import KeyScope

TENANT_HEADER = "Tokenfab-Tenant"
_OWES = {Restriction.NO_NEW_KEYS, Restriction.NO_CALLS}
_REALM = 'Bearer realm="Tokenfab"'


@dataclass(frozen=True, kw_only=True)
class Caller:
    name: str
    """`key:12`, `user:3` or `staff:4`."""
    actor: Actor
    """As the audit log names them."""
    tenant: Tenant | None
    """Whose things are asked for; None: staff who named nobody."""
    permissions: frozenset[Permission]
    """Of a member by the role; staff's are asked for apart."""
    is_staff: bool
    is_superuser: bool
    """Staff who decide what things cost: a superuser, or a staff token."""
    is_read_only: bool = False
    """A key of a tenant that owes so long that it gets no new ones."""
    is_suspended: bool = False
    """A key of a tenant whose calls staff refuse."""


class BearerAuthentication(BaseAuthentication):
    """A tenant's API key, or a staff token."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        caller = _find(secret.strip().decode("latin-1"), request)
        if caller is None:
            raise AuthenticationFailed("This key cannot be used.")
        return AnonymousUser(), caller

    def authenticate_header(self, request: Request) -> str:
        del request
        return _REALM


class PortalAuthentication(SessionAuthentication):
    """Whoever is signed in to the portal; changes carry its CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        found = super().authenticate(request)
        if found is None or not isinstance(found[0], User):
            return None
        user = found[0]
        return user, _caller_of_user(user, request)


def _find(secret: str, request: Request) -> Caller | None:
    now = timezone.now()
    if secret.startswith(staff_tokens.PREFIX):
        token = find_staff_token(secret, now=now)
        if token is None:
            return None
        actor = Actor(kind=ActorKind.STAFF, id=token.pk, name=token.name)
        tenant = _named_tenant(request)
        return _staff(f"staff:{token.pk}", actor, tenant, is_superuser=True)
    api_key = find_api_key(secret, now=now)
    if api_key is None:
        return None
    if not api_key.may(KeyScope.ACCOUNT):
        raise RefusedError(
            "This API key's scopes leave out `account`: use another.",
            code="scope_missing",
            status=HTTPStatus.FORBIDDEN,
        )
    slug = request.headers.get(TENANT_HEADER)
    if slug is not None and slug != api_key.tenant.slug:
        raise Http404
    return Caller(
        name=f"key:{api_key.pk}",
        actor=Actor(kind=ActorKind.KEY, id=api_key.pk, name=f"{api_key.prefix}…"),
        tenant=api_key.tenant,
        permissions=OF_API_KEYS,
        is_staff=False,
        is_superuser=False,
        is_read_only=api_key.tenant.restriction in _OWES,
        is_suspended=api_key.tenant.suspended_at is not None,
    )


def _caller_of_user(user: User, request: Request) -> Caller:
    """In the tenant that the header names; without, in the one that the portal's
    pages are about.
    """
    members = list_members_of_user(user, chosen=request.session.get(TENANT_KEY))
    slug, name = request.headers.get(TENANT_HEADER), f"user:{user.pk}"
    staff = Actor(kind=ActorKind.STAFF, id=user.pk, name=user.email)
    if user.is_staff and slug is not None:
        tenant = _named_tenant(request)
        return _staff(name, staff, tenant, is_superuser=user.is_superuser)
    named = (one for one in members if slug in {None, one.tenant.slug})
    member = next(named, None)
    if member is None and user.is_staff:
        return _staff(name, staff, None, is_superuser=user.is_superuser)
    if member is None:
        raise Http404
    return Caller(
        name=name,
        actor=Actor(kind=ActorKind.USER, id=user.pk, name=user.email),
        tenant=member.tenant,
        permissions=PERMISSIONS[Role(member.role)],
        is_staff=user.is_staff,
        is_superuser=user.is_staff and user.is_superuser,
    )


def _staff(
    name: str, actor: Actor, tenant: Tenant | None, *, is_superuser: bool
) -> Caller:
    return Caller(
        name=name,
        actor=actor,
        tenant=tenant,
        permissions=frozenset(),
        is_staff=True,
        is_superuser=is_superuser,
    )


def _named_tenant(request: Request) -> Tenant | None:
    """Raises Http404."""
    slug = request.headers.get(TENANT_HEADER)
    if slug is None:
        return None
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise Http404
    return tenant
