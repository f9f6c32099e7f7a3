"""The audit log of a tenant: who did what to its members, keys, limits and money."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.append_only import append_only, no_truncate
from tenants.domain.actors import ActorKind
from tenants.models import Tenant

WORDS_CHARACTERS_MAX = 300
_KEPT = "the audit log is kept"


class AuditEntry(models.Model):
    """One act. It refers to no row that may go, and is read when they are gone."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="audit_entries")
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

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}"
