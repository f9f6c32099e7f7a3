"""What the control plane tells the data plane of its tenants' keys."""

import enum
from typing import Literal

import msgspec

from tenants.domain.currency import USD

SNAPSHOT_KIND = "key_policies"


class Scope(enum.StrEnum):
    """Whose calls a limit counts."""

    KEY = "key"
    PROJECT = "project"
    TENANT = "tenant"


class LimitKind(enum.StrEnum):
    """What a rate limit counts, and over which time."""

    REQUESTS_PER_MINUTE = "requests_per_minute"
    TOKENS_PER_MINUTE = "tokens_per_minute"
    IMAGES_PER_MINUTE = "images_per_minute"
    REQUESTS_PER_DAY = "requests_per_day"
    """UTC days."""
    REQUESTS_PER_MONTH = "requests_per_month"
    """UTC months."""
    CONCURRENT_REQUESTS = "concurrent_requests"


class KeyScope(enum.StrEnum):
    """What an API key may be used for; the first three are what models do."""

    GENERATE = "generate"
    """Chat, completions, responses and messages, what is counted for them included."""
    EMBED = "embed"
    IMAGE = "image"
    KV = "kv"
    """Cached prompts, quotes, and the leases of conversations by their id."""
    ACCOUNT = "account"
    """The management API: to read the tenant's usage and documents, and webhooks."""


class SpendPeriod(enum.StrEnum):
    """The time over which a spend limit sums."""

    DAY = "day"
    """UTC."""
    MONTH = "month"
    """UTC."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An array on the wire: a snapshot of many keys is mostly limits."""

    scope: Scope
    kind: LimitKind
    model: str | None
    """Public name; the limit counts calls of this model only. None: of all models."""
    amount: int


class SpendLimit(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Hard: a call that might pass it is refused."""

    scope: Scope
    period: SpendPeriod
    amount_nanos: int


class KvTier(enum.StrEnum):
    """Where a project's leases may lie."""

    AUTO = "auto"
    HBM = "hbm"
    HOST = "host"


class OnFull(enum.StrEnum):
    """What happens when there is no room for a lease."""

    DEGRADE = "degrade"
    """The turn runs without one."""
    FAIL = "fail"
    """The turn is refused before anything is generated."""


class Retention(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How a project's conversations are leased where a call says nothing of it."""

    timeout_seconds: int | None
    """From the end of each turn; None: nothing is leased unless a call asks."""
    tier: KvTier = KvTier.AUTO
    on_full: OnFull = OnFull.DEGRADE
    honours_cache_hints: bool = False
    """Whether `cache_control` and its like buy leases; else they are left out."""


class KeyPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the proxy must know of one API key; found by `digest`."""

    api_key_id: int
    tenant_id: int
    project_id: int
    digest: str
    """SHA-256 of the whole secret, hexadecimal."""
    state: Literal["active", "revoked"]
    """Keys revoked within the last 30 days stay, so that the caller is told so."""
    expires_at: float | None
    """Seconds since the epoch; None: never."""
    allowed_models: tuple[str, ...] | None
    """Public model names; None: all."""
    cache_salt: str
    """The tenant's secret in the first KV block hash; the same for all its keys."""
    rate_limits: tuple[RateLimit, ...]
    """Of the key, its project and its tenant."""
    spend_limits: tuple[SpendLimit, ...]
    """Of the key, its project and its tenant."""
    is_prepaid: bool
    """The tenant may spend its credit and no more."""
    counts_spend: bool
    """Whether the cost of calls is summed in Valkey: for prepaid tenants, and where the
    tenant has any spend limit or budget."""
    are_cached_tokens_limited: bool
    """Whether cached input counts against tokens per minute."""
    refuses_without_limiter: bool
    """When Valkey is away: refuse, rather than admit a bounded local share. Money is
    always refused."""
    retention: Retention | None = None
    """Of the project; None: leases are for calls that ask for them."""
    price_books: tuple[int, ...] = ()
    """Ids of the books in which the tenant's prices are looked for, in this order,
    before the list."""
    scopes: tuple[KeyScope, ...] | None = None
    """What the key may be used for; None: everything."""
    currency: str = USD
    """Of all amounts of the tenant. Whoever pays in another than the list's finds the
    list of its own as the last of its `price_books`."""
    keeps_texts: bool = False
    """Whether the project wants the texts of its calls kept for a while."""
    is_suspended: bool = False
    """The tenant has not paid for so long that its calls are refused."""
    is_suspended_by_staff: bool = False
    """Its calls are refused for another reason, which its owners were told."""
    is_of_playground: bool = False
    """A page of the portal calls with it: from where is nobody's business."""
