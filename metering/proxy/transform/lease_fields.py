"""What a caller asks of leases: `kv_retention` and `kv_lease`, or two headers.

`kv_retention`: {"timeout": "15s", "tier": "auto|hbm|host|disk",
"on_full": "degrade|fail", "max_charge": "0.01"} asks to keep the conversation's KV
when the turn has ended;
`kv_lease`: "kvl_…" names the lease that the turn continues. What cannot be honoured is
refused, never widened.
"""

import enum
import re

import msgspec
from msgspec import Raw

from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.warm_order import WarmOrder
from metering.proxy import errors
from metering.proxy.errors import RefusedError

FIELDS = ("kv_retention", "kv_lease")
LEASE_SECONDS_MAX = 86_400
_PREFIX = "kvl_"
_ID = re.compile(rf"{_PREFIX}([0-9a-f]{{32}})")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h)", re.ASCII)
_AMOUNT = re.compile(r"(\d{1,7})(?:\.(\d{1,9}))?", re.ASCII)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000}
_DURATION_HINT = (
    "a number with one of the units s, m or h, such as `15s`, `1.5m` or `2h`"
)


class OnFull(enum.StrEnum):
    """What happens when there is no room for the lease."""

    DEGRADE = "degrade"
    """The turn runs without one."""
    FAIL = "fail"
    """The turn is refused before anything is generated."""


class AskedLease(msgspec.Struct, frozen=True, kw_only=True):
    ttl_ms: int = 0
    """From the end of the turn; 0: nothing is to be kept, a lease is only continued."""
    tier: Tier = Tier.AUTO
    on_full: OnFull = OnFull.DEGRADE
    previous_lease_id: str = ""
    """32 hexadecimal digits; empty: the turn names no lease that it continues."""
    implied_lease_id: str = ""
    """The same, of what the turn continues otherwise; it need not be there any more."""
    max_charge_nanos: int | None = None
    """The lease is not bought if it might cost more; None: no such limit."""
    is_chosen: bool = True
    """By the call itself. Else its project chose, and that no lease is sold is no
    reason to refuse the call."""
    order: WarmOrder | None = None
    """The call is ours, to have one engine hold a cached prompt."""

    @property
    def lease_class(self) -> LeaseClass:
        return LeaseClass.ELASTIC if self.order is None else self.order.lease_class


class _Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    timeout: str
    tier: Tier = Tier.AUTO
    on_full: OnFull = OnFull.DEGRADE
    max_charge: str | None = None


class _Fields(msgspec.Struct, kw_only=True):
    kv_retention: _Retention | None = None
    kv_lease: str | None = None


class Timeout(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/kv_leases/{id}/extend`."""

    timeout: str


def read_lease(
    raw: dict[str, Raw],
    *,
    retention_header: bytes | None = None,
    lease_header: bytes | None = None,
) -> AskedLease | None:
    """None: nothing is asked. Members of the body win over headers.

    Raises RefusedError, and msgspec.ValidationError with the path of the field.
    """
    given = {name: raw[name] for name in FIELDS if name in raw}
    if not (given or retention_header or lease_header):
        return None
    fields = msgspec.json.decode(msgspec.json.encode(given), type=_Fields)
    retention, lease_id = fields.kv_retention, fields.kv_lease
    if retention is None and retention_header is not None:
        retention = _Retention(timeout=retention_header.decode("latin-1").strip())
    if lease_id is None and lease_header is not None:
        lease_id = lease_header.decode("latin-1").strip()
    if retention is None and lease_id is None:
        return None
    asked = AskedLease(previous_lease_id=internal_id(lease_id) if lease_id else "")
    if retention is None:
        return asked
    return msgspec.structs.replace(
        asked,
        ttl_ms=duration_ms(retention.timeout, param="kv_retention.timeout"),
        tier=retention.tier,
        on_full=retention.on_full,
        max_charge_nanos=_nanos(retention.max_charge),
    )


def _nanos(text: str | None) -> int | None:
    if text is None:
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise _invalid(
            "kv_retention.max_charge",
            "expected an amount as a decimal string, such as `0.01`",
        )
    return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))


def duration_ms(text: str, *, param: str) -> int:
    """Raises RefusedError unless it is above zero and at most LEASE_SECONDS_MAX."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _invalid(param, f"expected {_DURATION_HINT}")
    milliseconds = int(float(match[1]) * _UNIT_MS[match[2]])
    if not 0 < milliseconds <= LEASE_SECONDS_MAX * 1000:
        raise _invalid(
            param, f"expected more than 0s and at most {LEASE_SECONDS_MAX // 3600}h"
        )
    return milliseconds


def public_id(lease_id: str) -> str:
    return _PREFIX + lease_id


def internal_id(text: str) -> str:
    """Raises RefusedError, as for a lease that is not there."""
    match = _ID.fullmatch(text)
    if match is None:
        raise no_such_lease()
    return match[1]


def no_such_lease() -> RefusedError:
    """Also for another tenant's: nobody learns that it exists."""
    return RefusedError(
        errors.LEASE_NOT_FOUND,
        "There is no such lease. Leases are forgotten an hour after they end.",
        param="kv_lease",
    )


def _invalid(param: str, what: str) -> RefusedError:
    return RefusedError(
        errors.INVALID_VALUE, f"Invalid value for {param}: {what}.", param=param
    )
