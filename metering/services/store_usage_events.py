"""Usage events into PostgreSQL: each once, and their hours marked as open."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from metering.wire import UsageEvent

_COLUMNS = (
    "event_id, tenant_id, project_id, api_key_id, model, engine_id, price_version_id,"
    " endpoint, streamed, outcome, usage_source, input_tokens, cached_input_tokens,"
    " cache_write_tokens, output_tokens, reasoning_tokens, received_at, first_token_at,"
    " happened_at, images, samples, tries, sent_at, cost_nanos, leased_input_tokens,"
    " lease_id, lease_expires_at, previous_lease_id, lease_cost_nanos,"
    " is_warming, cached_prompt_id"
)
# COPY cannot pass over a row that is there already, so it fills a staging table: one
# per connection, emptied by every commit, never written to the log.
_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS usage_event_staging
        (LIKE usage_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
_COPY = f"COPY usage_event_staging ({_COLUMNS}) FROM STDIN"
# Only the hours of rows that were new are marked. The marks are sorted: two shippers
# that wait for each other's marks would otherwise deadlock.
_STORE = f"""
    WITH stored AS (
        INSERT INTO usage_event ({_COLUMNS})
        SELECT {_COLUMNS} FROM usage_event_staging
        ON CONFLICT (event_id, happened_at) DO NOTHING
        RETURNING tenant_id, happened_at
    ), marked AS (
        INSERT INTO open_hour (tenant_id, hour_at, generation)
        SELECT tenant_id, date_trunc('hour', happened_at, 'UTC') AS hour_at, 1
        FROM stored GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (tenant_id, hour_at)
            DO UPDATE SET generation = open_hour.generation + 1
    )
    SELECT count(*) FROM stored
"""  # noqa: S608  the columns are the constant above
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@transaction.atomic(savepoint=False)
def store_usage_events(events: Sequence[UsageEvent]) -> int:
    """Stores what is not there yet and returns how many events that were.

    Joins the caller's transaction, which also moves the cursor that says so.
    """
    if not events:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_STAGING)
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for row in _rows(events):
                copy.write_row(row)
        cursor.execute(_STORE)
        (stored,) = cursor.fetchone()
    return int(stored)


def _rows(events: Sequence[UsageEvent]) -> Iterator[tuple[object, ...]]:
    for event in events:
        yield (
            event.event_id,
            event.tenant_id,
            event.project_id,
            event.api_key_id,
            event.model,
            event.engine_id,
            event.price_version_id,
            event.endpoint,
            event.streamed,
            event.outcome.value,
            event.usage_source.value,
            event.input_tokens,
            event.cached_input_tokens,
            event.cache_write_tokens,
            event.output_tokens,
            event.reasoning_tokens,
            _time(event.received_at_us),
            _time_or_none(event.first_token_at_us),
            _time(event.happened_at_us),
            event.images,
            event.samples,
            event.tries,
            _time_or_none(event.sent_at_us),
            event.cost_nanos,
            event.leased_input_tokens,
            event.lease_id or None,
            _time_or_none(event.lease_expires_at_us or None),
            event.previous_lease_id or None,
            event.lease_cost_nanos,
            event.is_warming,
            event.cached_prompt_id or None,
        )


def _time(at_us: int) -> datetime:
    # Not datetime.fromtimestamp: a float loses microseconds, and the time is half of
    # the row's identity.
    return _EPOCH + timedelta(microseconds=at_us)


def _time_or_none(at_us: int | None) -> datetime | None:
    return None if at_us is None else _time(at_us)
