"""Usage events as a table."""

from collections.abc import Iterator
from datetime import datetime

from billing.encoding import Column, Kind, Table, Value
from metering.domain.leased import split_input
from metering.models import UsageEvent

ROWS_AT_ONCE = 2_000
_COLUMNS = (
    Column("request_id"),
    Column("received_at", Kind.TIME),
    Column("happened_at", Kind.TIME),
    Column("project_id", Kind.INTEGER),
    Column("api_key_id", Kind.INTEGER),
    Column("model"),
    Column("endpoint"),
    Column("outcome"),
    Column("usage_source"),
    Column("price_version_id", Kind.INTEGER),
    Column("new_input_tokens", Kind.INTEGER),
    Column("cached_input_tokens", Kind.INTEGER),
    Column("leased_input_tokens", Kind.INTEGER),
    Column("output_tokens", Kind.INTEGER),
    Column("reasoning_tokens", Kind.INTEGER),
    Column("images", Kind.INTEGER),
    Column("cost_nanos", Kind.INTEGER),
    Column("is_warming", Kind.BOOLEAN),
)


def export_usage(tenant_id: int, *, start: datetime, end: datetime) -> Table:
    """The events that happened in [start, end), in the order of that time, read from a
    cursor of the database. `cost_nanos` is what the money limits were charged; the
    invoice adds tokens before it multiplies, and may differ by rounding.
    """
    events = UsageEvent.objects.of_tenant(tenant_id).between(start, end)
    rows = events.order_by("happened_at", "event_id").iterator(ROWS_AT_ONCE)
    return Table(columns=_COLUMNS, rows=usage_rows(rows))


def usage_rows(events: Iterator[UsageEvent]) -> Iterator[tuple[Value, ...]]:
    """Each in the order of the columns."""
    for event in events:
        tokens = split_input(
            input_tokens=event.input_tokens,
            cached_input_tokens=event.cached_input_tokens,
            leased_input_tokens=event.leased_input_tokens,
        )
        yield (
            f"req_{event.event_id.hex}",
            event.received_at,
            event.happened_at,
            event.project_id,
            event.api_key_id,
            event.model,
            event.endpoint,
            event.outcome,
            event.usage_source,
            event.price_version_id,
            tokens.new,
            tokens.cached,
            tokens.leased,
            event.output_tokens,
            event.reasoning_tokens,
            event.images,
            event.cost_nanos,
            event.is_warming,
        )
