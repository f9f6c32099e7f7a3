"""Who else may use the management API, and what its callers were answered."""

from django.db import models

from tenants.models import User


class StaffToken(models.Model):
    """Secret by which a program acts as staff. The secret itself is not kept."""

    name = models.CharField(max_length=100)
    """What it is for."""
    digest = models.BinaryField(max_length=32, unique=True)
    """SHA-256 of the secret."""
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True)
    """Null: made by a command, or the person is gone."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    """Null: it was not revoked."""

    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """What an act that carried an idempotency key was answered: a repeat of the act is
    answered the same and does nothing.
    """

    caller = models.CharField(max_length=40)
    """`key:12`, `user:3` or `staff:4`: keys of two callers have nothing to do with each
    other."""
    idempotency_key = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32)
    """SHA-256 of what was asked: path, tenant and body."""
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    """JSON, without what is shown once."""
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["caller", "idempotency_key"], name="kept_answer_once"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="kept_answer_by_age")]

    def __str__(self) -> str:
        return self.idempotency_key
