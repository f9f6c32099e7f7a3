"""An invoice as JSON: for scripts, downloads, and whoever checks the arithmetic."""

from datetime import datetime

import msgspec


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    meter: str
    quantity: int
    """Tokens."""
    rate_nano_usd_per_million: int | None
    """None: it is not a rate that decides."""
    amount_nano_usd: int
    amount_usd: str
    """The amount before rounding, exactly: `0.0000123`."""
    amount_cents: int
    price_version_id: int | None
    """None: it is no usage."""


class InvoiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    number: str | None
    """None: a draft."""
    status: str
    tenant: str
    """Its name."""
    currency: str
    period_start: datetime
    period_end: datetime
    """Exclusive."""
    issued_at: datetime | None
    """None: a draft."""
    total_cents: int
    total_usd: str
    """What is owed: the cents, as `12.34`."""
    total_nano_usd: int
    """The sum of the lines before they were rounded."""
    lines: list[InvoiceLine]
