"""What an invoice bills: the rated month, less what issued invoices billed of it."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from billing.domain.money import cents
from billing.domain.rating import Charge, ChargeKey
from billing.errors import BilledMoreThanRatedError


class InvoiceStatus(enum.StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    PAID = "paid"
    VOID = "void"


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What issued invoices of a month say of one charge key, added up."""

    quantity: int
    amount_nano_usd: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    cents: int
    nano_usd: int


_NOTHING = Billed(quantity=0, amount_nano_usd=0)


def unbilled(
    charges: Iterable[Charge], billed: Mapping[ChargeKey, Billed]
) -> list[Charge]:
    """The lines of the next invoice: each charge less what is billed of it.

    The amount is a difference of two rounded totals, not the rounded product of the
    rest: so all invoices of a month together bill exactly its rated amount. A charge
    of which more is billed already (a span that ends earlier) gives no line.
    """
    lines = []
    for charge in charges:
        before = billed.get(charge.key, _NOTHING)
        if charge.quantity > before.quantity:
            lines.append(
                replace(
                    charge,
                    quantity=charge.quantity - before.quantity,
                    amount_nano_usd=charge.amount_nano_usd - before.amount_nano_usd,
                )
            )
    return lines


def check_nothing_billed_is_gone(
    charges: Iterable[Charge], billed: Mapping[ChargeKey, Billed]
) -> None:
    """Raises BilledMoreThanRatedError when a month's charges, all of them, fall short
    of what its issued invoices bill.
    """
    rated = {charge.key: charge.quantity for charge in charges}
    for key, before in billed.items():
        if rated.get(key, 0) < before.quantity:
            raise BilledMoreThanRatedError(
                f"{before.quantity} {key.meter} under price version"
                f" {key.price_version_id} are billed, but the rollups show only"
                f" {rated.get(key, 0)}"
            )


def totals(lines: Iterable[Charge]) -> Totals:
    """Cents are added after each line was rounded: the total is what the lines show."""
    amounts = [line.amount_nano_usd for line in lines]
    return Totals(cents=sum(map(cents, amounts)), nano_usd=sum(amounts))


def number(year: int, sequence: int) -> str:
    return f"TF-{year:04d}-{sequence:06d}"
