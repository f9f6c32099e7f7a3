"""Usage events (data plane to control plane) and price vectors (the other way)."""

import enum
from datetime import UTC, datetime

import msgspec

from tenants.domain.currency import USD

SNAPSHOT_KIND = "price_vectors"
USAGE_EVENT_SCHEMA = 4
"""1 knew no images, samples, tries and costs: a shipper of its time must not read 2,
it would store that nothing was made and nothing charged. 2 knew no leases: its reader
would charge for leased tokens. 3 knew no warming calls: its reader would charge for
their output."""


class UsageSource(enum.StrEnum):
    ENGINE = "engine"
    ESTIMATE = "estimate"


class Outcome(enum.StrEnum):
    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    """The client closed before the end; the engine was stopped or drained."""
    ENGINE_FAILED = "engine_failed"
    """The engine broke off after it had begun to answer."""
    UNBILLED = "unbilled"
    """An engine worked, and nobody is charged: a failed try, a time-out of ours. Its
    quantities are what the engine is known to have counted; they are on no invoice."""


CALL_TEXTS_KEY = "tokenfab:call_texts"
"""List in Valkey, the oldest first, of JSON."""


class CallText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said in one call, of a project that wants it kept."""

    event_id: str
    tenant_id: int
    project_id: int
    happened_at_us: int
    request: str
    """The JSON that the engine was sent, as far as it was kept."""
    answer: str
    """The JSON that was answered; of a stream its server-sent events."""
    is_streamed: bool = False
    is_cut: bool = False
    """One of the two was too long to be kept whole."""


LAST_CALLER_SECONDS = 90 * 24 * 3600
"""How long it is kept in Valkey after the use."""


def last_caller_key(tenant_id: int, api_key_id: int) -> str:
    """Name in Valkey of a LastCaller in JSON."""
    return f"tokenfab:last_caller:{{{tenant_id}}}:{api_key_id}"


class LastCaller(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """From where an API key was last used: of each key the latest alone. It is in no
    usage event, journal or log.
    """

    used_at_us: int
    """Microseconds since the epoch: the proxy had read the request's head. The first
    in the array, where a script looks for it."""
    address: str
    """IPv4 or IPv6."""
    endpoint: str
    """Name of the route; empty: of one that is not metered."""
    model: str
    """Public name; empty: none that exists."""

    @property
    def used_at(self) -> datetime:
        return datetime.fromtimestamp(self.used_at_us / 1e6, UTC)


LIST_BOOK_ID = 0
"""On the wire, of the prices that hold where no other book's do."""
LIST_CURRENCY = USD
"""Of those prices: they hold for nobody who pays in another. The lists of the other
currencies are books like any, which key policies name last."""


class PriceVector(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of one price version; nanos per million tokens."""

    price_version_id: int
    model: str
    new_input_nanos_per_million: int
    cached_input_nanos_per_million: int
    output_nanos_per_million: int
    image_nanos_per_million: int | None
    """None: images of this model are not sold."""
    effective_from: float
    """Seconds since the epoch, inclusive."""
    effective_to: float | None
    """Seconds since the epoch, exclusive; None: open."""
    hbm_mb_s_nanos_per_million: int | None = None
    """Of a lease in HBM, per million MB_s (10^6 byte-seconds); None: not sold."""
    host_mb_s_nanos_per_million: int | None = None
    """The same in host memory."""
    disk_mb_s_nanos_per_million: int | None = None
    """The same on disk."""
    price_book_id: int = LIST_BOOK_ID
    """In which it stands. A call is charged by the first of the books that its key's
    policy names in which the model has a price in force, and else by the list."""
    sells_leases: bool = True
    """Whether conversations may buy new ones. What was sold, and cached prompts, have
    their rates all the same."""


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One immutable fact of use: one call that reached an engine and used tokens.

    Encoded as a JSON array in field order: append fields at the end only, and raise
    USAGE_EVENT_SCHEMA when an old reader would misread a new event.
    """

    schema: int
    event_id: str
    """The request id without its prefix: 32 hexadecimal digits."""
    tenant_id: int
    project_id: int
    api_key_id: int
    model: str
    engine_id: int
    price_version_id: int
    endpoint: str
    """Name of the route, such as `chat.completions`."""
    streamed: bool
    outcome: Outcome
    usage_source: UsageSource
    input_tokens: int
    """All tokens of the prompt, the cached ones included."""
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    """The part of the output spent on reasoning."""
    received_at_us: int
    """Microseconds since the epoch: the proxy had read the request's head."""
    first_token_at_us: int | None
    """None: not streamed, or nothing came."""
    happened_at_us: int
    """Microseconds since the epoch: the engine finished or was stopped."""
    images: int = 0
    """Images made."""
    samples: int = 1
    """`n` of the request: the engine counts the prompt once for each."""
    tries: int = 1
    """Of engines, the last one included."""
    sent_at_us: int | None = None
    """Microseconds since the epoch: the last try went out to its engine."""
    cost_nanos: int = 0
    """At the price version, rounded up: what the money limits were charged."""
    leased_input_tokens: int = 0
    """At the prompt's beginning, paid for by a lease that this call continued in time.
    The engine may have computed some of them again; that is at our cost."""
    lease_id: str = ""
    """Of the lease that this call was granted, 32 hexadecimal digits; empty: none."""
    lease_expires_at_us: int = 0
    """Microseconds since the epoch: until when that lease was sold; 0: none."""
    previous_lease_id: str = ""
    """Of the lease that this call continued; empty: none."""
    lease_cost_nanos: int = 0
    """What of the cost is for that lease, should it be held until it expires; what was
    not held is returned when its time is measured."""
    is_warming: bool = False
    """The call was ours, to have an engine hold a cached prompt. What it put out is
    nobody's, and it is no request; its input and its lease are the tenant's."""
    cached_prompt_id: str = ""
    """Of the cached prompt that this call began with, in time, 32 hexadecimal digits;
    empty: none."""
