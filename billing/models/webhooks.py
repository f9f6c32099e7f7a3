"""What tenants' own systems are told: where to, what, and how each try went."""

from typing import Self
from uuid import uuid4

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, QuerySet

from tenants.append_only import no_truncate, refusing
from tenants.models import Tenant

ATTEMPTS_KEPT_DAYS = 30
_KEPT = "the log of deliveries is kept"


class WebhookEndpointQuerySet(QuerySet["WebhookEndpoint"]):
    def in_use(self) -> Self:
        return self.filter(removed_at__isnull=True)

    def subscribed(self, tenant_id: int, kind: str) -> Self:
        wants = Q(types__isnull=True) | Q(types__contains=[kind])
        return self.in_use().filter(wants, tenant_id=tenant_id, is_enabled=True)


class WebhookEndpoint(models.Model):
    """An address of a tenant that is told what happens. Its secret is derived, never
    kept (`billing.domain.webhook_secrets`).
    """

    public_id = models.UUIDField(unique=True, default=uuid4)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="webhook_endpoints")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True, default="")
    types = ArrayField(models.CharField(max_length=64), null=True, blank=True)
    """Of the events that it is told; null: of all."""
    secret_number = models.PositiveIntegerField(default=1)
    """Which of its secrets signs; one more with each rotation."""
    rotated_at = models.DateTimeField(null=True, blank=True)
    """Since when; the secret before signs as well for a day. Null: it is the first."""
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, default="")
    """Why nothing is sent; empty while it is enabled."""
    succeeded_at = models.DateTimeField(null=True, blank=True)
    """The last time that a message arrived; null: none did."""
    rests_until = models.DateTimeField(null=True, blank=True)
    """Nothing is sent there before: somebody is sending now, or it has just failed.
    Null: no message was ever sent there."""
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    """Taken away by the tenant; its log stays for a while. Null: it is in use."""

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["id", "tenant"], name="webhook_endpoint_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(types__isnull=True) | Q(types__len__gt=0),
                name="webhook_endpoint_types_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(is_enabled=True, disabled_reason="")
                | (Q(is_enabled=False) & ~Q(disabled_reason="")),
                name="webhook_endpoint_says_why_it_is_disabled",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant"],
                condition=Q(removed_at__isnull=True),
                name="webhook_endpoint_in_use",
            )
        ]

    def __str__(self) -> str:
        return self.url


class WebhookMessage(models.Model):
    """One event for one endpoint: sent until it arrives, or until the last try."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="webhook_messages")
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.CASCADE, related_name="messages", db_constraint=False
    )
    """Guarded by a key together with the tenant."""
    message_id = models.CharField(max_length=36, unique=True)
    """The same in every try, so that whoever gets it twice can tell."""
    type = models.CharField(max_length=64)
    payload = models.TextField()
    """The body, byte for byte: it is signed, and jsonb would write it differently."""
    created_at = models.DateTimeField()
    """When it happened."""
    attempts = models.PositiveIntegerField(default=0)
    """Tries since it was made, or since it was last asked for again."""
    next_try_at = models.DateTimeField(null=True, blank=True)
    """Null: it arrived or was given up. It waits while its endpoint is disabled."""
    delivered_at = models.DateTimeField(null=True, blank=True)
    """Null: it has not arrived."""
    failed_at = models.DateTimeField(null=True, blank=True)
    """When it was given up; null: it was not."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["id", "tenant"], name="webhook_message_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(next_try_at__isnull=True)
                | Q(delivered_at__isnull=True, failed_at__isnull=True),
                name="webhook_message_due_or_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_try_at"],
                condition=Q(next_try_at__isnull=False),
                name="webhook_message_due",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_message_log"),
            models.Index(fields=["created_at"], name="webhook_message_by_age"),
        ]

    def __str__(self) -> str:
        return self.message_id


class WebhookAttempt(models.Model):
    """One try, and what came back."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="webhook_attempts")
    message = models.ForeignKey(
        WebhookMessage,
        models.CASCADE,
        related_name="tries",
        db_constraint=False,
    )
    """Guarded by a key together with the tenant."""
    attempted_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    """Of the answer; null: there was none."""
    answer = models.CharField(max_length=500, blank=True)
    """The first of it; or, where there was none, why."""

    class Meta:
        triggers = [
            refusing(pgtrigger.Update, name="never_changed", saying=_KEPT),
            refusing(
                pgtrigger.Delete,
                name="kept_for_days",
                saying=_KEPT,
                condition=pgtrigger.Condition(
                    f"OLD.attempted_at > now() - interval '{ATTEMPTS_KEPT_DAYS} days'"
                ),
            ),
            no_truncate(_KEPT),
        ]

    def __str__(self) -> str:
        return f"{self.status} at {self.attempted_at:%Y-%m-%d %H:%M}"
