"""What was said in calls, where a project wants it kept for a while."""

from django.db import models


class KeptText(models.Model):
    """The request and the answer of one call; forgotten when its time is over, or the
    project wants them no longer. Nothing is billed or limited by it.
    """

    event_id = models.UUIDField(primary_key=True)
    """Of the usage event, which may be stored later than this."""
    tenant_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    happened_at = models.DateTimeField()
    request = models.TextField()
    """The JSON that the engine was sent."""
    answer = models.TextField()
    """The JSON that was answered; of a stream its server-sent events."""
    is_streamed = models.BooleanField()
    is_cut = models.BooleanField()
    """One of the two was too long to be kept whole."""

    class Meta:
        db_table = "kept_text"
        indexes = [
            models.Index(fields=["project_id", "happened_at"], name="kept_text_by_age")
        ]

    def __str__(self) -> str:
        return f"text of {self.event_id}"
