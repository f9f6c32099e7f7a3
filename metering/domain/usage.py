"""What one call used: the meters, and what a usage event must never say."""

import enum
import re
from typing import Protocol

QUANTITY_MAX = 2**31 - 1
"""Of one event. No call comes near it, and no sum over an hour can pass a bigint."""
NAME_CHARACTERS_MAX = 255
"""Of a model or an endpoint; a longer one would not fit the rollups' index."""
COST_NANOS_MAX = 9 * 10**15
"""Of one event: 9 million, the most that Valkey's scripts count exactly."""
_ID_MAX = 2**63 - 1
_EARLIEST_US = 1_577_836_800_000_000  # 2020-01-01
_LATEST_US = 4_102_444_800_000_000  # 2100-01-01
_HEX_ID = re.compile("[0-9a-f]{32}", re.ASCII)
_HOUR_US = 3_600_000_000


class Meter(enum.StrEnum):
    """A named quantity; all are summed."""

    NEW_INPUT_TOKENS = "new_input_tokens"
    """Input tokens less the leased and the cached ones."""
    CACHED_INPUT_TOKENS = "cached_input_tokens"
    """Hits of the prefix cache beyond what a lease paid for."""
    LEASED_INPUT_TOKENS = "leased_input_tokens"
    """Input that a lease paid for; shown, never priced."""
    OUTPUT_TOKENS = "output_tokens"
    """Reasoning tokens included."""
    IMAGES = "images"
    """Images made."""
    HBM_MB_S = "hbm_mb_s"
    """MB_s (10^6 byte-seconds) of leases, held in the engine's own memory."""
    HOST_MB_S = "host_mb_s"
    """The same in host memory."""
    DISK_MB_S = "disk_mb_s"
    """The same on disk."""
    REQUESTS = "requests"
    """Number of calls that the tenant made; shown, never priced."""
    CHARGED_NANOS = "charged_nanos"
    """What the money limits were charged for the calls themselves, their leases left
    out; never priced. It is how an invoice gives credit back that it draws itself."""


class Usage(Protocol):
    """The fields of a usage event that the rules here read."""

    @property
    def event_id(self) -> str: ...
    @property
    def tenant_id(self) -> int: ...
    @property
    def project_id(self) -> int: ...
    @property
    def api_key_id(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def engine_id(self) -> int: ...
    @property
    def price_version_id(self) -> int: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def cached_input_tokens(self) -> int: ...
    @property
    def cache_write_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def reasoning_tokens(self) -> int: ...
    @property
    def received_at_us(self) -> int: ...
    @property
    def first_token_at_us(self) -> int | None: ...
    @property
    def happened_at_us(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def tries(self) -> int: ...
    @property
    def sent_at_us(self) -> int | None: ...
    @property
    def cost_nanos(self) -> int: ...
    @property
    def leased_input_tokens(self) -> int: ...
    @property
    def lease_id(self) -> str: ...
    @property
    def lease_expires_at_us(self) -> int: ...
    @property
    def previous_lease_id(self) -> str: ...
    @property
    def lease_cost_nanos(self) -> int: ...
    @property
    def is_warming(self) -> bool: ...
    @property
    def cached_prompt_id(self) -> str: ...


def quantities(
    *,
    requests: int,
    input_tokens: int,
    cached_input_tokens: int,
    output_tokens: int,
    images: int = 0,
    leased_input_tokens: int = 0,
    charged_nanos: int = 0,
) -> dict[Meter, int]:
    """What the meters show for one event, or for the sums over several: the rule is
    linear, so both agree. A meter that shows nothing is left out.

    `cached_input_tokens` and `leased_input_tokens` are those of `split_input`.
    """
    shown = {
        Meter.NEW_INPUT_TOKENS: input_tokens
        - cached_input_tokens
        - leased_input_tokens,
        Meter.CACHED_INPUT_TOKENS: cached_input_tokens,
        Meter.LEASED_INPUT_TOKENS: leased_input_tokens,
        Meter.OUTPUT_TOKENS: output_tokens,
        Meter.IMAGES: images,
        Meter.REQUESTS: requests,
        Meter.CHARGED_NANOS: charged_nanos,
    }
    return {meter: quantity for meter, quantity in shown.items() if quantity}


def hour_us(at_us: int) -> int:
    """The begin of the UTC hour of `at_us`, both in microseconds since the epoch."""
    return at_us - at_us % _HOUR_US


def objection(event: Usage) -> str | None:
    """Why the database would refuse `event`, or None. Nothing that passes here may
    be refused there: one refused row would hold up all others of its batch.
    """
    return (
        _objection_to_ids(event)
        or _objection_to_quantities(event)
        or _objection_to_lease(event)
        or _objection_to_times(event)
    )


def _objection_to_ids(event: Usage) -> str | None:
    if not _is_hex_id(event.event_id):
        return "event_id is not 32 hexadecimal digits"
    ids = (
        event.tenant_id,
        event.project_id,
        event.api_key_id,
        event.engine_id,
        event.price_version_id,
    )
    if min(ids) < 0 or max(ids) > _ID_MAX:
        return "an id is out of range"
    return _objection_to_names((event.model, event.endpoint))


def _is_hex_id(text: str) -> bool:
    return _HEX_ID.fullmatch(text) is not None


def _objection_to_lease(event: Usage) -> str | None:
    for lease_id in (event.lease_id, event.previous_lease_id):
        if lease_id and not _is_hex_id(lease_id):
            return "a lease id is not 32 hexadecimal digits"
    if event.cached_prompt_id and not _is_hex_id(event.cached_prompt_id):
        return "cached_prompt_id is not 32 hexadecimal digits"
    if not 0 <= event.lease_cost_nanos <= event.cost_nanos:
        return "lease_cost_nanos is out of range"
    if event.leased_input_tokens > event.input_tokens:
        return "more leased input tokens than input tokens"
    return None


def _objection_to_names(names: tuple[str, ...]) -> str | None:
    if any("\0" in name for name in names):
        return "a name holds a NUL character"
    if max(map(len, names)) > NAME_CHARACTERS_MAX:
        return "a name is too long"
    return None


def _objection_to_quantities(event: Usage) -> str | None:
    counts = (
        event.input_tokens,
        event.cached_input_tokens,
        event.cache_write_tokens,
        event.output_tokens,
        event.reasoning_tokens,
        event.images,
        event.leased_input_tokens,
    )
    if min(counts) < 0 or max(counts) > QUANTITY_MAX:
        return "a quantity is out of range"
    if event.cached_input_tokens > event.input_tokens:
        return "more cached input tokens than input tokens"
    if event.reasoning_tokens > event.output_tokens:
        return "more reasoning tokens than output tokens"
    if not 0 <= event.cost_nanos <= COST_NANOS_MAX:
        return "the cost is out of range"
    if not (1 <= event.samples <= QUANTITY_MAX and 1 <= event.tries <= QUANTITY_MAX):
        return "a number of samples or tries is out of range"
    return None


def _objection_to_times(event: Usage) -> str | None:
    optional = (event.first_token_at_us, event.sent_at_us)
    times = [event.received_at_us, event.happened_at_us]
    times += [at_us for at_us in optional if at_us is not None]
    if event.lease_expires_at_us:
        times.append(event.lease_expires_at_us)
    if min(times) < _EARLIEST_US or max(times) >= _LATEST_US:
        return "a time is out of range"
    return None
