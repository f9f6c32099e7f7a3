"""Taking from the lines of issued invoices: which, how much, and in whole cents."""

from collections.abc import Iterable
from dataclasses import dataclass

from billing.domain.money import cents, divided_half_up


@dataclass(frozen=True, kw_only=True)
class Creditable:
    """A line, less what issued credit notes took from it."""

    line_id: int
    quantity: int
    amount_nano_usd: int
    amount_cents: int


@dataclass(frozen=True, kw_only=True)
class Taken:
    """From one line."""

    line_id: int
    quantity: int
    amount_nano_usd: int
    amount_cents: int


def take(
    lines: Iterable[Creditable], *, quantity: int, amount_nano_usd: int
) -> list[Taken]:
    """So much of the lines, in their order; less if there is not so much."""
    taken = []
    for line in lines:
        amount = min(amount_nano_usd, line.amount_nano_usd)
        units = min(quantity, line.quantity)
        amount_nano_usd -= amount
        quantity -= units
        if amount or units:
            taken.append(_taken(line, quantity=units, amount_nano_usd=amount))
    return taken


def _taken(line: Creditable, *, quantity: int, amount_nano_usd: int) -> Taken:
    """In cents it is what the line shrinks by: taken in however many parts, a whole
    line gives back exactly the cents that it cost.
    """
    left = cents(line.amount_nano_usd - amount_nano_usd)
    return Taken(
        line_id=line.line_id,
        quantity=quantity,
        amount_nano_usd=amount_nano_usd,
        amount_cents=max(0, line.amount_cents - left),
    )


def tax_taken(*, taken_cents: int, left_cents: int, left_tax_cents: int) -> int:
    """The tax on what is taken from an invoice's lines, of which so much, and such a
    tax, is left; the last part takes the last cent.
    """
    if not left_cents:
        return 0
    return divided_half_up(left_tax_cents * taken_cents, left_cents)
