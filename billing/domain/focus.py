"""Costs in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

One row for each day (or hour) and project of a line item. A line is shared out by what
was used in each, so that the rows of an invoice come to its lines exactly: to the
nanos and to the token. Taxes are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.domain.charges import ChargeKind
from metering.domain.usage import Meter

PROVIDER = "Tokenfab"
_UNITS = {
    Meter.IMAGES.value: "Images",
    Meter.HBM_MB_S.value: "MB-Seconds",
    Meter.HOST_MB_S.value: "MB-Seconds",
    Meter.DISK_MB_S.value: "MB-Seconds",
}
_TOKENS = "Tokens"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A span of time in which one project used some of what a line bills."""

    start: datetime
    end: datetime
    project_id: int | None
    project_name: str | None
    """Null, both: it is of no project."""
    weight: int
    """What was used, by the rollups; 1 where a line is of its whole period."""


@dataclass(frozen=True, kw_only=True)
class BilledLine:
    """A line item; or what a credit note takes from one, below zero throughout."""

    document_number: str
    issuer: str
    tenant_slug: str
    tenant_name: str
    currency: str
    month_start: datetime
    month_end: datetime
    kind: ChargeKind
    description: str
    model: str
    meter: str
    price_version_id: int | None
    quantity: int
    rate_nanos_per_million: int | None
    gross_nanos: int
    amount_nanos: int
    is_correction: bool


@dataclass(frozen=True, kw_only=True)
class FocusRow:
    """Named as the specification names its columns, in snake case."""

    billed_cost: Decimal
    billing_account_id: str
    billing_account_name: str
    billing_account_type: str
    billing_currency: str
    billing_period_end: datetime
    billing_period_start: datetime
    charge_category: str
    charge_class: str | None
    charge_description: str
    charge_frequency: str
    charge_period_end: datetime
    charge_period_start: datetime
    consumed_quantity: Decimal | None
    consumed_unit: str | None
    contracted_cost: Decimal
    contracted_unit_price: Decimal | None
    effective_cost: Decimal
    invoice_id: str
    invoice_issuer_name: str
    list_cost: Decimal
    list_unit_price: Decimal | None
    pricing_category: str | None
    pricing_currency: str
    pricing_quantity: Decimal | None
    pricing_unit: str | None
    provider_name: str
    publisher_name: str
    resource_id: str | None
    resource_name: str | None
    resource_type: str | None
    service_category: str
    service_name: str
    service_subcategory: str
    sku_id: str | None
    sku_meter: str | None
    sku_price_id: str | None
    sub_account_id: str | None
    sub_account_name: str | None
    sub_account_type: str | None


def column_name(field: str) -> str:
    """`billed_cost` is BilledCost."""
    return "".join(word.capitalize() for word in field.split("_"))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """`total` shared out by `weights`, which add up to more than nothing: whole numbers
    that come to it exactly, each within one of its true share.
    """
    whole, passed, given, found = sum(weights), 0, 0, []
    for weight in weights:
        passed += weight
        upto = total * passed // whole
        found.append(upto - given)
        given = upto
    return found


def focus_rows(line: BilledLine, parts: Sequence[Part]) -> Iterator[FocusRow]:
    """In the order of `parts`, of which there is one at least."""
    weights = [part.weight for part in parts]
    return (
        _row(line, part, quantity=quantity, gross=gross, amount=amount)
        for part, quantity, gross, amount in zip(
            parts,
            shares(line.quantity, weights),
            shares(line.gross_nanos, weights),
            shares(line.amount_nanos, weights),
            strict=True,
        )
    )


def _row(
    line: BilledLine, part: Part, *, quantity: int, gross: int, amount: int
) -> FocusRow:
    is_usage = line.kind is ChargeKind.USAGE
    has_rate = is_usage and line.rate_nanos_per_million is not None
    unit = _UNITS.get(line.meter, _TOKENS) if is_usage else None
    billed, listed = _units(amount), _units(gross)
    rate = _units(line.rate_nanos_per_million or 0) if has_rate else None
    return FocusRow(
        billed_cost=billed,
        billing_account_id=line.tenant_slug,
        billing_account_name=line.tenant_name,
        billing_account_type="Tenant",
        billing_currency=line.currency,
        billing_period_end=line.month_end,
        billing_period_start=line.month_start,
        charge_category="Usage" if is_usage else "Purchase",
        charge_class="Correction" if line.is_correction else None,
        charge_description=line.description,
        charge_frequency="Usage-Based" if is_usage else "Recurring",
        charge_period_end=part.end,
        charge_period_start=part.start,
        consumed_quantity=Decimal(quantity) if is_usage else None,
        consumed_unit=unit,
        contracted_cost=listed,
        contracted_unit_price=rate,
        effective_cost=billed,
        invoice_id=line.document_number,
        invoice_issuer_name=line.issuer,
        list_cost=listed,
        list_unit_price=rate,
        pricing_category="Standard" if is_usage else "Other",
        pricing_currency=line.currency,
        pricing_quantity=Decimal(quantity).scaleb(-6) if is_usage else None,
        pricing_unit=f"1000000 {unit}" if unit else None,
        provider_name=PROVIDER,
        publisher_name=PROVIDER,
        resource_id=line.model or None,
        resource_name=line.model or None,
        resource_type="Model" if line.model else None,
        service_category="AI and Machine Learning",
        service_name="Inference",
        service_subcategory="Generative AI",
        sku_id=f"{line.model}:{line.meter}" if is_usage else None,
        sku_meter=line.meter or None,
        sku_price_id=f"{line.price_version_id}:{line.meter}" if is_usage else None,
        sub_account_id=None if part.project_id is None else str(part.project_id),
        sub_account_name=part.project_name,
        sub_account_type=None if part.project_id is None else "Project",
    )


def _units(amount_nanos: int) -> Decimal:
    return Decimal(amount_nanos).scaleb(-9)
