"""The audit: what engines counted, and the statements that compare it with events.

Readings, statements and acceptances are never changed. Readings may be thinned out.
"""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet

from metering.domain.reconciliation import Source, Status
from tenants.append_only import append_only, refusing

_KEPT = "the audit is kept"


class EngineEpoch(models.Model):
    """One life of an engine process: its counters began at zero with it."""

    engine_id = models.BigIntegerField()
    started_at = models.DateTimeField()
    """As the engine says; else the time of the first reading."""
    is_start_known = models.BooleanField()
    """False: the engine tells no start. The first reading stands for it then, and what
    was counted before cannot be judged."""

    class Meta:
        db_table = "engine_epoch"
        triggers = append_only(_KEPT)
        constraints = [
            models.UniqueConstraint(
                fields=["engine_id", "started_at"], name="engine_epoch_once"
            )
        ]

    def __str__(self) -> str:
        return f"since {self.started_at:%Y-%m-%d %H:%M:%S} UTC"


class EngineReading(models.Model):
    """An engine's counters at a time, for one served model."""

    epoch = models.ForeignKey(EngineEpoch, models.PROTECT, related_name="readings")
    model = models.TextField()
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField()
    """The counters were read at some moment between the two."""
    computed_input_tokens = models.BigIntegerField()
    """`local_compute`."""
    cached_input_tokens = models.BigIntegerField()
    """`local_cache_hit`."""
    external_input_tokens = models.BigIntegerField()
    """`external_kv_transfer`."""
    output_tokens = models.BigIntegerField()
    running_requests = models.IntegerField()
    waiting_requests = models.IntegerField()

    class Meta:
        db_table = "engine_reading"
        triggers = [refusing(pgtrigger.Update, name="never_changed", saying=_KEPT)]
        constraints = [
            models.UniqueConstraint(
                fields=["epoch", "model", "asked_at"], name="engine_reading_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    computed_input_tokens__gte=0,
                    cached_input_tokens__gte=0,
                    external_input_tokens__gte=0,
                    output_tokens__gte=0,
                    running_requests__gte=0,
                    waiting_requests__gte=0,
                ),
                name="engine_reading_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__gte=models.F("asked_at")),
                name="engine_reading_asked_before_answered",
            ),
        ]
        indexes = [models.Index(fields=["-asked_at"], name="engine_reading_time")]

    def __str__(self) -> str:
        return f"at {self.asked_at:%Y-%m-%d %H:%M:%S} UTC"


class StatementQuerySet(QuerySet["ReconciliationStatement"]):
    def current(self) -> Self:
        """The latest version of each, by day and engine."""
        identity = ("day", "engine_id", "model", "epoch_id")
        return self.order_by(*identity, "-version").distinct(*identity)

    def blocking(self) -> list["ReconciliationStatement"]:
        """Those of the current ones that drifted and that nobody accepted."""
        statements = self.current().select_related("acceptance", "epoch")
        return [
            statement
            for statement in statements
            if statement.status == Status.DRIFTED
            and not hasattr(statement, "acceptance")
        ]


class ReconciliationStatement(models.Model):
    """The verdict on one engine epoch, model and UTC day. A later look at the same day
    is a new version; the highest one counts.
    """

    engine_id = models.BigIntegerField()
    epoch = models.ForeignKey(EngineEpoch, models.PROTECT, null=True)
    """Null: events of a time in which the engine was never read."""
    model = models.TextField()
    day = models.DateField()
    version = models.IntegerField()
    status = models.TextField(choices=[(s.value, s.value) for s in Status])
    opening = models.ForeignKey(
        EngineReading, models.PROTECT, null=True, related_name="+"
    )
    """Where the change begins; null: at zero, when the epoch began."""
    closing = models.ForeignKey(
        EngineReading, models.PROTECT, null=True, related_name="+"
    )
    """The last reading of the day with the engine at rest; null: there was none."""
    last = models.ForeignKey(EngineReading, models.PROTECT, null=True, related_name="+")
    """The last reading of the day, where another than `closing`; judged by bounds."""
    events = models.IntegerField()
    """Between opening and closing."""
    events_left = models.IntegerField()
    """Of this day, behind the closing reading: the next day's statement has them."""
    unprovable_events = models.IntegerField()
    """Of this day, behind the last reading of an epoch that is over: what the engine
    counted for them died with it."""
    unprovable_input_tokens = models.BigIntegerField()
    unprovable_output_tokens = models.BigIntegerField()
    shipped_up_to = models.DateTimeField()
    """All events before it were in PostgreSQL when this was written."""
    judged_at = models.DateTimeField()

    objects = StatementQuerySet.as_manager()

    class Meta:
        db_table = "reconciliation_statement"
        triggers = append_only(_KEPT)
        constraints = [
            models.UniqueConstraint(
                fields=["day", "engine_id", "model", "epoch", "version"],
                name="reconciliation_statement_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in Status]),
                name="reconciliation_statement_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.model}, version {self.version}: {self.status}"


class ReconciliationLine(models.Model):
    """One source of a statement, in tokens."""

    statement = models.ForeignKey(
        ReconciliationStatement, models.PROTECT, related_name="lines"
    )
    is_exact = models.BooleanField()
    """True: at the closing reading; False: at the last one, with calls in flight."""
    source = models.TextField(choices=[(s.value, s.value) for s in Source])
    engine = models.BigIntegerField()
    """The change of the engine's counter."""
    billed = models.BigIntegerField()
    client_gone = models.BigIntegerField()
    unbilled = models.BigIntegerField()
    estimated = models.BigIntegerField()
    least = models.BigIntegerField()
    most = models.BigIntegerField()
    """Bounds of what the events may account for."""
    difference = models.BigIntegerField()
    """What nothing explains. Above zero: the engine counted more than events say."""

    class Meta:
        db_table = "reconciliation_line"
        triggers = append_only(_KEPT)
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "is_exact", "source"],
                name="reconciliation_line_once",
            )
        ]


class StatementAcceptance(models.Model):
    """An operator takes a difference as it is; invoices of that day may be issued."""

    statement = models.OneToOneField(
        ReconciliationStatement, models.PROTECT, related_name="acceptance"
    )
    reason = models.TextField()
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    accepted_at = models.DateTimeField()

    class Meta:
        db_table = "statement_acceptance"
        triggers = append_only(_KEPT)
        constraints = [
            models.CheckConstraint(
                condition=~Q(reason=""), name="statement_acceptance_has_a_reason"
            )
        ]


class ReconciledDay(models.Model):
    """A UTC day that was judged with all of its events in PostgreSQL."""

    day = models.DateField(primary_key=True)
    judged_at = models.DateTimeField()

    class Meta:
        db_table = "reconciled_day"


class QuarantinedSegment(models.Model):
    """A file in `journal/quarantine/` that the operators were told of."""

    folder = models.TextField()
    """Name of the proxy's folder."""
    segment = models.TextField()
    found_at = models.DateTimeField()

    class Meta:
        db_table = "quarantined_segment"
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "segment"], name="quarantined_segment_once"
            )
        ]
