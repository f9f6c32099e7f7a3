"""Invitations: how somebody becomes a member of a tenant that exists."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from tenants.domain.roles import Role
from tenants.models import ROLES, Tenant

_OPEN = Q(accepted_at__isnull=True, revoked_at__isnull=True)


class Invitation(models.Model):
    """Whoever reads the mails of `email` may join once, until it ends."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=ROLES)
    digest = models.BinaryField(max_length=32, unique=True)
    """SHA-256 of the secret in the latest mail's link."""
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    """Null: that user was deleted."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """First instant at which the link no longer works; each mail moves it."""
    sent_at = models.DateTimeField(null=True)
    """When the latest mail went out; null: it did not."""
    accepted_at = models.DateTimeField(null=True)
    """When it was used; null: it was not."""
    revoked_at = models.DateTimeField(null=True)
    """When it was taken back; null: it was not."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=_OPEN,
                name="invitation_one_open_per_address",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="invitation_email_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]),
                name="invitation_role_known",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="invitation_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} by invitation"


def open_invitations() -> models.QuerySet[Invitation]:
    """Neither used nor taken back; they may have expired."""
    return Invitation.objects.filter(_OPEN)
