"""Charges: what a tenant's month comes to, one amount for each thing that is sold."""

import enum
from dataclasses import dataclass


class ChargeKind(enum.StrEnum):
    """In the order of an invoice."""

    PLAN = "plan"
    USAGE = "usage"
    PERCENTAGE = "percentage"
    """A plan's share on top of what usage comes to."""
    MINIMUM = "minimum"
    """What lacks to the least that a month comes to on a plan."""
    COMMITMENT = "commitment"
    """What lacks to the least that all months of a term come to."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A rated amount: of a whole span, or the part of it that a line item bills."""

    key: str
    """The same in each rating of the month, and on each of its invoices."""
    kind: ChargeKind
    quantity: int
    """Tokens, images or MB_s, as the meter says; of a plan, seconds; else 1."""
    gross_nanos: int
    """Before discounts."""
    description: str = ""
    model: str = ""
    meter: str = ""
    price_version_id: int | None = None
    included_quantity: int = 0
    """The part of it that plans include."""
    rate_nanos_per_million: int | None = None
    """None: it is not a rate that decides."""
    discount_nanos: int = 0

    @property
    def amount_nanos(self) -> int:
        return self.gross_nanos - self.discount_nanos


def usage_key(price_version_id: int, meter: str) -> str:
    return f"{ChargeKind.USAGE}:{price_version_id}:{meter}"


def plan_key(subscription_id: int) -> str:
    return f"{ChargeKind.PLAN}:{subscription_id}"


def commitment_key(subscription_id: int) -> str:
    return f"{ChargeKind.COMMITMENT}:{subscription_id}"
