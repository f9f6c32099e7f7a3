"""What was used: usage events, their hourly rollups, and how far the journal came."""

from datetime import UTC, datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Greatest, Now, TruncDay

from metering.domain.usage import Meter
from metering.wire import Outcome, UsageSource

QUANTITY_FIELDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "images",
    "cost_nanos",
    "leased_input_tokens",
    "lease_cost_nanos",
)


class UsageEventQuerySet(QuerySet["UsageEvent"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those that happened in [start, end); reads only the months it touches."""
        return self.filter(happened_at__gte=start, happened_at__lt=end)

    def metered(self) -> Self:
        """Those that rollups show and invoices charge: all but the unbilled ones."""
        return self.exclude(outcome=Outcome.UNBILLED)

    def newest(self, limit: int) -> Self:
        """At most `limit`, the latest first."""
        return self.order_by("-happened_at", "event_id")[:limit]

    def summed(self, *dimensions: str) -> QuerySet["UsageEvent", dict[str, Any]]:
        """One dict per combination of `dimensions`: those, `events`, `request_count`,
        `input_sum`, `cached_input_sum`, `leased_input_sum`, `output_sum`, `image_sum`,
        `charged_sum` (nanos, leases left out), `last_at`. Cached are those beyond
        the leased ones, as `split_input` says; warming calls are no requests, and their
        output is left out.
        """
        is_asked_for = Q(is_warming=False)
        sums: QuerySet[UsageEvent, dict[str, Any]] = (
            self.order_by()
            .values(*dimensions)
            .annotate(
                events=models.Count("*"),
                request_count=models.Count("event_id", filter=is_asked_for),
                input_sum=Sum("input_tokens"),
                cached_input_sum=Sum(
                    Greatest(F("cached_input_tokens") - F("leased_input_tokens"), 0)
                ),
                leased_input_sum=Sum("leased_input_tokens"),
                output_sum=Sum("output_tokens", filter=is_asked_for, default=0),
                image_sum=Sum("images"),
                charged_sum=Sum(F("cost_nanos") - F("lease_cost_nanos")),
                last_at=models.Max("happened_at"),
            )
        )
        return sums


class UsageEvent(models.Model):
    """One immutable fact of use. The table is partitioned by month of `happened_at`
    and its true primary key is (event_id, happened_at). UPDATE, DELETE and TRUNCATE are
    refused.

    The ids are plain numbers: a foreign key would cost five look-ups an event and could
    refuse a fact because of a row deleted meanwhile.
    """

    event_id = models.UUIDField(primary_key=True)
    """The request id without its prefix; a repeat of it is the same event."""
    tenant_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    engine_id = models.BigIntegerField()
    price_version_id = models.BigIntegerField()
    endpoint = models.TextField()
    """Name of the route, such as `chat.completions`."""
    streamed = models.BooleanField()
    outcome = models.TextField(choices=[(o.value, o.value) for o in Outcome])
    usage_source = models.TextField(choices=[(s.value, s.value) for s in UsageSource])
    input_tokens = models.IntegerField()
    """All tokens of the prompt, the cached ones included."""
    cached_input_tokens = models.IntegerField()
    cache_write_tokens = models.IntegerField()
    output_tokens = models.IntegerField()
    reasoning_tokens = models.IntegerField()
    """The part of the output spent on reasoning."""
    received_at = models.DateTimeField()
    """The proxy had read the request's head."""
    first_token_at = models.DateTimeField(null=True)
    """Null: not streamed, or nothing came."""
    happened_at = models.DateTimeField()
    """The engine finished or was stopped; decides the hour and month it counts to."""
    images = models.IntegerField(db_default=0)
    """Images made."""
    samples = models.IntegerField(db_default=1)
    """`n` of the request: the engine counts the prompt once for each."""
    tries = models.IntegerField(db_default=1)
    """Of engines, the last one included."""
    sent_at = models.DateTimeField(null=True)
    """The last try went out to its engine; null: an old journal did not say."""
    cost_nanos = models.BigIntegerField(db_default=0)
    """At the price version, rounded up: what the money limits were charged."""
    leased_input_tokens = models.IntegerField(db_default=0)
    """At the prompt's beginning, paid for by a lease. Those that the engine computed
    again are not in `cached_input_tokens`, which stays what the engine counted."""
    lease_id = models.UUIDField(null=True)
    """Of the lease that this call was granted; null: none."""
    lease_expires_at = models.DateTimeField(null=True)
    """Until when that lease was sold; null: it was not."""
    previous_lease_id = models.UUIDField(null=True)
    """Of the lease that this call continued; null: none."""
    lease_cost_nanos = models.BigIntegerField(db_default=0)
    """What of the cost is for that lease, should it be held until it expires."""
    is_warming = models.BooleanField(db_default=False)
    """A call of ours, to have an engine hold a cached prompt: no meter shows its output
    nor counts it as a request."""
    cached_prompt_id = models.UUIDField(null=True)
    """Of the cached prompt that this call began with, in time; null: none."""
    stored_at = models.DateTimeField(db_default=Now())
    """The shipper wrote this row."""

    objects = UsageEventQuerySet.as_manager()

    class Meta:
        db_table = "usage_event"
        indexes = [
            models.Index(
                fields=["tenant_id", "-happened_at"], name="usage_event_tenant_time"
            ),
            # For the operator's look at the latest calls of all tenants.
            models.Index(fields=["-happened_at"], name="usage_event_time"),
            # From the receipts of a lease to the call that bought it.
            models.Index(
                fields=["lease_id"],
                condition=Q(lease_id__isnull=False),
                name="usage_event_lease",
            ),
            # To the turns that continued a lease.
            models.Index(
                fields=["previous_lease_id"],
                condition=Q(previous_lease_id__isnull=False),
                name="usage_event_previous_lease",
            ),
            # To the calls that began with a cached prompt.
            models.Index(
                fields=["cached_prompt_id", "-happened_at"],
                condition=Q(cached_prompt_id__isnull=False),
                name="usage_event_cached_prompt",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(**{f"{field}__gte": 0 for field in QUANTITY_FIELDS}),
                name="usage_event_quantities_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(samples__gte=1, tries__gte=1),
                name="usage_event_samples_and_tries_positive",
            ),
            models.CheckConstraint(
                condition=Q(cached_input_tokens__lte=F("input_tokens")),
                name="usage_event_cached_within_input",
            ),
            models.CheckConstraint(
                condition=Q(leased_input_tokens__lte=F("input_tokens")),
                name="usage_event_leased_within_input",
            ),
            models.CheckConstraint(
                condition=Q(reasoning_tokens__lte=F("output_tokens")),
                name="usage_event_reasoning_within_output",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=[o.value for o in Outcome]),
                name="usage_event_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(usage_source__in=[s.value for s in UsageSource]),
                name="usage_event_source_known",
            ),
        ]


class OpenHour(models.Model):
    """A tenant's hour that has events which its rollups do not show yet.

    The shipper writes it in the transaction that stores the events; the roll-up takes
    it away in the transaction that replaces the rollups.
    """

    tenant_id = models.BigIntegerField()
    hour_at = models.DateTimeField()
    """The begin of the UTC hour."""
    generation = models.BigIntegerField(default=1)
    """Rises with every batch of events, so that the write conflicts with a roll-up in
    progress and waits for it instead of being lost to it."""

    class Meta:
        db_table = "open_hour"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "hour_at"], name="open_hour_once"
            )
        ]


class UsageRollupQuerySet(QuerySet["UsageRollup"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those of hours that begin in [start, end)."""
        return self.filter(hour_at__gte=start, hour_at__lt=end)

    def totals(self, *dimensions: str) -> QuerySet["UsageRollup", dict[str, Any]]:
        """One dict per combination of `dimensions` and meter: those, `meter` and the
        summed `quantity`; ordered by dimensions, then meter.

        Dimensions are columns of the rollup, or `day_at`: the UTC midnight before.
        """
        rows = self.annotate(day_at=TruncDay("hour_at", tzinfo=UTC))
        totals: QuerySet[UsageRollup, dict[str, Any]] = (
            rows.values(*dimensions, "meter")
            .annotate(quantity=Sum("quantity"))
            .order_by(*dimensions, "meter")
        )
        return totals


class UsageRollup(models.Model):
    """The events of one hour and dimension, folded per meter; rebuildable from them."""

    tenant_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    meter = models.TextField(choices=[(m.value, m.value) for m in Meter])
    price_version_id = models.BigIntegerField()
    hour_at = models.DateTimeField()
    """The begin of the UTC hour in which the events happened."""
    quantity = models.BigIntegerField()
    """Tokens, MB_s, nanos, or events for the meter `requests`. Never 0."""
    event_count = models.IntegerField()
    """Events of this hour and dimension, whether or not this meter showed any; of the
    meters of leases, intervals."""

    objects = UsageRollupQuerySet.as_manager()

    class Meta:
        db_table = "usage_rollup"
        constraints = [
            # Tenant and hour come first: the same index answers the pages' ranges.
            models.UniqueConstraint(
                fields=[
                    "tenant_id",
                    "hour_at",
                    "project_id",
                    "api_key_id",
                    "model",
                    "meter",
                    "price_version_id",
                ],
                name="usage_rollup_once",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0), name="usage_rollup_quantity_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(event_count__gt=0), name="usage_rollup_has_events"
            ),
            models.CheckConstraint(
                condition=Q(meter__in=[m.value for m in Meter]),
                name="usage_rollup_meter_known",
            ),
        ]


class JournalCursor(models.Model):
    """How far one journal segment is in `usage_event`; moves with the rows."""

    folder = models.TextField()
    """Name of the proxy's folder below the journal: its index."""
    segment = models.TextField()
    """File name in that folder."""
    shipped_bytes = models.BigIntegerField(default=0)
    """Offset of the first byte not yet shipped."""
    boot_id = models.CharField(max_length=16, blank=True, default="")
    """Hexadecimal, of the last shipped record; empty: none yet."""
    sequence = models.BigIntegerField(default=0)
    """Of the last shipped record of that boot id."""
    ended_at = models.DateTimeField(null=True)
    """When a sealed segment was shipped to its end; null: not yet. The file may be
    deleted from then on, and the row after it."""

    class Meta:
        db_table = "journal_cursor"
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "segment"], name="journal_cursor_once_per_segment"
            ),
            models.CheckConstraint(
                condition=Q(shipped_bytes__gte=0, sequence__gte=0),
                name="journal_cursor_not_negative",
            ),
        ]
