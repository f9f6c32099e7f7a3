"""The audit logs: who did what to a tenant's members, keys, limits and money; and what
staff did to what all tenants share.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.append_only import append_only, no_truncate
from tenants.domain.actors import ActorKind
from tenants.models import Tenant

WORDS_CHARACTERS_MAX = 300
_KEPT = "the audit log is kept"


class _Act(models.Model):
    """One act. It refers to no row that may go, and is read when they are gone."""

    at = models.DateTimeField(db_default=Now())
    """When it was written, in the transaction of the act."""
    actor_kind = models.CharField(
        max_length=8, choices=[(kind.value, kind.value) for kind in ActorKind]
    )
    actor_id = models.BigIntegerField(null=True)
    """Of a user, a key or a staff token; null: Tokenfab itself."""
    actor_name = models.CharField(max_length=254)
    action = models.CharField(max_length=60)
    """What was done to what, such as `api_key.issued`."""
    about_id = models.CharField(max_length=40)
    """Id of what it was done to."""
    words = models.CharField(max_length=WORDS_CHARACTERS_MAX)
    """A few, for people; never a secret."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}"


class AuditEntry(_Act):
    """An act upon what is one tenant's."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="audit_entries")

    class Meta:
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]
        indexes = [models.Index(fields=["tenant", "-id"], name="audit_entry_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(actor_kind__in=[kind.value for kind in ActorKind]),
                name="audit_entry_actor_known",
            ),
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+\.[a-z_]+$"),
                name="audit_entry_action_shape",
            ),
        ]


class StaffEntry(_Act):
    """An act upon what serves all tenants: an engine, a switch, a list of prices."""

    class Meta:
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]
        indexes = [
            models.Index(fields=["action", "about_id", "-id"], name="staff_entry_about")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(actor_kind__in=[kind.value for kind in ActorKind]),
                name="staff_entry_actor_known",
            ),
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+\.[a-z_]+$"),
                name="staff_entry_action_shape",
            ),
        ]
