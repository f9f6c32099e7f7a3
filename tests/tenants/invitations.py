"""Invitations as services make them."""

from datetime import datetime

from tenants.domain.roles import Role
from tenants.models import Tenant, User
from tenants.services.invite_member import IssuedInvitation, invite_member


def invite(
    tenant: Tenant,
    by: User,
    now: datetime,
    *,
    email: str = "nora@acme.example",
    role: Role = Role.DEVELOPER,
) -> IssuedInvitation:
    return invite_member(tenant=tenant, email=email, role=role, by=by, now=now)
