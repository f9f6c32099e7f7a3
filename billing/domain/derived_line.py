"""A line of an invoice once more, from its usage events, step by step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from billing.domain.money import cents
from billing.domain.price_models import (
    ExplainedStep,
    MeterPricing,
    amount_of,
    explain,
)


@dataclass(frozen=True, kw_only=True)
class BilledLine:
    """What the line says."""

    quantity: int
    included_quantity: int
    gross_nanos: int
    discount_nanos: int
    amount_cents: int


@dataclass(frozen=True, kw_only=True)
class DerivedLine:
    days: Mapping[date, int]
    """Quantity by UTC day."""
    quantity: int
    earlier_quantity: int
    """What earlier invoices bill of the month: the price is of all together."""
    steps: list[ExplainedStep]
    """Of the quantity that is paid, with the earlier one."""
    earlier_nanos: int
    """What of the steps earlier invoices, and what they included, took."""
    gross_nanos: int
    amount_nanos: int
    amount_cents: int
    is_same: bool
    """Quantity, amount and cents are those of the line."""


def derive_line(
    days: Mapping[date, int],
    line: BilledLine,
    pricing: MeterPricing,
    *,
    earlier_quantity: int = 0,
) -> DerivedLine:
    """`days` from the events. Where nothing was billed before, the amount follows from
    the price alone. Else it is a difference to documents that are final: the line's own
    amount, moved by what the price makes of the difference in quantity.
    """
    quantity = sum(days.values())
    paid = max(0, earlier_quantity + quantity - line.included_quantity)
    steps = explain(pricing, paid)
    whole = amount_of(pricing, paid)
    earlier = 0
    if earlier_quantity:
        as_billed = max(0, earlier_quantity + line.quantity - line.included_quantity)
        earlier = amount_of(pricing, as_billed) - line.gross_nanos
    gross = max(0, whole - earlier)
    amount = max(0, gross - line.discount_nanos)
    return DerivedLine(
        days=days,
        quantity=quantity,
        earlier_quantity=earlier_quantity,
        steps=steps,
        earlier_nanos=earlier,
        gross_nanos=gross,
        amount_nanos=amount,
        amount_cents=cents(amount),
        is_same=(quantity, gross, cents(amount))
        == (line.quantity, line.gross_nanos, line.amount_cents),
    )
