"""Sums over the usage events of one engine and model, by the kinds the audit tells."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Trunc

from metering.domain.reconciliation import UsageGroup
from metering.models import UsageEvent

CALL_SPAN_MAX = timedelta(days=1)
"""How long a call may lie across a reading; longer ones are not looked for."""

_BATCH_ENDPOINTS = ("completions", "embeddings")


def engine_events(engine_id: int, model: str) -> "QuerySet[Any]":
    """Those that tokens were counted for, each with `sent`: when it went out. Images
    are no tokens.
    """
    sent = Coalesce("sent_at", "received_at")  # old journals have no sent_at
    events = UsageEvent.objects.filter(engine_id=engine_id, model=model, images=0)
    return events.annotate(sent=sent)


def sum_engine_usage(events: QuerySet[Any]) -> list[UsageGroup]:
    rows = (
        events.order_by()
        .annotate(
            is_sampled=_whether(samples__gt=1),
            is_batch=_whether(endpoint__in=_BATCH_ENDPOINTS),
        )
        .values("outcome", "usage_source", "streamed", "is_sampled", "is_batch")
        .annotate(
            events=Count("*"),
            sample_sum=Sum("samples"),
            input_sum=Sum("input_tokens"),
            cached_sum=Sum("cached_input_tokens"),
            sampled_input_sum=Sum(F("samples") * F("input_tokens")),
            sampled_cached_sum=Sum(F("samples") * F("cached_input_tokens")),
            output_sum=Sum("output_tokens"),
        )
    )
    return [_group(row) for row in rows]


def _whether(**condition: object) -> Case:
    return Case(When(**condition, then=Value(True)), default=Value(False))


def _group(row: Mapping[str, Any]) -> UsageGroup:
    return UsageGroup(
        outcome=row["outcome"],
        usage_source=row["usage_source"],
        is_streamed=row["streamed"],
        is_sampled=row["is_sampled"],
        is_batch=row["is_batch"],
        events=row["events"],
        samples=int(row["sample_sum"]),
        input_tokens=int(row["input_sum"]),
        cached_input_tokens=int(row["cached_sum"]),
        sampled_input_tokens=int(row["sampled_input_sum"]),
        sampled_cached_input_tokens=int(row["sampled_cached_sum"]),
        output_tokens=int(row["output_sum"]),
    )


def earliest_sent_by_second(
    events: "QuerySet[Any]", *, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """(second, earliest `sent`) of the events that happened in each second of
    [start, end + CALL_SPAN_MAX), in order.
    """
    rows = (
        events.filter(happened_at__gte=start, happened_at__lt=end + CALL_SPAN_MAX)
        .order_by()
        .annotate(second=Trunc("happened_at", "second"))
        .values("second")
        .annotate(earliest=Min("sent"))
        .order_by("second")
    )
    return [(row["second"], row["earliest"]) for row in rows]


def spanning(at_begin: datetime, at_end: datetime) -> Q:
    """In flight at some moment between the two."""
    return Q(
        happened_at__gt=at_begin,
        happened_at__lt=at_begin + CALL_SPAN_MAX,
        sent__lt=at_end,
    )
