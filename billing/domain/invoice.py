"""What an invoice bills: the rated month, less what issued invoices billed of it."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from billing.domain.charges import Charge
from billing.domain.money import cents


class InvoiceStatus(enum.StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    PAID = "paid"
    VOID = "void"
    """Issued by mistake: what it billed is billed anew."""
    UNCOLLECTIBLE = "uncollectible"
    """Given up, though still owed; a late payment makes it paid."""


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What issued invoices of a month say of one charge, less what was credited."""

    quantity: int
    amount_nanos: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Of lines."""

    cents: int
    nanos: int


@dataclass(frozen=True, kw_only=True)
class Tax:
    cents: int
    is_inclusive: bool = False
    """It is part of the lines."""


NO_TAX = Tax(cents=0)


@dataclass(frozen=True, kw_only=True)
class Overbilled:
    """By what issued invoices bill more of one charge than it comes to now."""

    key: str
    quantity: int
    amount_nanos: int


_NOTHING = Billed(quantity=0, amount_nanos=0)


def unbilled(charges: Iterable[Charge], billed: Mapping[str, Billed]) -> list[Charge]:
    """The lines of the next invoice: each charge less what is billed of it.

    The amount is a difference of two rounded totals, not the rounded product of the
    rest: so all invoices of a month together bill exactly its rated amount. A charge
    of which more is billed already gives no line, or one of its quantity alone.
    """
    lines = [_rest(charge, billed.get(charge.key, _NOTHING)) for charge in charges]
    return [line for line in lines if line.quantity or line.amount_nanos]


def _rest(charge: Charge, before: Billed) -> Charge:
    if before == _NOTHING:
        return charge
    amount = max(0, charge.amount_nanos - before.amount_nanos)
    quantity = max(0, charge.quantity - before.quantity)
    return replace(
        charge,
        quantity=quantity,
        # What was included, and taken off, is told where it was billed first.
        included_quantity=0,
        rate_nanos_per_million=(
            charge.rate_nanos_per_million if not charge.included_quantity else None
        ),
        gross_nanos=amount,
        discount_nanos=0,
    )


def overbilled(
    charges: Iterable[Charge], billed: Mapping[str, Billed]
) -> list[Overbilled]:
    """What credit notes are to take back: of charges that shrank, or are gone, since
    invoices billed them.
    """
    rated = {charge.key: charge for charge in charges}
    found = []
    for key, before in billed.items():
        charge = rated.get(key)
        quantity = before.quantity - (charge.quantity if charge else 0)
        amount = before.amount_nanos - (charge.amount_nanos if charge else 0)
        if quantity > 0 or amount > 0:
            found.append(
                Overbilled(
                    key=key, quantity=max(0, quantity), amount_nanos=max(0, amount)
                )
            )
    return found


def totals(lines: Iterable[Charge]) -> Totals:
    """Cents are added after each line was rounded: the total is what the lines show."""
    amounts = [line.amount_nanos for line in lines]
    return Totals(cents=sum(map(cents, amounts)), nanos=sum(amounts))


def number(series: str, *, year: int, sequence: int) -> str:
    """`TF-2026-000001`."""
    return f"{series}-{year:04d}-{sequence:06d}"
